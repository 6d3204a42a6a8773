/**
 * Has what counts of unfinished uploads survive a power cut, a while after it was acknowledged and when the server stops: then
 * a reboot costs little of a long upload, and an orderly one nothing. It disturbs no writer, unless what was written is lost.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { UploadId } from "../protocol/Upload.js"
import { UploadLock } from "../store/UploadLock.js"
import { Durability, UploadStore } from "../store/UploadStore.js"

export interface Options {
  /** When to look for what is to be synced. Every 30 seconds by default, the first time at once. */
  readonly syncSchedule?: Schedule.Schedule<unknown> | undefined
}

export const make = Effect.gen(function*() {
  const store = yield* UploadStore
  const lock = yield* UploadLock

  /** Where somebody is at it and all is well, the next commit writes it down, or the next round. */
  const settle = (id: UploadId, isSynced: boolean) =>
    isSynced
      ? lock.withLockIfFree(id, ({ fence }) => store.settleSync(id, fence))
      : lock.withLock(id, ({ fence }) => store.settleSync(id, fence))

  /** One after another: a sync takes a thread for as long as the disk does, and requests need theirs. */
  const sync = Stream.runForEach(
    store.unsynced,
    (id) => Effect.ignoreLogged(Effect.flatMap(store.sync(id), (isSynced) => settle(id, isSynced)))
  ).pipe(Effect.ignoreLogged)

  return { sync }
})

/** Syncs in the background as long as the layer lives, and at its end. With durability `"process"` nothing is ever synced. */
export const layer = ({ syncSchedule = Schedule.spaced("30 seconds") }: Options = {}): Layer.Layer<
  never,
  never,
  UploadLock | UploadStore
> =>
  Layer.scopedDiscard(Effect.gen(function*() {
    if ((yield* Durability) !== "process") {
      const { sync } = yield* make
      yield* Effect.addFinalizer(() => sync)
      yield* Effect.forkScoped(Effect.repeat(sync, syncSchedule))
    }
  }))
