/**
 * What a server allows and offers, as a value that the rules read.
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Algorithm } from "./Checksum.js"

/**
 * Every limit and every offer, with nothing left out: a server makes it of its `TusPolicy`, which has defaults, and of
 * the parts that it is composed of.
 */
export interface Policy {
  /** Bytes that one upload may hold. */
  readonly maxSize: Option.Option<number>
  /** Characters that the metadata of an upload may have, as they are sent. */
  readonly maxMetadataSize: number
  /** How long an unfinished upload lives after the last byte that was acknowledged. */
  readonly expiresAfter: Option.Option<Duration.Duration>
  /** The algorithms for which there is a hash function. */
  readonly algorithms: ReadonlyArray<Algorithm>
  /** Whether a checksum may follow the body that it is of. */
  readonly trailers: boolean
  /** A hook decides whether an upload with all its bytes is accepted. */
  readonly finishes: boolean
}

/** When an unfinished upload is to end if no byte is acknowledged after `now`; none where it lives for ever. */
export const expiryAt = (policy: Policy, now: DateTime.Utc): Option.Option<DateTime.Utc> =>
  Option.map(policy.expiresAfter, (duration) => DateTime.addDuration(now, duration))
