/**
 * A race after which nobody runs any more.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/**
 * As `Effect.raceFirst`: what ends first, well or not, is what comes of it. But both have ended before anything else happens, when
 * it is interrupted as well: those that `Effect.raceFirst` leaves run on beside the finalizers of whoever raced them, which may
 * ask for what they are just about to change.
 */
export const first = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  that: Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.scoped(
    Effect.gen(function*() {
      const ended = yield* Deferred.make<A | A2, E | E2>()
      yield* Effect.forkScoped(Effect.intoDeferred(self, ended))
      yield* Effect.forkScoped(Effect.intoDeferred(that, ended))
      return yield* Deferred.await(ended)
    })
  )
