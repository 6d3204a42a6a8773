/**
 * The difference between the server's clock and ours, which may be days off, from the `Date` of responses. Pure.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Header from "../../wire/Header.js"

/** A response takes time, and `Date` has whole seconds: a smaller difference is none. */
const tolerance = Duration.minutes(1)

/** The server's clock is this many milliseconds ahead of ours, if a response with this `Date` has arrived at `now`. */
export const ahead = (date: string | undefined, now: DateTime.Utc): number => {
  const millis = Option.match(decode(date), {
    onNone: () => 0,
    onSome: (there) => DateTime.toEpochMillis(there) - DateTime.toEpochMillis(now)
  })
  return Math.abs(millis) < Duration.toMillis(tolerance) ? 0 : millis
}

/** An instant of the server's clock as our clock will show it. */
export const toOurs = (instant: DateTime.Utc, ahead: number): DateTime.Utc =>
  Option.match(DateTime.make(DateTime.toEpochMillis(instant) - ahead), {
    onNone: () => instant,
    onSome: DateTime.toUtc
  })

const decode = Schema.decodeUnknownOption(Header.HttpDate)
