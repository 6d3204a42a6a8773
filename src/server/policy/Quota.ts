/**
 * The rule for how many bytes an upload may have: of the quota of its owner, and of the disk.
 */
import * as Either from "effect/Either"
import { Denied } from "../../protocol/Refusal.js"
import type * as Usage from "../../store/Usage.js"

/** The limits. An option that is not given is no limit. */
export interface Quota {
  /** Bytes of all uploads of one owner together. Uploads without an owner share one such quota. */
  readonly bytesPerOwner?: number | undefined
  /** How many unfinished uploads one owner may have at a time. */
  readonly unfinishedPerOwner?: number | undefined
  /** Bytes of the disk that stay free. Without it a full disk is noticed when a write fails. */
  readonly minFreeBytes?: number | undefined
}

/**
 * The facts at the time of the decision. `total` counts bytes that were announced and have not come yet: they need
 * their space.
 */
export interface Given {
  /** Whether the upload is new. */
  readonly isNew: boolean
  /** Its stored bytes. */
  readonly stored: number
  /** What it already takes of the two usages below. */
  readonly taken: Usage.Usage
  /** Its bytes in the end; infinite if the client has not declared them. */
  readonly wanted: number
  /** The usage of its owner, and of all owners. */
  readonly usage: Usage.Usage
  readonly total: Usage.Usage
  /** Free bytes of the disk; infinite if they are not known. */
  readonly free: number
}

/**
 * How much space an upload of undeclared length reserves at a time, in bytes, so that a slow client does not reserve
 * the disk.
 */
export const step = 64 * 1024 * 1024

/**
 * How many bytes the upload may have: `wanted` or, if that is infinite, one step more than it has, but never more than
 * half of what is left, so that other uploads get some. It may ask again.
 */
export const decide = (
  { bytesPerOwner = Infinity, minFreeBytes = -Infinity, unfinishedPerOwner = Infinity }: Quota,
  { usage, free, isNew, stored, taken, total, wanted }: Given
): Either.Either<number, Denied> => {
  if (isNew && usage.open >= unfinishedPerOwner) {
    return Either.left(tooMany(unfinishedPerOwner))
  }
  const owned = bytesPerOwner - (usage.bytes - taken.bytes)
  const fitting = stored + free - minFreeBytes - (total.outstanding - taken.outstanding)
  const most = Math.min(owned, fitting)
  const size = Number.isFinite(wanted) ? wanted : stored + Math.max(1, Math.min(step, Math.ceil((most - stored) / 2)))
  return size <= most ? Either.right(size) : Either.left(owned < fitting ? overQuota(bytesPerOwner) : noSpace())
}

/** Space may be free at any time, when another upload ends or is removed. */
const later = { "retry-after": "60" }

const tooMany = (limit: number) =>
  new Denied({
    status: 429,
    reason: `expected at most ${limit} unfinished uploads at a time; finish or terminate one, then try again`,
    headers: later
  })

const overQuota = (limit: number) =>
  new Denied({
    status: 507,
    reason: `expected uploads of at most ${limit} bytes together; remove one, then try again`,
    headers: later
  })

const noSpace = () =>
  new Denied({ status: 507, reason: "the server has no space for so many bytes; try again later", headers: later })
