/**
 * What follows when all bytes of an upload are there: the hook is asked, the world is told, and the finals that waited
 * for a part are assembled. Each step starts from the stored state, so that it can be taken again after a crash.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import { completionOf } from "../protocol/Append.js"
import * as Concat from "../protocol/Concat.js"
import type { Policy } from "../protocol/Policy.js"
import { PartGone } from "../protocol/Refusal.js"
import type { Addition } from "../protocol/Reply.js"
import type { Upload, UploadId } from "../protocol/Upload.js"
import { type Lease, UploadLock } from "../store/UploadLock.js"
import type { Entry } from "../store/UploadRegistry.js"
import { UploadStore } from "../store/UploadStore.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import type { Application } from "./Application.js"
import * as Removal from "./Removal.js"
import { UploadEvents } from "./UploadEvents.js"

/** Where an upload stands now, and what the application adds where it has just become complete. */
export interface Concluded {
  readonly entry: Entry
  readonly addition?: Addition | undefined
}

export type Completion = Effect.Effect.Success<ReturnType<typeof make>>

export const make = (policy: Policy, application: Application) =>
  Effect.gen(function*() {
    const store = yield* UploadStore
    const lock = yield* UploadLock
    const events = yield* UploadEvents
    const removal = yield* Removal.make(application)
    const runInBackground = yield* FiberSet.makeRuntime<never>()

    /** Takes an upload from having all its bytes to being complete, or rejected for good. No hook sees bytes that may be lost. */
    const conclude = (entry: Entry, { fence }: Lease) => {
      const { completion, length } = entry.upload
      return completion._tag !== "Finishing" || Option.isNone(length)
        ? Effect.succeed<Concluded>({ entry })
        : Effect.uninterruptible(Effect.gen(function*() {
          const secured = yield* store.secure(entry, fence)
          const { addition, completion } = yield* decide(application, entry.upload)
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
      return upload.isPartial ? Effect.zipRight(told, settleFinals(upload.id)) : told
    }

    const settleFinals = (part: UploadId) =>
      Effect.map(
        store.finalsOf(part),
        (finals) => finals.forEach((final) => void runInBackground(Effect.ignoreLogged(settle(final))))
      )

    /** An upload that was open, or new, and now stands as `entry` says. */
    const follow = (entry: Entry, lease: Lease) => Effect.tap(conclude(entry, lease), announce)

    /** The parts of a final, in order; none for one that is gone. */
    const partsOf = (upload: Upload): Effect.Effect<ReadonlyArray<Option.Option<Upload>>, UploadStoreError> =>
      upload.kind._tag === "Final"
        ? Effect.forEach(upload.kind.parts, (part) =>
          store.get(part).pipe(
            Effect.map(({ upload }) => Option.some(upload)),
            Effect.catchTag("UploadNotFound", () => Effect.succeedNone)
          ))
        : Effect.succeed([])

    /** Parts whose bytes have gone go back to those that are there, and then are no parts of anything that is joined now. */
    const recover = (parts: ReadonlyArray<Upload>) =>
      Effect.flatMap(
        Effect.filter(parts, ({ id }) =>
          Effect.map(
            lock.withLockIfFree(id, ({ fence }) => store.recover(id, fence)),
            (recovered) => Option.isSome(Option.flatten(recovered))
          )),
        ([lacking]) => lacking === undefined ? Effect.void : new PartGone({ part: lacking.id })
      )

    /** Joins the parts of an open final where all of them are complete; fails where that can never be. */
    const assemble = Effect.fnUntraced(function*(entry: Entry, lease: Lease) {
      const { upload } = entry
      const assembly = Concat.assemblyOf(upload, yield* partsOf(upload), policy)
      switch (assembly._tag) {
        case "Waiting":
          return { entry }
        case "Hopeless":
          return yield* assembly.refusal
        case "Ready": {
          yield* Effect.catchIf(
            store.concat(entry, assembly.parts),
            ({ reason }) => reason === "Corrupt",
            (error) => Effect.zipRight(recover(assembly.parts), error)
          )
          const completion = completionOf(upload, yield* DateTime.now, policy)
          const filled = yield* store.commit(entry, upload.fill(assembly.length, completion), lease.fence)
          return yield* follow(filled, lease)
        }
      }
    }, Effect.uninterruptible)

    /** A final that can never be assembled is of no use to anybody. */
    const forsake = (entry: Entry, { fence }: Lease) => Effect.as(removal.expire(entry, fence), { entry })

    /** Does what the server itself has to do for an upload, if anything, unless somebody is at it. */
    const settle = (id: UploadId) =>
      lock.withLockIfFree(id, (lease) =>
        Effect.gen(function*() {
          const entry = yield* store.get(id)
          return yield* entry.upload.isFinal && entry.upload.isOpen
            ? Effect.catchTags(assemble(entry, lease), {
              PartGone: () => forsake(entry, lease),
              TooLarge: () => forsake(entry, lease)
            })
            : entry.upload.completion._tag === "Finishing"
            ? follow(entry, lease)
            : Effect.succeed<Concluded>({ entry })
        }))

    return { assemble, follow, partsOf, settle }
  })

/** What the application says to an upload that has all its bytes. A time limit that runs out is no decision. */
const decide = (application: Application, upload: Upload) =>
  application.complete(upload).pipe(
    Effect.flatMap((addition) =>
      Effect.map(DateTime.now, (at) => ({ completion: { _tag: "Complete", at } as const, addition }))
    ),
    Effect.catchTag("UploadRejected", ({ reason, status }) =>
      Effect.succeed({ completion: { _tag: "Rejected", status, reason } as const, addition: undefined }))
  )
