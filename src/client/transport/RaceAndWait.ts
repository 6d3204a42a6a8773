/**
 * A race after which nobody runs any more.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * As `Effect.raceFirst`: what ends first, well or not, is what comes of it. But both have ended before anything else
 * happens, when it is interrupted as well: those that `Effect.raceFirst` leaves run on beside the finalizers of whoever
 * raced them, which may ask for what they are just about to change.
 */
export const first = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  that: Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E | E2, R | R2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.zip(Effect.fork(restore(self)), Effect.fork(restore(that))), (fibers) => {
      const ended = Effect.async<A | A2, E | E2>((resume) => fibers.forEach((fiber) => fiber.addObserver(resume)))
      return Effect.ensuring(restore(ended), Fiber.interruptAll(fibers))
    })
  )
