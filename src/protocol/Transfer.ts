/**
 * What an append and a creation with bytes have in common: a plan before the bytes, a settlement after them.
 *
 * With a checksum, all bytes of the body are kept or none. Without one, the bytes that arrived are kept, however the
 * body ended.
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Checksum } from "./Checksum.js"
import { expiryAt, type Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import { Bytes, type Completion, type Upload } from "./Upload.js"

/** The fields that follow a body. */
export type Trailers = Readonly<Record<string, string | undefined>>

/** The checksum of a body: none, one before the body, or one after it, which `read` finds in the trailers. */
export type Verification =
  | { readonly _tag: "None" }
  | { readonly _tag: "Before"; readonly checksum: Checksum }
  | { readonly _tag: "After"; readonly read: (trailers: Trailers) => Option.Option<Checksum> }

/** What the client says about the checksum. `Twice`: it announces one before the body and one after it. */
export type Claim = Verification | { readonly _tag: "Twice" }

/** What the client says about the body. */
export interface Body {
  /** Bytes of the body; `Option.none` if the client does not say. */
  readonly contentLength: Option.Option<number>
  readonly checksum: Claim
  /**
   * Whether these are the last bytes of the upload. `Option.none` in a dialect that does not say so: there an upload is
   * complete once its offset reaches its length.
   */
  readonly isLast: Option.Option<boolean>
}

/** What may happen to the body, decided before its first byte. */
export interface Plan {
  readonly upload: Upload
  /** The length of the upload from now on. */
  readonly length: Option.Option<Bytes>
  readonly verification: Verification
  readonly isLast: Option.Option<boolean>
  /** How many bytes may be stored, and which limit one more byte exceeds. */
  readonly room: number
  readonly limit: Pick<Refusal.TooLarge, "reason" | "limit">
}

/** What has happened to the body. */
export interface Receipt {
  /** Bytes that were stored after the offset of the upload. */
  readonly received: number
  /**
   * How the body ended: whole, beyond the room of the plan, refused more room by the application, or early.
   */
  readonly ending: "Ended" | "Overrun" | Refusal.Denied | Refusal.Interrupted["reason"]
  /** Whether the digest matches the checksum; right if there is no checksum. */
  readonly verdict: Either.Either<void, Refusal.Refusal>
}

/**
 * The state to commit after the body, and the refusal, if any. Both are possible: a body that was cut off is refused,
 * and its bytes are kept.
 */
export interface Settlement {
  readonly upload: Upload
  readonly refusal: Option.Option<Refusal.Refusal>
}

/** How to verify the body, or why this server cannot. */
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

/** The announced checksum that came after the body; `Option.none` if it is missing or malformed. */
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

/** The plan for a body, or the refusal of one that declares that it is too long. */
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

/** Bytes that the upload will have in the end; infinite if the client does not say. */
export const wanted = ({ length, upload }: Plan, contentLength: Option.Option<number>): number =>
  Option.getOrElse(length, () => upload.offset + Option.getOrElse(contentLength, () => Infinity))

/**
 * The state to commit while the body still arrives. `Option.none` if a checksum has not been verified yet, or if the
 * bytes would complete the upload, which only `settle` does.
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
 * The state after the body. With a checksum, the upload changes only if the body is whole and its digest matches.
 * Without one, the received bytes count, however the body ended.
 *
 * An `Overrun` is refused as `TooLarge`, a body that was denied more room with that `Denied`, and one that ended early
 * as `Interrupted`. Last bytes that do not reach the declared length are a `LengthConflict`.
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

/** The state of an upload that has all its bytes. Hooks decide about files, not about parts; both may need a seal. */
export const completionOf = (
  upload: { readonly isPartial: boolean },
  now: DateTime.Utc,
  policy: Policy
): Exclude<Completion, { readonly _tag: "Open" }> =>
  policy.seals || (policy.finishes && !upload.isPartial)
    ? { _tag: "Finishing" }
    : { _tag: "Complete", at: now, answer: Option.none() }

/**
 * Whether the offset reaches the length, and that completes the upload. It does not if the client says which bytes are
 * the last.
 */
const reachesEnd = ({ isLast, length, upload }: Plan, received: number): boolean =>
  Option.isNone(isLast) && Option.isSome(length) && upload.offset + received === length.value

const refuse = (plan: Plan, ending: Exclude<Receipt["ending"], "Ended">, offset: number) =>
  ending === "Overrun"
    ? new Refusal.TooLarge(plan.limit)
    : Refusal.isRefusal(ending)
    ? ending
    : new Refusal.Interrupted({ reason: ending, offset })
