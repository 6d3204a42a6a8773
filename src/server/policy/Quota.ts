/**
 * How much an upload may take, as a rule: of what its owner may have, and of the disk.
 */
import * as Either from "effect/Either"
import { Denied } from "../../protocol/Refusal.js"
import type * as Usage from "../../store/Usage.js"

/** What uploads may take of the room there is. What is left out has no limit. */
export interface Quota {
  /** Bytes that the uploads of one owner may take together; so may those that have none. */
  readonly bytesPerOwner?: number | undefined
  /** Unfinished uploads that one owner may have at a time. */
  readonly unfinishedPerOwner?: number | undefined
  /** Bytes of the disk that no upload takes. Without it a full disk is found out by writing. */
  readonly minFreeBytes?: number | undefined
}

/**
 * What is so when it is decided on. `total` is asked for what is yet to come: bytes that were announced need their
 * room.
 */
export interface Given {
  /** Whether the upload is yet to be created. */
  readonly isNew: boolean
  /** The bytes of it that are stored. */
  readonly stored: number
  /** What it takes of the usageByOwner already. */
  readonly taken: Usage.Usage
  /** The bytes that it is to have in the end, as far as they are known; infinite where nothing is said. */
  readonly wanted: number
  /** What its owner has already, and what all have. */
  readonly usage: Usage.Usage
  readonly total: Usage.Usage
  /** Bytes that the disk has left, infinite where nobody can tell. */
  readonly free: number
}

/**
 * What an upload is granted at a time that does not say how much it will be: whoever sends slowly keeps no more from
 * others.
 */
export const step = 64 * 1024 * 1024

/**
 * How many bytes the upload may have: what is wanted or, where that is not said, what it has and a step more, but never
 * more than half of what is left, so that something is for the next. It may ask again.
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

/** What somebody may do about it, and when: another upload ends or is removed at any time. */
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
