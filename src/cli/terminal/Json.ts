/**
 * Updates as JSON, one object per line. Pure: times are arguments, in milliseconds of a monotonic clock.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { FileError } from "../../client/transport/TusError.js"
import type { Progress } from "../../client/upload/Progress.js"
import type { Job, Update } from "./FileUpload.js"
import type * as Report from "./Report.js"

/** When the last progress event of each file was printed. */
export type Told = ReadonlyMap<Job, number>

export const none: Told = new Map()

/** The least time between two progress events of a file, in milliseconds. */
const spacing = 500

type Fields = Readonly<Record<string, unknown>>

export const next = (told: Told, update: Update, now: number): readonly [Told, Option.Option<string>] => {
  const { file } = update
  const isProgress = update._tag === "Progress"
    && (update.progress.event === "Sent" || update.progress.event === "Acknowledged")
  return isProgress && now - (told.get(file) ?? Number.NEGATIVE_INFINITY) < spacing
    ? [told, Option.none()]
    : [
      isProgress ? new Map([...told, [file, now]]) : told,
      Option.map(event(update), (event) => print({ event: event.event, file: file.name, ...event }))
    ]
}

const event = (update: Update): Option.Option<Fields> => {
  switch (update._tag) {
    case "Started":
      return Option.some({ event: "started", total: Option.getOrNull(update.file.size) })
    case "Failed":
      return Option.some({ event: "failed", ...problem(update.error) })
    case "Retrying":
      return Option.some({ event: "retrying", in: Duration.toSeconds(update.delay), ...problem(update.error) })
    case "Progress": {
      const { progress } = update
      switch (progress.event) {
        case "Retrying":
          return Option.none()
        case "Sent":
        case "Acknowledged":
          return Option.some({ event: "progress", ...standing(progress) })
        case "Recreated":
          return Option.some({
            event: "recreated",
            ...standing(progress),
            ...Option.match(progress.problem, { onNone: () => ({}), onSome: problem })
          })
        case "Complete":
          return Option.some({
            event: "complete",
            url: Option.getOrNull(progress.url),
            bytes: progress.acknowledged,
            resumed: progress.resumed,
            seconds: Duration.toSeconds(progress.elapsed),
            retries: progress.retries
          })
        default:
          return Option.some({ event: progress.event.toLowerCase(), ...standing(progress) })
      }
    }
  }
}

const standing = ({ acknowledged, eta, rate, sent, total, url }: Progress): Fields => ({
  url: Option.getOrNull(url),
  total: Option.getOrNull(total),
  sent,
  acknowledged,
  rate: Math.round(rate),
  eta: Option.getOrNull(Option.map(eta, Duration.toSeconds))
})

const problem = (error: FileError): Fields => ({
  error: error._tag,
  message: error.message,
  ...("reason" in error ? { reason: error.reason } : {}),
  ...("status" in error ? { status: error.status } : {})
})

export const summary = (report: Report.Report, elapsed: Duration.Duration, interrupted: boolean): string =>
  print({
    event: "summary",
    files: report.jobs,
    succeeded: report.succeeded.length,
    failed: report.failed.length,
    bytes: report.bytes,
    seconds: Duration.toSeconds(elapsed),
    interrupted
  })

export const print = (value: Fields): string => JSON.stringify(value)
