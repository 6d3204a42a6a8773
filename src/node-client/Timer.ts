/**
 * Limits a duration to what a timer of Node can run: for a longer one it would fire after a millisecond, or throw.
 * Pure.
 */
import * as Duration from "effect/Duration"

/** 24.8 days, in milliseconds. */
const longest = 2 ** 31 - 1

export const millis = (duration: Duration.DurationInput): number => Math.min(Duration.toMillis(duration), longest)
