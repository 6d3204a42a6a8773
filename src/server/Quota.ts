/**
 * How much an upload may take, as a rule: of what its owner may have, and of the disk.
 */
import * as Either from "effect/Either"
import type { Grant } from "../protocol/Append.js"
import { Denied } from "../protocol/Refusal.js"
import type { Upload } from "../protocol/Upload.js"
import * as Account from "../store/Account.js"

/** What uploads may take of the room there is. What is left out has no limit. */
export interface Quota {
  /** Bytes that the uploads of one owner may take together; so may those that have none. */
  readonly bytesPerOwner?: number | undefined
  /** Unfinished uploads that one owner may have at a time. */
  readonly openPerOwner?: number | undefined
  /** Bytes of the disk that no upload takes. Without it a full disk is found out by writing. */
  readonly keepFree?: number | undefined
}

/** What is so when it is decided on. `total` is asked for what is yet to come: bytes that were announced need their room. */
export interface Given {
  /** The state of the upload, none of one that is to be created. */
  readonly current: Upload | undefined
  /** The bytes that it is to have in the end, as far as they are known; infinite where nothing is said. */
  readonly wanted: number
  /** What its owner has already, and what all have. */
  readonly account: Account.Account
  readonly total: Account.Account
  /** Bytes that the disk has left, infinite where nobody can tell. */
  readonly free: number
}

/** What the upload may have in the end, which is what is wanted or, where that is not said, as much as there is. */
export const decide = (
  { bytesPerOwner = Infinity, keepFree = -Infinity, openPerOwner = Infinity }: Quota,
  { account, current, free, total, wanted }: Given
): Either.Either<Grant, Denied> => {
  const taken = Account.ofUpload(current)
  if (current === undefined && account.open >= openPerOwner) {
    return Either.left(tooMany(openPerOwner))
  }
  const owned = bytesPerOwner - (account.bytes - taken.bytes)
  const stored = current?.offset ?? 0
  const fitting = stored + free - keepFree - (total.outstanding - taken.outstanding)
  const size = Math.min(wanted, owned, fitting)
  const beyond = () => owned < fitting ? overQuota(bytesPerOwner) : noSpace()
  return size >= (Number.isFinite(wanted) ? wanted : stored + 1)
    ? Either.right({ size, beyond })
    : Either.left(beyond())
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
