/**
 * What a server allows and offers, as a value that the rules read.
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Algorithm } from "./Checksum.js"

/**
 * Every limit and every offer, without defaults. The server makes it from `TusPolicy` and the layers that it is
 * composed of.
 */
export interface Policy {
  /** Bytes that one upload may hold. */
  readonly maxSize: Option.Option<number>
  /** Characters of the metadata, as it is sent. */
  readonly maxMetadataSize: number
  /** How long an unfinished upload lives after the last byte that was acknowledged. */
  readonly expiresAfter: Option.Option<Duration.Duration>
  /** The algorithms for which there is a hash function. */
  readonly algorithms: ReadonlyArray<Algorithm>
  /** Whether the checksum of a body may follow it. */
  readonly trailers: boolean
  /** Whether a hook decides if an upload with all its bytes is accepted. */
  readonly finishes: boolean
  /** Whether the bytes of a full upload, parts included, have to be sealed before it is complete. */
  readonly seals: boolean
}

/** When an unfinished upload expires if no byte is acknowledged after `now`; `Option.none` for never. */
export const expiryAt = (policy: Policy, now: DateTime.Utc): Option.Option<DateTime.Utc> =>
  Option.map(policy.expiresAfter, (duration) => DateTime.addDuration(now, duration))
