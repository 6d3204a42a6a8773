/**
 * Has what counts of unfinished uploads survive a power cut, a while after it was acknowledged and when the server
 * stops: then a reboot costs little of a long upload, and an orderly one nothing. It disturbs no writer, unless what
 * was written is lost.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { UploadId } from "../../protocol/Upload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { Durability, UploadStore } from "../../store/UploadStore.js"

/** When to sync. With durability `"process"` neither counts. */
export interface Options {
  /** When to look for what is to be synced. Every 30 seconds by default, the first time at once. */
  readonly syncSchedule?: Schedule.Schedule<unknown> | undefined
  /** How long the last round may hold up the end of the server. 10 seconds by default. */
  readonly syncDeadline?: Duration.DurationInput | undefined
}

/**
 * One round, for whoever decides when it runs, whatever `Durability` says: `sync(atOnce)` syncs all uploads that a
 * power cut would set back, so many at a time. It never fails: what goes wrong with one upload is logged.
 */
export const make = Effect.gen(function*() {
  const store = yield* UploadStore
  const lock = yield* UploadLock

  /** Where somebody is at it and all is well, the next commit writes down what came of it, or the next round. */
  const syncOne = (id: UploadId) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(store.sync(id), (isSynced) =>
        isSynced
          ? lock.withLockIfFree(id, ({ fence }) => store.recordSync(id, fence))
          : restore(lock.withLock(id, ({ fence }) => store.recordSync(id, fence))))
    )

  /** Each takes a thread for as long as the disk does. */
  const sync = (atOnce: number) =>
    Effect.ignoreLogged(
      Stream.runDrain(
        Stream.mapEffect(store.unsynced, (id) => Effect.ignoreLogged(syncOne(id)), {
          concurrency: atOnce,
          unordered: true
        })
      )
    )

  return { sync }
})

/**
 * FsyncTracker in the background as long as the layer lives, and at its end. With durability `"process"` nothing is
 * ever synced.
 */
export const layer = (
  { syncDeadline = "10 seconds", syncSchedule = Schedule.spaced("30 seconds") }: Options = {}
): Layer.Layer<never, never, UploadLock | UploadStore> =>
  Layer.scopedDiscard(Effect.gen(function*() {
    if ((yield* Durability) !== "process") {
      const { sync } = yield* make
      // Requests need the threads of the disk; at the end there are none.
      const last = Effect.timeoutOption(Effect.interruptible(sync(16)), syncDeadline)
      const late = `Not all unfinished uploads were synced within ${
        Duration.format(syncDeadline)
      }: a power cut takes them back`
      yield* Effect.addFinalizer(() =>
        Effect.flatMap(last, (done) => (Option.isSome(done) ? Effect.void : Effect.logWarning(late)))
      )
      yield* Effect.forkScoped(Effect.repeat(sync(1), syncSchedule))
    }
  }))
