/**
 * What a server allows and offers, as a value that the rules read.
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Algorithm } from "./Checksum.js"
import type { Extension } from "./Extension.js"

/**
 * Every limit and every offer, with nothing left out: a server makes it of its `TusPolicy`, which has defaults, and of
 * the parts that it is composed of.
 */
export interface Policy {
  /** Bytes that one upload may hold. */
  readonly maxSize: Option.Option<number>
  /** Characters that an Upload-Metadata header may have. */
  readonly maxMetadataSize: number
  /** How long an unfinished upload lives after the last byte that was acknowledged. */
  readonly expiresAfter: Option.Option<Duration.Duration>
  readonly extensions: ReadonlyArray<Extension>
  readonly algorithms: ReadonlyArray<Algorithm>
  /** A hook decides whether an upload with all its bytes is accepted. */
  readonly finishes: boolean
}

/** When an unfinished upload is to end if no byte is acknowledged after `now`; none where it lives for ever. */
export const expiryAt = (policy: Policy, now: DateTime.Utc): Option.Option<DateTime.Utc> =>
  Option.map(policy.expiresAfter, (duration) => DateTime.addDuration(now, duration))
