/**
 * A wall clock that a test can set. `TestClock` goes on as before; only the time of day changes.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Runs `use` with a function that moves the time of day by milliseconds, forwards or backwards. */
export const withWallClock = <A, E, R>(
  use: (set: (millis: number) => Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    let skew = 0
    const millis = () => clock.unsafeCurrentTimeMillis() + skew
    // A copy would lose the methods of TestClock, which are on its prototype.
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
