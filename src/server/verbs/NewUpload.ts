/**
 * Stores a new upload, with the bytes that come along or joined of its parts, and removes it again if that fails.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Policy } from "../../protocol/Policy.js"
import { Denied, type Refusal } from "../../protocol/Refusal.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import { draft, type StoredUpload } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { Superseded, UploadStoreError } from "../../store/UploadStoreError.js"
import * as Known from "../../time/Known.js"
import type { UploadBody } from "../body/UploadBody.js"
import { UploadEvents } from "../hooks/UploadEvents.js"
import { UploadLimits } from "../hooks/UploadLimits.js"
import type { Concluded } from "./Concluded.js"
import type { Proposal } from "./ProposeUpload.js"
import type { Dependencies } from "./Verb.js"

type Failure = Refusal | Superseded | UploadStoreError

/** The fence of an upload that nobody has locked yet: below that of every lock. */
const unlocked = 0

export const make = Effect.fnUntraced(function*({ completion, receive }: Omit<Dependencies, "hooks">) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const events = yield* UploadEvents
  const limits = yield* UploadLimits
  const orUndo = undoing(store)

  const tell = ({ upload }: Proposal) => events.publish({ _tag: "Created", upload })

  /** An id from the application may be in use: then the request is refused, and that upload is not touched. */
  const withLock = <A, E>({ isIdGiven, upload: { id } }: Proposal, use: (lease: Lease) => Effect.Effect<A, E>) =>
    isIdGiven
      ? Effect.flatMap(
        lock.withLockIfFree(id, (lease) =>
          store.get(id).pipe(
            Effect.as(Option.none<A>()),
            Effect.catchTag(
              "UploadNotFound",
              () =>
                Effect.flatMap(store.vacate(id), (isFree) => isFree ? Effect.asSome(use(lease)) : Effect.succeedNone)
            )
          )),
        (used) =>
          Effect.mapError(Option.flatten(used), () => new Denied({ status: 409, reason: `the id ${id} is taken` }))
      )
      : lock.withLock(id, use)

  /** The state alone. Nobody knows the id before the answer, so that no lock is needed. */
  const announce = <A>(proposal: Proposal, answer: (concluded: Concluded) => Effect.Effect<A, Failure>) =>
    limits.growing(proposal.upload, undefined, proposal.wanted, () =>
      orUndo(
        proposal,
        unlocked,
        store.create(proposal.upload, unlocked),
        (entry) => Known.flatMap(tell(proposal), () => answer({ entry }))
      ))

  /**
   * An interrupted body keeps the upload, and the client is told its offset. Any other refusal is a failure.
   */
  const fill = (proposal: Proposal, lease: Lease, body: UploadBody, policy: Policy) => {
    const { isSmall, plan, upload, wanted } = proposal
    const told = Effect.suspend(() => tell(proposal))
    const stored = isSmall
      ? Exit.succeed(draft(upload, lease.fence))
      : Effect.zipLeft(store.create(upload, lease.fence), told)
    /** Follows the state that the body has led to. */
    const concluded = (entry: StoredUpload, refusal: Option.Option<Refusal>): Effect.Effect<Concluded, Failure> =>
      Option.isSome(refusal) && refusal.value._tag !== "Interrupted" ? Exit.fail(refusal.value) : Known.flatMap(
        entry.version === 0 ? store.commit(entry, entry.upload) : Exit.succeed(entry),
        (stored) => Known.flatMap(isSmall ? told : Exit.void, () => completion.follow(stored))
      )
    return limits.growing(upload, undefined, wanted, (allowance) =>
      Known.flatMap(stored, (entry) =>
        Option.isNone(plan)
          ? concluded(entry, Option.none())
          : Known.flatMap(
            receive(entry, plan.value, lease, body, allowance, policy),
            ({ entry, refusal }) => concluded(entry, refusal)
          )))
  }

  /** The limits are checked again when the final is assembled: only then its length is known. */
  const join = (proposal: Proposal, lease: Lease) => {
    const { upload, wanted } = proposal
    return limits.growing(upload, undefined, wanted, () => store.create(upload, lease.fence)).pipe(
      Effect.zipLeft(Effect.suspend(() => tell(proposal))),
      Effect.flatMap((entry) => completion.assemble(entry, lease))
    )
  }

  return <A>(
    proposal: Proposal,
    body: UploadBody,
    policy: Policy,
    answer: (concluded: Concluded) => Effect.Effect<A, Failure>
  ): Effect.Effect<A, Failure> =>
    isBare(proposal)
      ? announce(proposal, answer)
      : withLock(proposal, (lease) =>
        orUndo(
          proposal,
          lease.fence,
          proposal.upload.isFinal ? join(proposal, lease) : fill(proposal, lease, body, policy),
          answer
        ))
})

/** Whether there is nothing to do but to store the state. */
const isBare = ({ isIdGiven, plan, upload }: Proposal) =>
  !isIdGiven && upload.isOpen && !upload.isFinal && Option.isNone(plan)

/** Removes a new upload again if a step fails. */
const undoing = (store: UploadStore["Type"]) => {
  /** Removes what there is of the upload. */
  const undo = ({ upload }: Proposal, fence: number) =>
    store.claim(upload.id, fence).pipe(
      Effect.catchTag("UploadNotFound", () => Effect.succeed(draft(upload, fence))),
      Effect.flatMap((entry) => store.remove(entry)),
      Effect.ignore
    )

  /**
   * `self` and then `next`; the upload is removed again if one of them fails. After `Superseded` it belongs to another
   * writer.
   */
  const orUndo = <A, B>(
    proposal: Proposal,
    fence: number,
    self: Effect.Effect<A, Failure>,
    next: (a: A) => Effect.Effect<B, Failure>
  ): Effect.Effect<B, Failure> => {
    const onFailure = (cause: Cause.Cause<Failure>): Effect.Effect<never, Failure> =>
      Option.exists(Cause.failureOption(cause), ({ _tag }) => _tag !== "Superseded")
        ? Effect.zipRight(undo(proposal, fence), Exit.failCause(cause))
        : Exit.failCause(cause)
    return Known.matchCauseEffect(self, {
      onFailure,
      onSuccess: (a) => Known.matchCauseEffect(next(a), { onFailure, onSuccess: Exit.succeed })
    })
  }
  return orUndo
}
