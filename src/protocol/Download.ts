/**
 * Send the bytes of a complete upload, or a range of them. Conditions and ranges are those of HTTP, whatever the
 * dialect.
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
  /** Whether a browser would take the bytes for a program, the looks of a page, or a document within one. */
  readonly isToRun: boolean
  /** What the client has already. */
  readonly has: Versions
  /** One range; none where all is wanted. */
  readonly range: Option.Option<Range>
  /** The versions of which the range may be; otherwise all is sent. */
  readonly rangeOf: Versions
}

/** Versions of an upload: those of these tags, all, those up to a moment in whole seconds, or none. */
export type Versions =
  | { readonly _tag: "None" }
  | { readonly _tag: "All" }
  | { readonly _tag: "Tags"; readonly tags: ReadonlyArray<string> }
  | { readonly _tag: "Until"; readonly at: DateTime.Utc }

/** From the first byte to the last, inclusive; the last `count`. The first is not behind the last. */
export type Range =
  | { readonly _tag: "From"; readonly first: number; readonly last: Option.Option<number> }
  | { readonly _tag: "Last"; readonly count: number }

/** From `start` to `end`, exclusive. */
export interface Slice {
  readonly start: number
  readonly end: number
}

/** The bytes that are sent, none where the client has them already. */
export interface Downloaded {
  readonly _tag: "Downloaded"
  readonly upload: Upload
  /** The version of the upload: what is complete never changes. */
  readonly tag: string
  readonly completedAt: DateTime.Utc
  readonly slice: Option.Option<Slice>
  /** Whether the slice is what a range asked for. */
  readonly isRange: boolean
}

/** What is sent, or the reason not to; reasons are tried in the order they win. */
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
