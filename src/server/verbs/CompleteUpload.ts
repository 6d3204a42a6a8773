/**
 * Completion of an upload whose bytes are all stored: the hook decides, the event is published, and the finals that
 * waited for this part are assembled. Each step starts from the stored state, so that it can be repeated after a crash.
 */
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Concat from "../../protocol/Concat.js"
import { expiryAt, type Policy } from "../../protocol/Policy.js"
import { type Denied, PartGone } from "../../protocol/Refusal.js"
import type { Addition } from "../../protocol/Reply.js"
import { completionOf } from "../../protocol/Transfer.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import { UploadEvents } from "../hooks/UploadEvents.js"
import { UploadLimits } from "../hooks/UploadLimits.js"
import { quietly } from "./Background.js"
import type { HookRunner } from "./HookRunner.js"
import * as Removal from "./Removal.js"
import * as WaitingFinals from "./WaitingFinals.js"

/** The state of an upload, and what the application adds if it has just become complete. */
export interface Concluded {
  readonly entry: StoredUpload
  readonly addition?: Addition | undefined
}

type Ready = Extract<Concat.Assembly, { readonly _tag: "Ready" }>

/** The steps of completion, which verbs and the sweeper share. */
export type CompleteUpload = Effect.Effect.Success<ReturnType<typeof make>>

export const make = (policy: Policy, hooks: HookRunner) =>
  Effect.gen(function*() {
    const store = yield* UploadStore
    const lock = yield* UploadLock
    const events = yield* UploadEvents
    const limits = yield* UploadLimits
    const removal = yield* Removal.make(hooks)
    const runInBackground = yield* FiberSet.makeRuntime<never>()
    const waiting = WaitingFinals.make()
    const ending = yield* Effect.acquireRelease(Deferred.make<void>(), (ending) => Deferred.succeed(ending, undefined))

    /**
     * From `Finishing` to `Complete` or `Rejected`. The bytes are made durable first, so that no hook sees bytes that
     * may be lost.
     */
    const conclude = (entry: StoredUpload, { fence }: Lease) => {
      const { completion, length } = entry.upload
      return completion._tag !== "Finishing" || Option.isNone(length)
        ? Effect.succeed<Concluded>({ entry })
        : Effect.uninterruptible(Effect.gen(function*() {
          const secured = yield* store.makeDurable(entry, fence)
          const { addition, completion } = yield* decide(hooks, entry.upload)
          const concluded = yield* store.commit(secured, entry.upload.fill(length.value, completion), fence)
          return { entry: concluded, addition: addition ?? undefined }
        }))
    }

    /** Publishes the event, and finishes the finals that wait for this upload. */
    const announce = ({ entry: { upload } }: Concluded) => {
      if (upload.completion._tag !== "Complete") {
        return upload.completion._tag === "Rejected" ? events.publish({ _tag: "Rejected", upload }) : Effect.void
      }
      const told = events.publish({ _tag: "Completed", upload, location: store.locate(upload.id) })
      return upload.isPartial ? Effect.zipRight(told, finishFinals(upload.id)) : told
    }

    const finishFinals = (part: UploadId) =>
      Effect.map(
        store.finalsOf(part),
        (finals) =>
          finals.forEach((final) =>
            void runInBackground(quietly(Effect.unlessEffect(finishPending(final), waitsForAnother(final, part))))
          )
      )

    /**
     * A final of hundreds of parts waits for another one most of the time: a look at that one saves the look at all.
     */
    const waitsForAnother = (final: UploadId, part: UploadId) => {
      const reason = waiting.reasonOf(final)
      return reason?._tag !== "Part" || reason.id === part ? Effect.succeed(false) : store.get(reason.id).pipe(
        Effect.map(({ upload }) => upload.isOpen),
        Effect.catchTag("UploadNotFound", () => Effect.succeed(false))
      )
    }

    /** For an upload that was open, or is new, and now has the state of `entry`. */
    const follow = (entry: StoredUpload, lease: Lease) => Effect.tap(conclude(entry, lease), announce)

    /** The parts of a final, in order; `Option.none` for a part that is gone. */
    const partsOf = (upload: Upload): Effect.Effect<ReadonlyArray<Option.Option<Upload>>, UploadStoreError> =>
      upload.kind._tag === "Final"
        ? Effect.forEach(upload.kind.parts, (part) =>
          store.get(part).pipe(
            Effect.map(({ upload }) => Option.some(upload)),
            Effect.catchTag("UploadNotFound", () => Effect.succeedNone)
          ))
        : Effect.succeed([])

    /**
     * Sets parts back whose bytes have gone. Such a part is open again, so the final cannot be assembled now.
     */
    const recover = (parts: ReadonlyArray<Upload>) =>
      Effect.flatMap(
        Effect.filter(parts, ({ id }) =>
          Effect.map(
            lock.withLockIfFree(id, ({ fence }) =>
              Effect.flatMap(DateTime.now, (now) => store.recover(id, fence, expiryAt(policy, now)))),
            (recovered) =>
              Option.isSome(Option.flatten(recovered))
          )),
        ([lacking]) => lacking === undefined ? Effect.void : new PartGone({ part: lacking.id })
      )

    /**
     * Copies the bytes of the parts to the final. Returns false if another request asked for the lock, or the server
     * ended.
     */
    const concat = (entry: StoredUpload, parts: ReadonlyArray<Upload>, lease: Lease) =>
      Effect.suspend(() => {
        const requested = Deferred.unsafeMake<void>(FiberId.none)
        lease.onRequested(() => Deferred.unsafeDone(requested, Effect.void))
        const stopped = Effect.raceFirst(Deferred.await(requested), Deferred.await(ending))
        return Effect.raceFirst(
          Effect.as(Effect.interruptible(store.concat(entry, parts)), true),
          Effect.as(Effect.interruptible(stopped), false)
        )
      })

    /** A final whose assembly was stopped is open as before, and is assembled from the beginning next time. */
    const join = Effect.fnUntraced(function*(entry: StoredUpload, { length, parts }: Ready, lease: Lease) {
      const joined = yield* Effect.catchIf(
        concat(entry, parts, lease),
        ({ reason }) => reason === "Corrupt",
        (error) => Effect.zipRight(recover(parts), error)
      )
      if (!joined) {
        return { entry }
      }
      const completion = completionOf(entry.upload, yield* DateTime.now, policy)
      const filled = yield* store.commit(entry, entry.upload.fill(length, completion), lease.fence)
      return yield* follow(filled, lease)
    })

    /**
     * Assembles an open final if all its parts are complete. Fails with `Denied` if there is no space for their sum,
     * and with `PartGone` or `TooLarge` if it can never be assembled.
     */
    const assemble = Effect.fnUntraced(function*(entry: StoredUpload, lease: Lease) {
      const { upload } = entry
      const parts = yield* partsOf(upload)
      const assembly = Concat.assemblyOf(upload, parts, policy)
      waiting.forget(upload.id)
      switch (assembly._tag) {
        case "Waiting": {
          const open = Option.firstSomeOf(parts.map(Option.filter(({ isOpen }) => isOpen)))
          if (Option.isSome(open)) {
            waiting.remember(upload.id, { _tag: "Part", id: open.value.id })
          }
          return { entry }
        }
        case "Impossible":
          return yield* assembly.refusal
        case "Ready":
          return yield* limits.growing(upload, upload, assembly.length, () => join(entry, assembly, lease))
      }
    }, Effect.uninterruptible)

    /** Why a final with complete parts is not assembled; `Option.none` if no reason is known. */
    const denialOf = ({ id, isOpen }: Upload): Option.Option<Denied> => {
      const reason = isOpen ? waiting.reasonOf(id) : undefined
      return reason?._tag === "Space" ? Option.some(reason.denial) : Option.none()
    }

    /** Removes a final that can never be assembled. */
    const abandonFinal = (entry: StoredUpload, { fence }: Lease) => Effect.as(removal.expire(entry, fence), { entry })

    /** Does what the server has to do for an upload by itself, if its lock is free. */
    const finishPending = (id: UploadId) =>
      lock.withLockIfFree(id, (lease) =>
        Effect.gen(function*() {
          const entry = yield* store.get(id)
          return yield* entry.upload.isFinal && entry.upload.isOpen
            ? Effect.catchTags(assemble(entry, lease), {
              PartGone: () => abandonFinal(entry, lease),
              TooLarge: () => abandonFinal(entry, lease),
              // There may be space later: the parts stay, and the next sweep tries again.
              Denied: (denial) => {
                waiting.remember(id, { _tag: "Space", denial })
                return Effect.succeed<Concluded>({ entry })
              }
            })
            : entry.upload.completion._tag === "Finishing"
            ? follow(entry, lease)
            : Effect.succeed<Concluded>({ entry })
        }))

    return { assemble, denialOf, follow, partsOf, finishPending }
  })

/** The decision of `onComplete`. A hook that exceeds its time limit has not decided. */
const decide = (hooks: HookRunner, upload: Upload) =>
  hooks.complete(upload).pipe(
    Effect.flatMap((addition) =>
      Effect.map(DateTime.now, (at) => ({ completion: { _tag: "Complete", at } as const, addition }))
    ),
    Effect.catchTag("UploadRejected", ({ reason, status }) =>
      Effect.succeed({ completion: { _tag: "Rejected", status, reason } as const, addition: undefined }))
  )
