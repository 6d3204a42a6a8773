/**
 * What an append and a creation with bytes have in common: a plan before the bytes, a settlement after them.
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
import { Bytes, type Completion, type Upload } from "./Upload.js"

/** What follows a body, as its dialect writes it. */
export type Trailers = Readonly<Record<string, string | undefined>>

/** The checksum of a body: it has none, or one that comes before the body, or one that `read` finds behind it. */
export type Verification =
  | { readonly _tag: "None" }
  | { readonly _tag: "Before"; readonly checksum: Checksum }
  | { readonly _tag: "After"; readonly read: (trailers: Trailers) => Option.Option<Checksum> }

/** What the client says of the checksum; a contradiction where it announces two. */
export type Claim = Verification | { readonly _tag: "Twice" }

/** What the client says of the bytes that come. */
export interface Body {
  /** How many there are, none where that is not said. */
  readonly contentLength: Option.Option<number>
  readonly checksum: Claim
  /**
   * Whether they are the last of the upload. None in a dialect that does not say it: there an upload is complete as
   * soon as it has all its bytes.
   */
  readonly isLast: Option.Option<boolean>
}

/** What may happen, decided before a byte moves. */
export interface Plan {
  readonly upload: Upload
  /** The length of the upload from now on. */
  readonly length: Option.Option<Bytes>
  readonly verification: Verification
  readonly isLast: Option.Option<boolean>
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

/** How the body is verified, or why it cannot be verified here. */
export const verificationOf = (
  claim: Claim,
  policy: Policy
): Either.Either<Verification, Refusal.InvalidRequest> => {
  switch (claim._tag) {
    case "None":
      return Either.right(claim)
    case "Before":
      return Either.map(offered(claim.checksum, policy), () => claim)
    case "After":
    case "Twice":
      return !policy.trailers
        ? Either.left(Refusal.invalid("trailer", "expected no checksum after the body, this server does not read it"))
        : claim._tag === "Twice"
        ? Either.left(Refusal.invalid("trailer", "expected the checksum once, before or after the body"))
        : Either.right(claim)
  }
}

/** The checksum that came after the body, none where it is missing or malformed; it was announced. */
export const announced = (
  checksum: Option.Option<Checksum>,
  policy: Policy
): Either.Either<Checksum, Refusal.InvalidRequest> =>
  Option.match(checksum, {
    onNone: () => Either.left(Refusal.invalid("checksum", "expected after the body, as announced; nothing was kept")),
    onSome: (checksum) => offered(checksum, policy)
  })

const offered = (checksum: Checksum, { algorithms }: Policy) =>
  algorithms.includes(checksum.algorithm)
    ? Either.right(checksum)
    : Either.left(
      Refusal.invalid(
        "checksum",
        `expected one of the algorithms ${algorithms.join(", ")}`,
        Option.some(checksum.algorithm)
      )
    )

/** What may be stored of the body, or the refusal of one that tells before its first byte that it is too long. */
export const plan = (
  upload: Upload,
  length: Option.Option<Bytes>,
  { contentLength, isLast, verification }: Omit<Body, "checksum"> & { readonly verification: Verification },
  policy: Policy
): Either.Either<Plan, Refusal.TooLarge> => {
  const end = Option.orElse(length, () => policy.maxSize)
  const room = Option.match(end, { onNone: () => Infinity, onSome: (end) => Math.max(0, end - upload.offset) })
  const limit: Plan["limit"] = Option.isSome(length)
    ? { reason: "Length", limit: room }
    : { reason: "MaxSize", limit: Option.getOrElse(policy.maxSize, () => 0) }
  return Option.exists(contentLength, (bytes) => bytes > room)
    ? Either.left(new Refusal.TooLarge(limit))
    : Either.right({ upload, length, verification, isLast, room, limit })
}

/** The bytes that the upload is to have in the end, infinite where the client does not say. */
export const wanted = ({ length, upload }: Plan, contentLength: Option.Option<number>): number =>
  Option.getOrElse(length, () => upload.offset + Option.getOrElse(contentLength, () => Infinity))

/**
 * The upload as it may be committed while its body still arrives; none where a checksum has yet to vouch for the bytes,
 * or where they make the upload complete: that is for `settle` to say.
 */
export const checkpoint = (
  plan: Plan,
  received: number,
  now: DateTime.Utc,
  policy: Policy
): Option.Option<Upload> =>
  plan.verification._tag === "None" && received > 0 && plan.upload.isOpen && !reachesEnd(plan, received)
    ? Option.some(plan.upload.grow(received, plan.length, expiryAt(policy, now)))
    : Option.none()

/**
 * What has become of the upload. With a checksum the whole body counts or nothing does: where it did not end well, or
 * its digest is another, the upload stays as it was. Without one, what was received counts, however the body ended.
 *
 * An `Overrun` is refused as `TooLarge`, one that was denied more room as it was told; a body that ended early in
 * another way is `Interrupted`. Last bytes that do not reach the declared length are a `LengthConflict`.
 */
export const settle = (plan: Plan, receipt: Receipt, now: DateTime.Utc, policy: Policy): Settlement => {
  const { length, upload, verification } = plan
  if (verification._tag !== "None" && receipt.ending !== "Ended") {
    return { upload, refusal: Option.some(refuse(plan, receipt.ending, upload.offset)) }
  }
  if (Either.isLeft(receipt.verdict)) {
    return { upload, refusal: Option.some(receipt.verdict.left) }
  }
  const end = Bytes.make(upload.offset + receipt.received)
  const saysLast = upload.isOpen && receipt.ending === "Ended" && Option.contains(plan.isLast, true)
  const isShort = saysLast && Option.exists(length, (length) => length !== end)
  const isComplete = (saysLast && !isShort) || reachesEnd(plan, receipt.received)
  const next = !upload.isOpen
    ? upload
    : isComplete
    ? upload.fill(end, completionOf(upload, now, policy))
    : upload.grow(receipt.received, length, expiryAt(policy, now))
  const refusal = receipt.ending !== "Ended"
    ? Option.some(refuse(plan, receipt.ending, next.offset))
    : isShort
    ? Option.map(length, (expected) => new Refusal.LengthConflict({ reason: "AlreadyDeclared", expected, actual: end }))
    : Option.none()
  return { upload: next, refusal }
}

/** How an upload that has all its bytes goes on. Hooks see files, not parts. */
export const completionOf = (
  upload: { readonly isPartial: boolean },
  now: DateTime.Utc,
  policy: Policy
): Exclude<Completion, { readonly _tag: "Open" }> =>
  policy.finishes && !upload.isPartial ? { _tag: "Finishing" } : { _tag: "Complete", at: now, answer: Option.none() }

/** Whether the upload is complete by having all its bytes. Where the client says which are the last, it never is. */
const reachesEnd = ({ isLast, length, upload }: Plan, received: number): boolean =>
  Option.isNone(isLast) && Option.isSome(length) && upload.offset + received === length.value

const refuse = (plan: Plan, ending: Exclude<Receipt["ending"], "Ended">, offset: number) =>
  ending === "Overrun"
    ? new Refusal.TooLarge(plan.limit)
    : Refusal.isRefusal(ending)
    ? ending
    : new Refusal.Interrupted({ reason: ending, offset })
