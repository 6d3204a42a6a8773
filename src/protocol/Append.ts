/**
 * PATCH: append bytes to an upload.
 *
 * @see https://tus.io/protocols/resumable-upload#patch
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as BodyHeaders from "./BodyHeaders.js"
import * as Header from "./Header.js"
import type { Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import * as Transfer from "./Transfer.js"
import type { Bytes, Upload } from "./Upload.js"

/** What the client says. */
export class Request extends Schema.Class<Request>("effect-tus/Append/Request")({
  contentType: Header.required("content-type", BodyHeaders.contentType),
  contentEncoding: Header.optional("content-encoding", BodyHeaders.ContentEncoding),
  offset: Header.required("upload-offset", Header.Bytes),
  length: Header.optional("upload-length", Header.Bytes),
  ...BodyHeaders.fields
}) {}

/** What the server answers. */
export class Response extends Schema.Class<Response>("effect-tus/Append/Response")({
  offset: Header.required("upload-offset", Header.Bytes),
  expires: Header.optional("upload-expires", Header.HttpDate)
}) {
  readonly status = 204
}

/** What may be done with the bytes, or the reason to take none; reasons are tried in the order they win. */
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
  return Either.flatMap(
    BodyHeaders.verification(request, policy),
    (verification): Either.Either<Transfer.Plan, Refusal.Refusal> =>
      upload.offset === request.offset
        ? Either.flatMap(
          declare(upload, request.length, policy),
          (length) => Transfer.plan(upload, length, { contentLength: request.contentLength, verification }, policy)
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
export const respond = (upload: Upload): Response =>
  new Response({ offset: upload.offset, expires: upload.expiresAt }, { disableValidation: true })
