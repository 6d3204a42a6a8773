/**
 * The clock for durations. It does not change when the clock of the machine is set, and it does not tell the time of
 * day. Instants, which people and other machines see, come from `DateTime.now`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Milliseconds, with fractions, since an arbitrary moment of this process. */
export const unsafeMillis = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/** Like `unsafeMillis`, of the clock of the running fiber. */
export const millis: Effect.Effect<number> = Clock.clockWith((clock) => Effect.succeed(unsafeMillis(clock)))
