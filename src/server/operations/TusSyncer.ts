/**
 * Syncs the committed bytes of unfinished uploads, some time after they were acknowledged and when the server stops. A
 * power cut then costs little of a long upload, and an orderly reboot nothing. It disturbs no writer, unless written
 * bytes are lost. Servers with one store take no turns: a server can sync only bytes that it has written itself, and
 * where bytes are durable when they are acknowledged, as in S3, there is nothing to sync.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { UploadId } from "../../protocol/Upload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { Durability, UploadStore } from "../../store/UploadStore.js"
import { finish } from "../verbs/Background.js"

/** When to sync. With durability `"process"` both options are ignored. */
export interface Options {
  /** When to sync unfinished uploads. Every 30 seconds by default, the first time at once. */
  readonly syncSchedule?: Schedule.Schedule<unknown> | undefined
  /** How long the last round may delay the end of the server. 10 seconds by default. */
  readonly syncDeadline?: Duration.DurationInput | undefined
}

/**
 * One round, for callers with a schedule of their own. It ignores `Durability`: `sync(atOnce)` syncs all uploads that a
 * power cut would set back, `atOnce` of them at a time. It never fails: an error with one upload is logged.
 */
export const make = Effect.gen(function*() {
  const store = yield* UploadStore
  const lock = yield* UploadLock

  /** If a writer holds the lock and the sync succeeded, its next commit records the result, or the next round does. */
  const syncOne = (id: UploadId) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(store.sync(id), (isSynced) =>
        isSynced
          ? lock.withLockIfFree(id, ({ fence }) => store.recordSync(id, fence))
          : restore(lock.withLock(id, ({ fence }) => store.recordSync(id, fence))))
    )

  /** Runs `atOnce` fsyncs at a time. Each takes a thread of Node for its duration. */
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
 * Syncs in the background as long as the layer lives, and at its end. With durability `"process"` nothing is ever
 * synced.
 */
export const layer = (
  { syncDeadline = "10 seconds", syncSchedule = Schedule.spaced("30 seconds") }: Options = {}
): Layer.Layer<never, never, UploadLock | UploadStore> =>
  Layer.scopedDiscard(Effect.gen(function*() {
    if ((yield* Durability) !== "process") {
      const { sync } = yield* make
      const late = `Not all unfinished uploads were synced within ${
        Duration.format(syncDeadline)
      }: a power cut takes them back`
      // Requests need these threads, too; at the end there are no requests.
      yield* Effect.addFinalizer(() => finish(sync(16), syncDeadline, () => late))
      yield* Effect.forkScoped(Effect.repeat(sync(1), syncSchedule))
    }
  }))
