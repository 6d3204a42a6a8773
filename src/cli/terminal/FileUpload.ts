/**
 * One file to upload, and the updates about it.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { SourceError, UploadSource } from "../../client/sources/UploadSource.js"
import type { TusError } from "../../client/transport/TusError.js"
import type * as TusUpload from "../../client/upload/TusUpload.js"
import type { Algorithm } from "../../protocol/Checksum.js"

export interface Job {
  /** The name for the user, without control characters. */
  readonly name: string
  /** In bytes; `Option.none` if it is not known yet. */
  readonly size: Option.Option<number>
  readonly endpoint: string
  readonly metadata: Readonly<Record<string, string | Uint8Array>>
  readonly open: Effect.Effect<UploadSource, SourceError, Scope.Scope>
  /** The algorithm with which an earlier session checked each chunk. */
  readonly checksum: Option.Option<Algorithm>
  /** The number of parts of an earlier session; `Option.none` leaves it to this one. */
  readonly parts: Option.Option<number>
  /** Whether a later session can resume it. */
  readonly resumable: boolean
}

export type Update =
  | { readonly _tag: "Started"; readonly file: Job }
  | TusUpload.Update<Job>
  /** An attempt failed, and another follows after `delay`. */
  | {
    readonly _tag: "Retrying"
    readonly file: Job
    readonly error: TusError
    readonly delay: Duration.Duration
  }
