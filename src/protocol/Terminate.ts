/**
 * DELETE: remove an upload and free what it holds.
 *
 * @see https://tus.io/protocols/resumable-upload#termination
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Refusal from "./Refusal.js"
import type { Upload } from "./Upload.js"

/** What the server answers. Without fields it encodes to itself: a property of its own would be sent as a header. */
export class Response extends Schema.Class<Response>("effect-tus/Terminate/Response")({}) {
  get status(): 204 {
    return 204
  }
}

/** The upload to remove, or the reason not to. Complete, rejected and unfinished uploads may all be terminated. */
export const decide = (upload: Upload, now: DateTime.Utc): Either.Either<Upload, Refusal.Refusal> =>
  upload.hasExpired(now) ? Either.left(new Refusal.UploadExpired({ id: upload.id })) : Either.right(upload)
