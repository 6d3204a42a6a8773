/**
 * What PATCH and creation-with-upload have in common: a plan before the bytes, a settlement after them.
 *
 * Nothing unverified counts: with a checksum all bytes are kept or none. Without one, what arrived is kept however the
 * body ended.
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Checksum } from "./Checksum.js"
import { expiryAt, type Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import type { Bytes, Completion, Upload } from "./Upload.js"

/** Where the digest of the body comes from. */
export type Verification =
  | { readonly _tag: "None" }
  | { readonly _tag: "Header"; readonly checksum: Checksum }
  | { readonly _tag: "Trailer" }

/** What may happen, decided before a byte moves. */
export interface Plan {
  readonly upload: Upload
  /** The length of the upload from now on. */
  readonly length: Option.Option<Bytes>
  readonly verification: Verification
  /** How many bytes may be stored, and what one more exceeds. */
  readonly room: number
  readonly limit: Pick<Refusal.TooLarge, "reason" | "limit">
}

/** What has happened to the body. */
export interface Receipt {
  /** Bytes that are stored behind the upload's offset. */
  readonly received: number
  /**
   * Whether all came, or more than the plan has room for, or more than the application has, or why there was no more.
   */
  readonly ending: "Ended" | "Overrun" | Refusal.Denied | Refusal.Interrupted["reason"]
  /** Whether the body's digest is the one expected; right where none was. */
  readonly verdict: Either.Either<void, Refusal.Refusal>
}

/**
 * The state to commit once the body has ended, and the refusal that answers the request, none where all went well. One
 * does not exclude the other: a body that was cut off is refused, and what came of it is kept.
 */
export interface Settlement {
  readonly upload: Upload
  readonly refusal: Option.Option<Refusal.Refusal>
}

/** What may be stored of the body, or the refusal of one that tells before its first byte that it is too long. */
export const plan = (
  upload: Upload,
  length: Option.Option<Bytes>,
  body: { readonly contentLength: Option.Option<number>; readonly verification: Verification },
  policy: Policy
): Either.Either<Plan, Refusal.TooLarge> => {
  const end = Option.orElse(length, () => policy.maxSize)
  const room = Option.match(end, { onNone: () => Infinity, onSome: (end) => Math.max(0, end - upload.offset) })
  const limit: Plan["limit"] = Option.isSome(length)
    ? { reason: "Length", limit: room }
    : { reason: "MaxSize", limit: Option.getOrElse(policy.maxSize, () => 0) }
  return Option.exists(body.contentLength, (bytes) => bytes > room)
    ? Either.left(new Refusal.TooLarge(limit))
    : Either.right({ upload, length, verification: body.verification, room, limit })
}

/** The bytes that the upload is to have in the end, infinite where the client does not say. */
export const wanted = ({ length, upload }: Plan, contentLength: Option.Option<number>): number =>
  Option.getOrElse(length, () => upload.offset + Option.getOrElse(contentLength, () => Infinity))

/**
 * The upload as it may be committed while its body still arrives; none where a checksum has yet to vouch for the bytes,
 * or where they are all there: that is for `settle` to say.
 */
export const checkpoint = (
  { length, upload, verification }: Plan,
  received: number,
  now: DateTime.Utc,
  policy: Policy
): Option.Option<Upload> =>
  verification._tag === "None" && received > 0 && upload.isOpen && !isFull(upload, received, length)
    ? Option.some(upload.grow(received, length, expiryAt(policy, now)))
    : Option.none()

/**
 * What has become of the upload. With a checksum the whole body counts or nothing does: where it did not end well, or
 * its digest is another, the upload stays as it was. Without one, what was received counts, however the body ended.
 *
 * An `Overrun` is refused as `TooLarge`, one that was denied more room as it was told; a body that ended early in
 * another way is `Interrupted`.
 */
export const settle = (plan: Plan, receipt: Receipt, now: DateTime.Utc, policy: Policy): Settlement => {
  const { length, upload, verification } = plan
  if (verification._tag !== "None" && receipt.ending !== "Ended") {
    return { upload, refusal: Option.some(refuse(plan, receipt.ending, upload.offset)) }
  }
  if (Either.isLeft(receipt.verdict)) {
    return { upload, refusal: Option.some(receipt.verdict.left) }
  }
  const next = !upload.isOpen
    ? upload
    : isFull(upload, receipt.received, length)
    ? upload.fill(length.value, completionOf(upload, now, policy))
    : upload.grow(receipt.received, length, expiryAt(policy, now))
  return {
    upload: next,
    refusal: receipt.ending === "Ended" ? Option.none() : Option.some(refuse(plan, receipt.ending, next.offset))
  }
}

/** How an upload that has all its bytes goes on. Hooks see files, not parts. */
export const completionOf = (
  upload: { readonly isPartial: boolean },
  now: DateTime.Utc,
  policy: Policy
): Exclude<Completion, { readonly _tag: "Open" }> =>
  policy.finishes && !upload.isPartial ? { _tag: "Finishing" } : { _tag: "Complete", at: now }

const isFull = (upload: Upload, received: number, length: Option.Option<Bytes>): length is Option.Some<Bytes> =>
  Option.isSome(length) && upload.offset + received === length.value

const refuse = (plan: Plan, ending: Exclude<Receipt["ending"], "Ended">, offset: number) =>
  ending === "Overrun"
    ? new Refusal.TooLarge(plan.limit)
    : Refusal.isRefusal(ending)
    ? ending
    : new Refusal.Interrupted({ reason: ending, offset })
