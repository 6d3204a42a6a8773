/**
 * How long a timer of Node runs: of a longer time, and of one without an end, it would make a millisecond, or an error.
 * Pure.
 */
import * as Duration from "effect/Duration"

/** 24.8 days, in milliseconds. */
const longest = 2 ** 31 - 1

export const millis = (duration: Duration.DurationInput): number => Math.min(Duration.toMillis(duration), longest)
