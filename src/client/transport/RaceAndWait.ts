/**
 * A race that ends when both effects have ended.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/**
 * Like `Effect.raceFirst`: the result is that of the effect that ends first, even if it fails. But it waits until both
 * have ended, also if it is interrupted. The loser of `Effect.raceFirst` may still run beside the finalizers of the
 * caller, and use what they release.
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
