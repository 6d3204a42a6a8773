/**
 * Formats and parses durations. Pure.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const seconds = (unit: string): number | undefined =>
  /^(ms|milli(second)?s?)$/.test(unit)
    ? 0.001
    : /^(|s|sec(ond)?s?)$/.test(unit)
    ? 1
    : /^(m|min(ute)?s?)$/.test(unit)
    ? 60
    : /^(h|hours?)$/.test(unit)
    ? 3600
    : /^(d|days?)$/.test(unit)
    ? 86400
    : /^(w|weeks?)$/.test(unit)
    ? 7 * 86400
    : undefined

/** What `parse` accepts, as the end of a sentence. */
export const expected = `a duration such as 30s, 500ms, 5 minutes, 1h30m or "1 day"`

/** Greater than zero. A number without a unit is in seconds. */
export const parse = (text: string): Option.Option<Duration.Duration> => {
  const lower = text.trim().toLowerCase()
  if (!/^(\d+(\.\d+)?|(\d+(\.\d+)?\s*[a-z]+\s*)+)$/.test(lower)) {
    return Option.none()
  }
  const total = [...lower.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)/g)].reduce(
    (sum, [, digits, unit = ""]) => sum + Number(digits) * (seconds(unit) ?? Number.NaN),
    0
  )
  return total > 0 && Number.isFinite(total) ? Option.some(Duration.seconds(total)) : Option.none()
}

/** `1:05`; from one hour on `1:00:05`; from 100 hours on `over 4 d`. */
export const clock = (duration: Duration.Duration): string => {
  const all = Math.ceil(Duration.toSeconds(duration))
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60]
  return hours >= 100
    ? `over ${Math.floor(hours / 24)} d`
    : hours > 0
    ? `${hours}:${two(minutes)}:${two(all % 60)}`
    : `${minutes}:${two(all % 60)}`
}

/** At most two units: `0.3 s`, `42 s`, `2 min 5 s`, `3 h 7 min`, `2 d 4 h`. */
export const words = (duration: Duration.Duration): string => {
  const exact = Duration.toSeconds(duration)
  const all = Math.round(exact)
  return exact < 9.95
    ? `${exact.toFixed(1)} s`
    : all < 60
    ? `${all} s`
    : all < 3600
    ? pair(Math.floor(all / 60), "min", all % 60, "s")
    : all < 86400
    ? pair(Math.floor(all / 3600), "h", Math.floor(all / 60) % 60, "min")
    : pair(Math.floor(all / 86400), "d", Math.floor(all / 3600) % 24, "h")
}

const two = (n: number) => String(n).padStart(2, "0")

const pair = (whole: number, unit: string, rest: number, smaller: string) =>
  rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${smaller}`
