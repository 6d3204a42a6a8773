/**
 * Send the bytes of a complete upload, or a range of them. Conditions and ranges are those of HTTP in every dialect.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Refusal from "./Refusal.js"
import type { Upload } from "./Upload.js"

/** What the client says. */
export interface Request {
  /** Whether a browser would run the bytes: as a script, a style sheet or an embedded document. */
  readonly isToRun: boolean
  /** The versions that the client has. */
  readonly has: Versions
  /** One range; `Option.none` for the whole upload. */
  readonly range: Option.Option<Range>
  /** The range applies to these versions only. For another one, all bytes are sent. */
  readonly rangeOf: Versions
}

/** A set of versions: none, all, those with one of these tags, or those up to a moment in whole seconds. */
export type Versions =
  | { readonly _tag: "None" }
  | { readonly _tag: "All" }
  | { readonly _tag: "Tags"; readonly tags: ReadonlyArray<string> }
  | { readonly _tag: "Until"; readonly at: DateTime.Utc }

/** `From`: positions of the first and the last byte, inclusive, in order. `Last`: the last `count` bytes. */
export type Range =
  | { readonly _tag: "From"; readonly first: number; readonly last: Option.Option<number> }
  | { readonly _tag: "Last"; readonly count: number }

/** From `start` to `end`, exclusive. */
export interface Slice {
  readonly start: number
  readonly end: number
}

/** The bytes to send; no slice if the client has them. */
export interface Downloaded {
  readonly _tag: "Downloaded"
  readonly upload: Upload
  /** The version of the upload. A complete upload has only one. */
  readonly tag: string
  readonly completedAt: DateTime.Utc
  readonly slice: Option.Option<Slice>
  /** Whether the slice is the requested range. */
  readonly isRange: boolean
}

/** What to send, or the refusal. Reasons to refuse are checked in this order. */
export const decide = (
  upload: Upload,
  request: Request,
  now: DateTime.Utc
): Either.Either<Downloaded, Refusal.Refusal> => {
  if (request.isToRun) {
    return Either.left(new Refusal.NotRunnable())
  }
  if (upload.hasExpired(now)) {
    return Either.left(new Refusal.UploadExpired({ id: upload.id }))
  }
  const { completion, id: tag, offset: size } = upload
  if (completion._tag === "Rejected") {
    return Either.left(new Refusal.UploadRejected(completion))
  }
  if (completion._tag !== "Complete") {
    return Either.left(new Refusal.Incomplete({ offset: size }))
  }
  const version = { _tag: "Downloaded", upload, tag, completedAt: completion.at } as const
  if (covers(request.has, tag, completion.at)) {
    return Either.right({ ...version, slice: Option.none(), isRange: false })
  }
  const applies = covers(request.rangeOf, tag, completion.at)
  return Option.match(Option.filter(request.range, () => applies), {
    onNone: () => Either.right({ ...version, slice: Option.some({ start: 0, end: size }), isRange: false }),
    onSome: (range) => {
      const slice = sliceOf(range, size)
      return slice.start < slice.end
        ? Either.right({ ...version, slice: Option.some(slice), isRange: true })
        : Either.left(new Refusal.RangeNotSatisfiable({ size }))
    }
  })
}

const covers = (versions: Versions, tag: string, completedAt: DateTime.Utc): boolean => {
  switch (versions._tag) {
    case "None":
      return false
    case "All":
      return true
    case "Tags":
      return versions.tags.includes(tag)
    case "Until":
      return Math.floor(DateTime.toEpochMillis(completedAt) / 1000) * 1000 <= DateTime.toEpochMillis(versions.at)
  }
}

const sliceOf = (range: Range, size: number): Slice =>
  range._tag === "Last"
    ? { start: Math.max(0, size - range.count), end: size }
    : {
      start: range.first,
      end: Option.match(range.last, { onNone: () => size, onSome: (last) => Math.min(size, last + 1) })
    }
