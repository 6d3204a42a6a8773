/**
 * Sweeps of several servers with one registry: one of them sweeps at a time.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { UploadRegistry } from "../../store/UploadRegistry.js"

/**
 * Runs a sweep if this server has the turn, which it keeps until `length` after the sweep. It skips the sweep if the
 * registry cannot be asked, and logs the first such failure in a row. Without turns in the registry it always sweeps.
 */
export const make = (
  { takeTurn }: Pick<UploadRegistry["Type"], "takeTurn">,
  work: string,
  length: Duration.DurationInput
): (sweep: Effect.Effect<void>) => Effect.Effect<void> => {
  if (takeTurn === undefined) {
    return (sweep) => sweep
  }
  let hasFailed = false
  const take = Effect.suspend(() => takeTurn(work, Duration.decode(length))).pipe(
    Effect.tap(() => {
      hasFailed = false
    }),
    Effect.catchAll(({ message }) => {
      const isNew = !hasFailed
      hasFailed = true
      return Effect.as(Effect.when(Effect.logWarning(`no sweep of ${work}: ${message}`), () => isNew), false)
    })
  )
  const third = Duration.times(length, 1 / 3)
  const keep = Effect.delay(Effect.repeat(take, Schedule.spaced(third)), third)
  return (sweep) =>
    Effect.asVoid(Effect.whenEffect(Effect.scoped(Effect.zipRight(Effect.forkScoped(keep), sweep)), take))
}
