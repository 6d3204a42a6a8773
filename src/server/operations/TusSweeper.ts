/**
 * The background work of a server. It removes expired uploads, consumed partial uploads, and the remains of a creation
 * if they are empty or marked as incomplete. It sets unfinished uploads back whose bytes have gone, and finishes
 * pending ones. All other orphans, bytes that no state names, it sets aside: it logs each, puts it back if a state
 * names it again, and removes it after `keepOrphans`. It never removes a completed upload that is not a consumed
 * partial one, and never disturbs a writer. Of uploads in a dialect that this version does not serve it removes expired
 * ones only.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import type { ByteStore } from "../../store/ByteStore.js"
import type { UploadLock } from "../../store/UploadLock.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import type { UploadStore } from "../../store/UploadStore.js"
import type { TusServer } from "../TusServer.js"
import * as OrphanSweep from "./OrphanSweep.js"
import * as SweepTurn from "./SweepTurn.js"
import * as TusMetrics from "./TusMetrics.js"
import * as UploadSweep from "./UploadSweep.js"

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
 * with one upload is logged, and the next sweep tries again. They ask no other server whether it sweeps, too.
 */
export const make = Effect.gen(function*() {
  const uploads = yield* UploadSweep.make
  const orphans = yield* OrphanSweep.make

  return {
    /** Removes expired uploads, and finishes pending ones. */
    sweep: ({ removeUsedPartials: used = false }: Pick<Options, "removeUsedPartials"> = {}) =>
      timed(
        "Expired",
        Effect.all([uploads.expire, uploads.finishPending, Effect.when(uploads.removeUsedPartials, () => used)], {
          discard: true
        })
      ),
    /** Sets orphans aside, and unfinished uploads back to the bytes that are there. */
    sweepOrphans: ({ keepOrphans }: Pick<Options, "keepOrphans"> = {}) =>
      timed(
        "Orphans",
        // First the states get their bytes back.
        Effect.ignoreLogged(Effect.whenEffect(
          Effect.all([orphans.putBack, orphans.setAside, uploads.recover, orphans.removeOld(keepOrphans)], {
            discard: true
          }),
          orphans.isSound
        ))
      )
  }
})

/**
 * Sweeps in the background, as long as the layer lives. Of several servers with one registry one sweeps at a time, each
 * kind for itself: a server whose time has come while another one has the turn waits for its next time. The turn of a
 * server that was killed ends within half a minute, or within 8 hours for the comparison of states and bytes.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<never, never, ByteStore | TusServer | UploadLock | UploadRegistry | UploadStore> =>
  Layer.scopedDiscard(Effect.gen(function*() {
    const { schedule = Schedule.spaced("1 minute"), orphanSchedule = Schedule.spaced("1 day") } = options
    const { sweep, sweepOrphans } = yield* make
    const registry = yield* UploadRegistry
    const sweepInTurn = SweepTurn.make(registry, "expired uploads", "30 seconds")
    // Servers that start one after the other, as in a deployment, sweep once.
    const sweepOrphansInTurn = SweepTurn.make(registry, "orphans", "8 hours")
    yield* Effect.forkScoped(Effect.repeat(sweepInTurn(sweep(options)), schedule))
    yield* Effect.forkScoped(Effect.repeat(sweepOrphansInTurn(sweepOrphans(options)), orphanSchedule))
  }))

const timed = (sweep: string, self: Effect.Effect<void>) =>
  Metric.trackDurationWith(self, Metric.tagged(TusMetrics.sweepDuration, "sweep", sweep), Duration.toSeconds)
