/**
 * A part, or the whole made of parts: when a final upload can be assembled, and how long it is.
 */
import * as Data from "effect/Data"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import { Bytes, type Upload, type UploadId } from "./Upload.js"

/** A part as a final upload names it. */
export interface Part {
  readonly id: UploadId
  readonly url: string
}

/** The kind of upload that the client asks for. `concat` is the text that a later inspection returns. */
export type Asked =
  | { readonly _tag: "Whole" }
  | { readonly _tag: "Partial" }
  | { readonly _tag: "Final"; readonly parts: ReadonlyArray<Part>; readonly concat: string }

const isBytes = Schema.is(Bytes)

/** The length of a final upload in bytes; `Option.none` until every part has a length, or if the sum exceeds 2^53-1. */
export const lengthOf = (parts: ReadonlyArray<Upload>): Option.Option<Bytes> =>
  Option.all(parts.map((part) => part.length)).pipe(
    Option.map((lengths) => lengths.reduce((sum, length) => sum + length, 0)),
    Option.filter(isBytes)
  )

/**
 * The missing part because of which an open final can never be assembled. `parts` are in its order, `none` for a
 * missing one.
 */
export const missing = (
  { kind }: Upload,
  parts: ReadonlyArray<Option.Option<Upload>>
): Option.Option<Refusal.PartGone> =>
  kind._tag === "Final"
    ? Option.map(
      Option.fromNullable(kind.parts.find((_, i) => Option.isNone(parts[i] ?? Option.none()))),
      (part) => new Refusal.PartGone({ part })
    )
    : Option.none()

/** Whether an open final can be assembled now, later, or never. */
export type Assembly = Data.TaggedEnum<{
  Ready: { readonly parts: ReadonlyArray<Upload>; readonly length: Bytes }
  Waiting: {}
  Impossible: { readonly refusal: Refusal.PartGone | Refusal.TooLarge }
}>

export const Assembly = Data.taggedEnum<Assembly>()

/**
 * Whether an open final can be assembled. `parts` are in its order, `none` for a missing one. `Ready`: all parts are
 * complete; with the sum of their lengths in bytes. `Impossible` with `PartGone`: a part is missing. `Impossible` with
 * `TooLarge`: the lengths exceed `maxSize` or 2^53-1 bytes.
 */
export const assemblyOf = (
  final: Upload,
  parts: ReadonlyArray<Option.Option<Upload>>,
  { maxSize }: Policy
): Assembly => {
  const gone = missing(final, parts)
  if (Option.isSome(gone)) {
    return Assembly.Impossible({ refusal: gone.value })
  }
  const found = Option.getOrElse(Option.all(parts), () => [])
  const length = lengthOf(found)
  const limit = Option.getOrElse(maxSize, () => Number.MAX_SAFE_INTEGER)
  if (found.some((part) => Option.isNone(part.length))) {
    return Assembly.Waiting()
  }
  if (Option.isNone(length) || length.value > limit) {
    return Assembly.Impossible({ refusal: new Refusal.TooLarge({ reason: "MaxSize", limit }) })
  }
  return found.some(({ isOpen }) => isOpen)
    ? Assembly.Waiting()
    : Assembly.Ready({ parts: found, length: length.value })
}
