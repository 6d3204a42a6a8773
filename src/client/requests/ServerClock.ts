/**
 * The clock of the server, told from ours by the `Date` of its answers: ours may be days off. Pure.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Header from "../../wire/Header.js"

/** An answer is under way for a moment, and its Date has whole seconds: less than this is no difference. */
const tolerance = Duration.minutes(1)

/** By how many milliseconds the server's clock is ahead of ours, where an answer with this `Date` has come at `now`. */
export const ahead = (date: string | undefined, now: DateTime.Utc): number => {
  const millis = Option.match(decode(date), {
    onNone: () => 0,
    onSome: (there) => DateTime.toEpochMillis(there) - DateTime.toEpochMillis(now)
  })
  return Math.abs(millis) < Duration.toMillis(tolerance) ? 0 : millis
}

/** An instant that the server has told, as our clock will show it then. */
export const toOurs = (instant: DateTime.Utc, ahead: number): DateTime.Utc =>
  Option.match(DateTime.make(DateTime.toEpochMillis(instant) - ahead), {
    onNone: () => instant,
    onSome: DateTime.toUtc
  })

const decode = Schema.decodeUnknownOption(Header.HttpDate)
