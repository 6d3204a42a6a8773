/**
 * The clock for durations: it goes on at its pace whatever is done to the clock of the machine, which may be set back
 * or ahead by hours at any time, and it does not say what time it is. Instants, which people and other machines see,
 * come from `DateTime.now`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Milliseconds, with fractions, since a moment that only this process knows. */
export const unsafeMillis = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/** As `unsafeMillis`, of the clock of whoever runs it. */
export const millis: Effect.Effect<number> = Clock.clockWith((clock) => Effect.succeed(unsafeMillis(clock)))
