/**
 * The time of day, of a clock that was taken before: for what is decided without a fiber.
 */
import type * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"

/** The instant that the clock shows. */
export const of = (clock: Clock.Clock): DateTime.Utc => DateTime.unsafeMake(clock.unsafeCurrentTimeMillis())
