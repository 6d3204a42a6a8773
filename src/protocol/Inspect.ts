/**
 * Report the offset of an upload.
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Concat from "./Concat.js"
import * as Refusal from "./Refusal.js"
import type { Bytes, Kind, Upload } from "./Upload.js"

/** Where the upload stands. */
export interface Inspected {
  readonly _tag: "Inspected"
  /** `Option.none` for a final upload that is not assembled. */
  readonly offset: Option.Option<Bytes>
  /** `Option.none` if it is not declared. */
  readonly length: Option.Option<Bytes>
  readonly metadata: Option.Option<string>
  readonly kind: Kind
  readonly expires: Option.Option<DateTime.Utc>
}

/**
 * The state to report, or the refusal. `parts` are those of a final upload, `none` for a missing one. A final has no
 * offset before it is assembled, and its length is reported "as soon as it can be calculated".
 */
export const decide = (
  upload: Upload,
  parts: ReadonlyArray<Option.Option<Upload>>,
  now: DateTime.Utc
): Either.Either<Inspected, Refusal.Refusal> => {
  if (upload.hasExpired(now)) {
    return Either.left(new Refusal.UploadExpired({ id: upload.id }))
  }
  if (upload.completion._tag === "Rejected") {
    return Either.left(new Refusal.UploadRejected(upload.completion))
  }
  if (upload.completion._tag === "Finishing") {
    return Either.left(new Refusal.Finishing())
  }
  const { expiresAt, kind, metadata, offset } = upload
  const assembling = upload.isOpen && kind._tag === "Final"
  const length = assembling
    ? Option.orElse(upload.length, () => Option.flatMap(Option.all(parts), Concat.lengthOf))
    : upload.length
  const gone = assembling ? Concat.missing(upload, parts) : Option.none()
  return Option.isSome(gone)
    ? Either.left(gone.value)
    : Either.right({
      _tag: "Inspected",
      offset: assembling ? Option.none() : Option.some(offset),
      length,
      metadata,
      kind,
      expires: expiresAt
    })
}
