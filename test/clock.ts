/**
 * The clock of a machine that somebody sets while a test goes on: `TestClock` passes as before, and only what asks for
 * the time of day sees it.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Runs `use` with a clock that it sets by so many milliseconds, back or ahead. */
export const withWallClock = <A, E, R>(
  use: (set: (millis: number) => Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    let skew = 0
    const millis = () => clock.unsafeCurrentTimeMillis() + skew
    // It stays the clock of the test, whose methods are those of a class.
    const wall: Clock.Clock = Object.assign(Object.create(clock), {
      unsafeCurrentTimeMillis: millis,
      currentTimeMillis: Effect.sync(millis),
      unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos()
    })
    return Effect.withClock(
      use((by) =>
        Effect.sync(() => {
          skew += by
        })
      ),
      wall
    )
  })
