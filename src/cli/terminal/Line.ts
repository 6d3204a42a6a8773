/**
 * Updates as plain lines: events at once, progress from time to time. Pure: times are arguments, in milliseconds of a
 * monotonic clock.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Progress } from "../../client/upload/Progress.js"
import * as Failure from "./Failure.js"
import type { Job, Update } from "./FileUpload.js"
import * as Size from "./Size.js"
import * as Time from "./Time.js"

/** The time and the percentage of the last line about each file. */
export type Said = ReadonlyMap<Job, { readonly at: number; readonly percent: number }>

export const none: Said = new Map()

export const next = (said: Said, update: Update, now: number): readonly [Said, Option.Option<string>] => {
  const { file } = update
  const last = said.get(file) ?? { at: now, percent: 0 }
  const line = text(update, last, now)
  return [
    Option.isNone(line) && said.has(file) ? said : new Map([...said, [file, {
      at: now,
      percent: update._tag === "Progress" ? percentOf(update.progress) : last.percent
    }]]),
    Option.map(line, (line) => `${file.name}: ${line}`)
  ]
}

type Last = NonNullable<ReturnType<Said["get"]>>

const text = (update: Update, last: Last, now: number): Option.Option<string> => {
  switch (update._tag) {
    case "Started":
      return Option.some(
        Option.match(update.file.size, { onNone: () => "starting", onSome: (size) => `starting, ${Size.print(size)}` })
      )
    case "Failed":
      return Option.some(`failed: ${Failure.reason(update.error)}`)
    case "Retrying":
      return Option.some(`retrying in ${Time.words(update.delay)}: ${Failure.reason(update.error)}`)
    case "Progress":
      return progressText(update.progress, last, now)
  }
}

const progressText = (progress: Progress, last: Last, now: number): Option.Option<string> => {
  switch (progress.event) {
    case "Complete":
      return Option.some(`done, ${sessionOf(progress)}`)
    case "Resumed":
      return Option.some(`resumed at ${position(progress)}`)
    case "Recreated":
      return Option.some(anew(progress))
    case "Retrying":
      return Option.none()
    default:
      return isDue(progress, last, now) ? Option.some(moving(progress)) : Option.none()
  }
}

/** What this session did: `5.7 MiB in 2.5 s`. */
export const sessionOf = (
  { acknowledged, elapsed, resumed }: Pick<Progress, "acknowledged" | "elapsed" | "resumed">
): string =>
  resumed === 0
    ? `${Size.print(acknowledged)} in ${Time.words(elapsed)}`
    : `${Size.print(acknowledged)}, the last ${Size.print(acknowledged - resumed)} in ${Time.words(elapsed)}`

/** Why the upload starts again from its first byte. */
export const anew = ({ problem }: Pick<Progress, "problem">): string =>
  Option.match(problem, {
    onNone: () => "starting again: the file has changed since it was sent",
    onSome: (error) => `starting again: ${Failure.reason(error)}`
  })

/** The position of an upload. */
export const stands = (progress: Progress): string => `stopped at ${position(progress)}`

/** After each 10 %, but at most once a second; and at least every ten seconds. */
const isDue = (progress: Progress, { at, percent }: Last, now: number): boolean =>
  now - at >= 10_000 || (now - at >= 1000 && percentOf(progress) >= percent + 10)

const moving = (progress: Progress): string =>
  [
    position(progress),
    progress.rate > 0 ? Option.some(`${Size.print(progress.rate)}/s`) : Option.none(),
    Option.map(progress.eta, (eta) => `${Time.words(Duration.seconds(Math.ceil(Duration.toSeconds(eta))))} left`)
  ].flatMap((part) => (typeof part === "string" ? [part] : Option.toArray(part))).join(", ")

const position = ({ sent, total }: Progress): string =>
  Option.match(total, {
    onNone: () => Size.print(sent),
    onSome: (total) => `${Size.percent(sent, total)} % (${Size.print(sent)} of ${Size.print(total)})`
  })

const percentOf = ({ sent, total }: Progress): number =>
  Option.match(total, { onNone: () => 0, onSome: (total) => Size.percent(sent, total) })
