/**
 * Remove an upload and free what it holds.
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Refusal from "./Refusal.js"
import type { Upload } from "./Upload.js"

/** The upload is gone. */
export interface Terminated {
  readonly _tag: "Terminated"
}

/** The upload to remove, or the refusal. Complete, rejected and unfinished uploads can be removed. */
export const decide = (upload: Upload, now: DateTime.Utc): Either.Either<Upload, Refusal.Refusal> =>
  upload.hasExpired(now) ? Either.left(new Refusal.UploadExpired({ id: upload.id })) : Either.right(upload)

/** The answer to a request that was not refused. */
export const respond: Terminated = { _tag: "Terminated" }
