/**
 * Completion of an upload whose bytes are all stored: the hook decides, the event is published, and the finals that
 * waited for this part are assembled. Each step starts from the stored state, so that it can be repeated after a crash.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type { Addition } from "../../protocol/Addition.js"
import type { FinalAnswer } from "../../protocol/FinalAnswer.js"
import type { Policy } from "../../protocol/Policy.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import * as StorableAnswer from "../../wire/StorableAnswer.js"
import { UploadEvents } from "../hooks/UploadEvents.js"
import * as AssembleFinal from "./AssembleFinal.js"
import { quietly } from "./Background.js"
import type { Concluded } from "./Concluded.js"
import type { HookRunner } from "./HookRunner.js"
import * as Removal from "./Removal.js"
import * as TailMoves from "./TailMoves.js"

/** The steps of completion, which verbs and the sweeper share. */
export type CompleteUpload = Effect.Effect.Success<ReturnType<typeof make>>

export const make = (policy: Policy, hooks: HookRunner) =>
  Effect.gen(function*() {
    const store = yield* UploadStore
    const lock = yield* UploadLock
    const events = yield* UploadEvents
    const removal = yield* Removal.make(hooks)
    const runInBackground = yield* FiberSet.makeRuntime<never>()
    const conclude = concluding(store, hooks)

    /** Publishes the event, and finishes the finals that wait for this upload. */
    const announce = ({ entry: { upload } }: Concluded) => {
      if (upload.completion._tag !== "Complete") {
        return upload.completion._tag === "Rejected" ? events.publish({ _tag: "Rejected", upload }) : Effect.void
      }
      const told = Effect.flatMap(
        store.locate(upload.id),
        (location) => events.publish({ _tag: "Completed", upload, location })
      )
      return upload.isPartial ? Effect.zipRight(told, finishFinals(upload.id)) : told
    }

    const tails = yield* TailMoves.make((entry) => announce({ entry }))

    /** For an upload that was open, or is new, and now has the state of `entry`. */
    const follow = (entry: StoredUpload) =>
      Known.flatMap(conclude(entry), (concluded) =>
        Known.map(
          store.isYetToMove(concluded.entry) ? tails.moveSoon(concluded.entry) : announce(concluded),
          () => concluded
        ))

    const finals = yield* AssembleFinal.make(policy, follow)

    const finishFinals = (part: UploadId) =>
      Effect.map(
        store.finalsOf(part),
        (waiting) =>
          waiting.forEach((final) =>
            void runInBackground(
              quietly(Effect.unlessEffect(finishIfFree(final), finals.waitsForAnother(final, part)))
            )
          )
      )

    /** Removes a final that can never be assembled. */
    const abandonFinal = (entry: StoredUpload) => Effect.as(removal.expire(entry), { entry })

    const assembleOrAbandon = (entry: StoredUpload, lease: Lease) =>
      Effect.catchTags(finals.assemble(entry, lease), {
        PartGone: () => abandonFinal(entry),
        TooLarge: () => abandonFinal(entry),
        // There may be space later: the parts stay, and the next sweep tries again.
        Denied: (denial) => {
          finals.deny(entry.upload.id, denial)
          return Effect.succeed<Concluded>({ entry })
        }
      })

    const finishIfFree = (id: UploadId) =>
      lock.withLockIfFree(id, (lease) =>
        Effect.flatMap(store.claim(id, lease.fence), (entry) =>
          entry.upload.isFinal && entry.upload.isOpen
            ? assembleOrAbandon(entry, lease)
            : entry.upload.completion._tag === "Finishing"
            ? follow(entry)
            : Effect.succeed<Concluded>({ entry })))

    /**
     * Does what the server has to do for an upload by itself. A lock that is held is waited for only to move a tail:
     * whoever holds it does not do that.
     */
    const finishPending = (id: UploadId) =>
      Effect.flatMap(
        store.get(id),
        (entry) =>
          store.isYetToMove(entry) ? tails.move(id) : Effect.asVoid(finishIfFree(id))
      )

    const { assemble, denialOf, partsOf } = finals
    return { assemble, denialOf, follow, partsOf, finishPending, locate: tails.locate }
  })

/**
 * From `Finishing` to `Complete` or `Rejected`. The bytes are secured first, so that no hook sees bytes that may be
 * lost.
 */
const concluding = (store: UploadStore["Type"], hooks: HookRunner) => (entry: StoredUpload) => {
  const { completion, length } = entry.upload
  return completion._tag !== "Finishing" || Option.isNone(length)
    ? Effect.succeed<Concluded>({ entry })
    : Effect.uninterruptible(Effect.gen(function*() {
      const secured = yield* store.secure(entry)
      const { addition, completion } = yield* decide(hooks, entry.upload)
      const concluded = yield* store.commit(secured, entry.upload.fill(length.value, completion))
      return { entry: concluded, addition: addition ?? undefined }
    }))
}

/** A final takes no PATCH, so nobody could ask for its answer again. */
const storable = (upload: Upload, addition: Addition): Effect.Effect<Option.Option<FinalAnswer>> =>
  upload.isFinal ? Effect.succeedNone : Either.match(StorableAnswer.of(addition), {
    onLeft: (reason) =>
      Effect.as(
        Effect.logWarning(`what onComplete added to the answer for ${upload.id} cannot be told again: ${reason}`),
        Option.none()
      ),
    onRight: Effect.succeed
  })

/** The decision of `onComplete`. A hook that exceeds its time limit has not decided. */
const decide = (hooks: HookRunner, upload: Upload) =>
  hooks.complete(upload).pipe(
    Effect.flatMap((addition) =>
      Effect.zipWith(
        DateTime.now,
        addition === undefined ? Effect.succeedNone : storable(upload, addition),
        (at, answer) => ({ completion: { _tag: "Complete", at, answer } as const, addition })
      )
    ),
    Effect.catchTag("UploadRejected", ({ reason, status }) =>
      Effect.succeed({ completion: { _tag: "Rejected", status, reason } as const, addition: undefined }))
  )
