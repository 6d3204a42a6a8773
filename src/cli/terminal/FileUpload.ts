/**
 * One file to be uploaded, and what is told about it on the way.
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
  /** As the user knows it, fit to be printed. */
  readonly name: string
  /** In bytes, where it is known by now. */
  readonly size: Option.Option<number>
  readonly endpoint: string
  readonly metadata: Readonly<Record<string, string | Uint8Array>>
  readonly open: Effect.Effect<UploadSource, SourceError, Scope.Scope>
  /** By which an earlier session had each chunk checked. */
  readonly checksum: Option.Option<Algorithm>
  /** In how many parts an earlier session sent it; none where this one may decide. */
  readonly parts: Option.Option<number>
  /** Another session can go on with it. */
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
