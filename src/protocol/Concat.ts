/**
 * Upload-Concat: a part, or the whole made of parts.
 *
 * @see https://tus.io/protocols/resumable-upload#concatenation
 */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import { Bytes, type Upload, UploadId } from "./Upload.js"

const Url = Schema.String.pipe(Schema.pattern(/^[\x21-\x3a\x3c-\x7e]+$/))

/** `Upload-Concat: partial`: the upload is to become a part of another. */
export const Partial = Schema.TaggedStruct("Partial", {})

/**
 * `Upload-Concat: final;` and the URLs of its parts, in order and as the client wrote them: `partsOf` reads their ids.
 */
export const Final = Schema.TaggedStruct("Final", { urls: Schema.NonEmptyArray(Url) })

/** What the header says. An upload that is whole has no such header. */
export const Concat = Schema.Union(Partial, Final)
export type Concat = typeof Concat.Type

const isUrls = Schema.is(Schema.NonEmptyArray(Url))

const parse = (header: string): Either.Either<Concat, string> => {
  if (header === "partial") {
    return Either.right(Partial.make())
  }
  if (!header.startsWith("final;")) {
    return Either.left(`expected "partial" or "final;" and the URLs of the partial uploads`)
  }
  const urls = header.slice("final;".length).split(" ").filter((url) => url !== "")
  return isUrls(urls)
    ? Either.right(Final.make({ urls }))
    : Either.left("expected the URL of at least one partial upload")
}

/**
 * The header, read and written: `partial`, or `final;` and at least one URL, with spaces between them. Fails on all
 * else.
 */
export const FromHeader: Schema.Schema<Concat, string> = Schema.transformOrFail(
  Schema.String,
  Schema.typeSchema(Concat),
  {
    strict: true,
    decode: (header, _, ast) => Either.mapLeft(parse(header), (reason) => new ParseResult.Type(ast, header, reason)),
    encode: (concat) => ParseResult.succeed(concat._tag === "Partial" ? "partial" : `final;${concat.urls.join(" ")}`)
  }
)

const decodeId = Schema.decodeOption(UploadId)

const withoutHost = (url: string) => url.replace(/^https?:\/\/[^/]*/, "")

/** A part as a final upload names it. */
export interface Part {
  readonly id: UploadId
  readonly url: string
}

/**
 * The parts a final upload names, in order. Each URL must lie directly under the collection that is posted to, where
 * the client sees it; on which host, says the client.
 */
export const partsOf = (
  { urls }: typeof Final.Type,
  collection: string
): Either.Either<ReadonlyArray<Part>, Refusal.InvalidHeader> => {
  const parent = `${withoutHost(collection)}/`
  return Either.all(urls.map((url) => {
    const [path = ""] = withoutHost(url).split("?")
    const id = path.startsWith(parent) ? decodeId(path.slice(parent.length)) : Option.none()
    return Either.fromOption(Option.map(id, (id) => ({ id, url })), () =>
      new Refusal.InvalidHeader({
        header: "upload-concat",
        reason: `expected URLs of partial uploads under ${collection}/`,
        actual: Option.some(url)
      }))
  }))
}

const isBytes = Schema.is(Bytes)

/** The length of a final upload, as soon as the length of every part is known; none where the sum is beyond 2^53-1. */
export const lengthOf = (parts: ReadonlyArray<Upload>): Option.Option<Bytes> =>
  Option.all(parts.map((part) => part.length)).pipe(
    Option.map((lengths) => lengths.reduce((sum, length) => sum + length, 0)),
    Option.filter(isBytes)
  )

/** The part that keeps an open final from ever being assembled; `parts` are in its order, none for one that is gone. */
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
 * What can be done about an open final; `parts` are in its order, none for one that is gone. `Ready` when all of them
 * are complete, with the sum of their lengths in bytes. `Impossible` with `PartGone` where one is gone, and with
 * `TooLarge` as soon as the lengths are known to exceed `maxSize`, or 2^53-1 bytes.
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
