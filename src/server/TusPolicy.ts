/**
 * What the operator of a server allows. Every limit holds on every path.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"

export interface Options {
  /** Bytes that one upload may hold, however it comes. No limit by default. */
  readonly maxSize?: number | undefined
  /** Characters that an Upload-Metadata header may have. 8192 by default. */
  readonly maxMetadataSize?: number | undefined
  /** How long an unfinished upload lives after its last acknowledged byte. For ever by default. */
  readonly expiresAfter?: Duration.DurationInput | undefined
  /** Whether complete uploads may be had by GET, as files to be saved. Not by default. */
  readonly downloads?: boolean | undefined
  /** Origins whose pages may use the server, `"*"` for all, which is the default. */
  readonly origins?: "*" | ReadonlyArray<string> | undefined
}

export class TusPolicy extends Context.Reference<TusPolicy>()("effect-tus/TusPolicy", {
  defaultValue: (): Options => ({})
}) {}
