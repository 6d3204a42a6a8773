/**
 * The background work of a server. It removes expired uploads, consumed partial uploads, and the remains of a creation
 * if they are empty or marked as incomplete. It sets unfinished uploads back whose bytes have gone, and finishes
 * pending ones. All other orphans, bytes that no state names, it sets aside: it logs each, puts it back if a state
 * names it again, and removes it after `keepOrphans`. It never removes a completed upload that is not a consumed
 * partial one, and never disturbs a writer. Of uploads in a dialect that this version does not serve it removes expired
 * ones only.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Dialect from "../../protocol/Dialect.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import { UploadLock } from "../../store/UploadLock.js"
import { type Due, type Page, pages, type StoredUpload, UploadRegistry } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import { TusServer } from "../TusServer.js"
import { each } from "../verbs/Background.js"
import * as HookRunner from "../verbs/HookRunner.js"
import * as Removal from "../verbs/Removal.js"
import * as OrphanSweep from "./OrphanSweep.js"
import * as TusMetrics from "./TusMetrics.js"

/** The schedules, and what is removed. */
export interface Options {
  /** When to look for expired uploads. At once, and then every minute by default. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /** When to compare states and bytes, page by page. At once, and then every day by default. */
  readonly orphanSchedule?: Schedule.Schedule<unknown> | undefined
  /** Whether to remove partial uploads when every final that names them is complete. They stay by default. */
  readonly removeUsedPartials?: boolean | undefined
  /** How long orphans are kept that were set aside. 30 days by default. */
  readonly keepOrphans?: Duration.DurationInput | undefined
}

/**
 * Both sweeps, for callers with a schedule of their own; `layer` runs them by its schedules. They never fail: an error
 * with one upload is logged, and the next sweep tries again.
 */
export const make = Effect.gen(function*() {
  const registry = yield* UploadRegistry
  const bytes = yield* ByteStore
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const server = yield* TusServer
  const removal = yield* Removal.make(yield* HookRunner.make)

  const removeUnlessNamed = (entry: StoredUpload, fence: number) =>
    Effect.uninterruptible(store.remove(entry, fence, { unlessNamed: true, by: "server" }))

  /** Removes an upload if `deserves` still holds under the lock, and the lock is free. */
  const removeIf = (
    id: UploadId,
    deserves: (upload: Upload) => Effect.Effect<boolean, unknown>,
    act: (entry: StoredUpload, fence: number) => Effect.Effect<void, unknown>
  ) =>
    lock.withLockIfFree(id, ({ fence }) =>
      Effect.gen(function*() {
        const entry = yield* registry.get(id)
        if (Option.isSome(entry) && (yield* deserves(entry.value.upload))) {
          yield* act(entry.value, fence)
        }
      }))

  const expire = Effect.flatMap(
    DateTime.now,
    (now) =>
      each(
        pages((page: Page<Due>) => registry.expired(now, page)),
        ({ id }) => removeIf(id, (upload) => Effect.succeed(upload.isOpen && upload.hasExpired(now)), removal.expire)
      )
  )

  const finishPending = each(pages(registry.pending), server.finishPending)

  /** If the response to a final upload was lost, the client may create it again, so this is checked under the lock. */
  const removeUsedPartials = each(
    pages(registry.consumedParts),
    (id) =>
      removeIf(
        id,
        (upload) => Effect.succeed(Dialect.isServed(upload) && upload.isPartial && !upload.isOpen),
        removeUnlessNamed
      )
  )

  const orphans = yield* OrphanSweep.make

  /**
   * Sets an unfinished upload back to the bytes that are there, as a PATCH would.
   */
  const recover = each(
    pages(registry.withBytes),
    ({ id, offset }) =>
      Effect.whenEffect(
        lock.withLockIfFree(id, ({ fence }) => store.recover(id, fence)),
        Effect.map(bytes.size(id), (size) => offset > Option.getOrElse(size, () => 0))
      )
  )

  return {
    /** Removes expired uploads, and finishes pending ones. */
    sweep: ({ removeUsedPartials: used = false }: Pick<Options, "removeUsedPartials"> = {}) =>
      timed(
        "Expired",
        Effect.all([expire, finishPending, Effect.when(removeUsedPartials, () => used)], { discard: true })
      ),
    /** Sets orphans aside, and unfinished uploads back to the bytes that are there. */
    sweepOrphans: ({ keepOrphans }: Pick<Options, "keepOrphans"> = {}) =>
      timed(
        "Orphans",
        // First the states get their bytes back.
        Effect.ignoreLogged(Effect.whenEffect(
          Effect.all([orphans.putBack, orphans.setAside, recover, orphans.removeOld(keepOrphans)], {
            discard: true
          }),
          orphans.isSound
        ))
      )
  }
})

/** Sweeps in the background, as long as the layer lives. */
export const layer = (
  options: Options = {}
): Layer.Layer<never, never, ByteStore | TusServer | UploadLock | UploadRegistry | UploadStore> =>
  Layer.scopedDiscard(Effect.gen(function*() {
    const { sweep, sweepOrphans } = yield* make
    yield* Effect.forkScoped(Effect.repeat(sweep(options), options.schedule ?? Schedule.spaced("1 minute")))
    yield* Effect.forkScoped(Effect.repeat(sweepOrphans(options), options.orphanSchedule ?? Schedule.spaced("1 day")))
  }))

const timed = (sweep: string, self: Effect.Effect<void>) =>
  Metric.trackDurationWith(self, Metric.tagged(TusMetrics.sweepDuration, "sweep", sweep), Duration.toSeconds)
