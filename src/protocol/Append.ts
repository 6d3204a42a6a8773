/**
 * Append bytes to an upload.
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import * as Transfer from "./Transfer.js"
import type { Bytes, Upload } from "./Upload.js"

/** What the client says. */
export interface Request extends Transfer.Body {
  /** Where the bytes belong. */
  readonly offset: Bytes
  /** The length of the upload, declared with this request. */
  readonly length: Option.Option<Bytes>
}

/** Where the upload stands now, and when it ends if nothing more comes. */
export interface Appended {
  readonly _tag: "Appended"
  readonly offset: Bytes
  readonly expires: Option.Option<DateTime.Utc>
}

/** The plan for the bytes, or the refusal. Reasons to refuse are checked in this order. */
export const decide = (
  upload: Upload,
  request: Request,
  now: DateTime.Utc,
  policy: Policy
): Either.Either<Transfer.Plan, Refusal.Refusal> => {
  if (upload.hasExpired(now)) {
    return Either.left(new Refusal.UploadExpired({ id: upload.id }))
  }
  if (upload.isFinal) {
    return Either.left(new Refusal.FinalUpload())
  }
  if (upload.completion._tag === "Rejected") {
    return Either.left(new Refusal.UploadRejected(upload.completion))
  }
  const { contentLength, isLast } = request
  return Either.flatMap(
    Transfer.verificationOf(request.checksum, policy),
    (verification): Either.Either<Transfer.Plan, Refusal.Refusal> =>
      upload.offset === request.offset
        ? Either.flatMap(
          declare(upload, request.length, policy),
          (length) => Transfer.plan(upload, length, { contentLength, isLast, verification }, policy)
        )
        : Either.left(new Refusal.OffsetMismatch({ expected: upload.offset, actual: request.offset }))
  )
}

/** "Once it is known the length MUST NOT be changed": saying it again is harmless, saying another is refused. */
const declare = (
  upload: Upload,
  declared: Option.Option<Bytes>,
  { maxSize }: Policy
): Either.Either<Option.Option<Bytes>, Refusal.Refusal> => {
  if (Option.isNone(declared)) {
    return Either.right(upload.length)
  }
  const actual = declared.value
  if (Option.isSome(upload.length)) {
    return actual === upload.length.value
      ? Either.right(upload.length)
      : Either.left(new Refusal.LengthConflict({ reason: "AlreadyDeclared", expected: upload.length.value, actual }))
  }
  if (actual < upload.offset) {
    return Either.left(new Refusal.LengthConflict({ reason: "BelowOffset", expected: upload.offset, actual }))
  }
  if (Option.isSome(maxSize) && actual > maxSize.value) {
    return Either.left(new Refusal.TooLarge({ reason: "MaxSize", limit: maxSize.value }))
  }
  return Either.right(declared)
}

/** The answer to a request that was not refused. */
export const respond = ({ expiresAt, offset }: Upload): Appended => ({ _tag: "Appended", offset, expires: expiresAt })
