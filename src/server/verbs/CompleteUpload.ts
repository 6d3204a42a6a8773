/**
 * What follows when all bytes of an upload are there: the hook is asked, the world is told, and the finals that waited
 * for a part are assembled. Each step starts from the stored state, so that it can be taken again after a crash.
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

/** Where an upload stands now, and what the application adds where it has just become complete. */
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
     * Takes an upload from having all its bytes to being complete, or rejected for good. No hook sees bytes that may be
     * lost.
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

    /** The newly complete upload is made known, to listeners and to the finals that wait for it. */
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
     * Of a final that names hundreds, most parts that become complete change nothing: one look at another one tells.
     */
    const waitsForAnother = (final: UploadId, part: UploadId) => {
      const reason = waiting.reasonOf(final)
      return reason?._tag !== "Part" || reason.id === part ? Effect.succeed(false) : store.get(reason.id).pipe(
        Effect.map(({ upload }) => upload.isOpen),
        Effect.catchTag("UploadNotFound", () => Effect.succeed(false))
      )
    }

    /** An upload that was open, or new, and now stands as `entry` says. */
    const follow = (entry: StoredUpload, lease: Lease) => Effect.tap(conclude(entry, lease), announce)

    /** The parts of a final, in order; none for one that is gone. */
    const partsOf = (upload: Upload): Effect.Effect<ReadonlyArray<Option.Option<Upload>>, UploadStoreError> =>
      upload.kind._tag === "Final"
        ? Effect.forEach(upload.kind.parts, (part) =>
          store.get(part).pipe(
            Effect.map(({ upload }) => Option.some(upload)),
            Effect.catchTag("UploadNotFound", () => Effect.succeedNone)
          ))
        : Effect.succeed([])

    /**
     * Parts whose bytes have gone go back to those that are there, and then are no parts of anything that is joined
     * now.
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
     * Gives a final the bytes of its parts, unless somebody else wants it or the server ends before; tells whether it
     * has.
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

    /** One that was stopped is open as before, and begun anew by who finishes it next. */
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
     * Joins the parts of an open final where all of them are complete and there is room for as many bytes again; fails
     * where there is none, or where it can never be.
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

    /** Why a final whose parts are all there is not assembled; none where nothing is known to be in its way. */
    const denialOf = ({ id, isOpen }: Upload): Option.Option<Denied> => {
      const reason = isOpen ? waiting.reasonOf(id) : undefined
      return reason?._tag === "Space" ? Option.some(reason.denial) : Option.none()
    }

    /** A final that can never be assembled is of no use to anybody. */
    const abandonFinal = (entry: StoredUpload, { fence }: Lease) => Effect.as(removal.expire(entry, fence), { entry })

    /** Does what the server itself has to do for an upload, if anything, unless somebody is at it. */
    const finishPending = (id: UploadId) =>
      lock.withLockIfFree(id, (lease) =>
        Effect.gen(function*() {
          const entry = yield* store.get(id)
          return yield* entry.upload.isFinal && entry.upload.isOpen
            ? Effect.catchTags(assemble(entry, lease), {
              PartGone: () => abandonFinal(entry, lease),
              TooLarge: () => abandonFinal(entry, lease),
              // There may be room for it later: its parts stay, and it is looked at again.
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

/** What the application says to an upload that has all its bytes. A time limit that runs out is no decision. */
const decide = (hooks: HookRunner, upload: Upload) =>
  hooks.complete(upload).pipe(
    Effect.flatMap((addition) =>
      Effect.map(DateTime.now, (at) => ({ completion: { _tag: "Complete", at } as const, addition }))
    ),
    Effect.catchTag("UploadRejected", ({ reason, status }) =>
      Effect.succeed({ completion: { _tag: "Rejected", status, reason } as const, addition: undefined }))
  )
