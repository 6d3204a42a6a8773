/**
 * Uploads files, shows their progress, and prints the result. `upload` and `resume` share it.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as UploadJournal from "../../client/journal/UploadJournal.js"
import type { TusError } from "../../client/transport/TusError.js"
import type { Progress } from "../../client/upload/Progress.js"
import { pace } from "../../client/upload/Retry.js"
import * as TusUpload from "../../client/upload/TusUpload.js"
import { recurUpTo, type UploadOptions } from "../../client/upload/UploadOptions.js"
import type { Algorithm } from "../../protocol/Checksum.js"
import type * as Journal from "../options/Journal.js"
import * as Display from "../terminal/Display.js"
import * as Failure from "../terminal/Failure.js"
import type { Job } from "../terminal/FileUpload.js"
import * as Json from "../terminal/Json.js"
import * as Line from "../terminal/Line.js"
import { Output } from "../terminal/Output.js"
import * as Report from "../terminal/Report.js"

export interface Options {
  readonly mode: Display.Mode
  readonly chunkSize: Option.Option<number>
  readonly parallel: Option.Option<number | "auto">
  readonly concurrency: number
  readonly checksum: Option.Option<Algorithm>
  readonly retries: number
  readonly retryFor: Option.Option<Duration.Duration>
  readonly terminateOnAbort: boolean
  readonly allowedHosts: ReadonlyArray<string>
  readonly journal: Journal.Choice
}

export const run = Effect.fnUntraced(function*(jobs: ReadonlyArray<Job>, options: Options) {
  const output = yield* Output
  const start = yield* Clock.currentTimeNanos
  // Without a directory for it there is no journal.
  const journal = (yield* UploadJournal.UploadJournal) === UploadJournal.none ? nowhere : options.journal
  let report = Report.make(jobs.length)
  // Uploads that exist on the server, and so in the journal.
  const begun = new Map<Job, Progress>()

  const summarize = Effect.fnUntraced(function*(interrupted: boolean) {
    const elapsed = yield* Display.elapsedSince(start)
    if (options.mode === "json") {
      yield* output.raw(Json.summary(report, elapsed, interrupted))
    } else if (!interrupted && jobs.length > 1 && (options.mode === "normal" || report.failed.length > 0)) {
      yield* output.say(`effect-tus: ${Report.summary(report, elapsed)}`)
    }
  })

  yield* Effect.gen(function*() {
    const show = yield* Display.make(jobs, options.mode)
    const files = TusUpload.all(
      jobs,
      (job) => Effect.zipLeft(toOptions(job, options), show({ _tag: "Started", file: job })),
      { concurrency: options.concurrency }
    )
    yield* Stream.runForEach(files, (update) => {
      report = Report.add(report, update)
      if (update._tag === "Progress" && (begun.has(update.file) || begins.has(update.progress.event))) {
        begun.set(update.file, update.progress)
      }
      const retry = retryOf(update)
      return Effect.zipRight(
        Option.isSome(retry) ? Effect.zipRight(show(retry.value), show(update)) : show(update),
        Option.isSome(retry)
          ? Effect.logDebug(update.file.name, Cause.fail(retry.value.error))
          // The error of a single file becomes the error of the command.
          : update._tag === "Failed" && jobs.length > 1
          ? Effect.logDebug(update.file.name, Cause.fail(update.error))
          : Effect.void
      )
    })
  }).pipe(
    Effect.scoped,
    Effect.onInterrupt(() =>
      Effect.zipRight(
        summarize(true),
        Effect.suspend(() =>
          Effect.forEach(
            [
              ...(options.mode === "normal" && !options.terminateOnAbort ? standings(report, begun) : []),
              `effect-tus: ${farewell(jobs, report, new Set(begun.keys()), { ...options, journal })}`
            ],
            output.say,
            { discard: true }
          )
        )
      )
    )
  )

  yield* summarize(false)
  const [failure] = report.failed
  if (failure !== undefined) {
    // With several files, each error has been printed already.
    return yield* jobs.length === 1 ? failure[1] : new Failure.Reported()
  }
})

const nowhere: Journal.Choice = { _tag: "None" }

const begins = new Set<Progress["event"]>(["Created", "Resumed", "Acknowledged"])

const toOptions = (job: Job, options: Options) =>
  Effect.map(job.open, (source): UploadOptions => ({
    endpoint: job.endpoint,
    source,
    metadata: job.metadata,
    chunkSize: Option.getOrUndefined(options.chunkSize),
    parallel: Option.getOrUndefined(Option.orElse(job.parts, () => options.parallel)),
    checksum: Option.getOrUndefined(Option.orElse(options.checksum, () => job.checksum)),
    retry: schedule(options),
    terminateOnInterrupt: options.terminateOnAbort,
    allowedHosts: options.allowedHosts
  }))

/** `UploadOptions.defaultRetry` with the limits of the user. */
export const schedule = (
  { retries, retryFor }: Pick<Options, "retries" | "retryFor">
): Schedule.Schedule<unknown, TusError> =>
  Schedule.intersect(
    Schedule.intersect(pace, Schedule.recurs(retries)),
    Option.match(retryFor, {
      onNone: (): Schedule.Schedule<unknown> => Schedule.forever,
      onSome: recurUpTo
    })
  )

/** The failed attempt that this update reports, if another one follows. */
const retryOf = (update: TusUpload.Update<Job>) =>
  update._tag === "Progress"
    ? Option.map(
      Option.all([update.progress.problem, update.progress.retryIn]),
      ([error, delay]) => ({ _tag: "Retrying" as const, file: update.file, error, delay })
    )
    : Option.none()

/** One line per file in progress. The server may have a little less than was sent. */
export const standings = (report: Report.Report, begun: ReadonlyMap<Job, Progress>): ReadonlyArray<string> => {
  const settled = settledIn(report)
  return [...begun].flatMap(([job, progress]) => settled.has(job) ? [] : [`${job.name}: ${Line.stands(progress)}`])
}

const settledIn = (report: Report.Report) => new Set([...report.succeeded, ...report.failed.map(([job]) => job)])

/** What happened to the interrupted uploads, and how to resume them. */
export const farewell = (
  jobs: ReadonlyArray<Job>,
  report: Report.Report,
  begun: ReadonlySet<Job>,
  { journal, terminateOnAbort }: Pick<Options, "journal" | "terminateOnAbort">
): string => {
  const settled = settledIn(report)
  const left = jobs.filter((job) => !settled.has(job))
  const again = left.filter(({ resumable }) => resumable)
  const waiting = again.filter((job) => !begun.has(job))
  if (terminateOnAbort) {
    return "interrupted; unfinished uploads were removed from the server"
  }
  if (again.length === 0 || journal._tag === "None") {
    return "interrupted; this cannot be resumed"
  }
  if (waiting.length === again.length) {
    return "interrupted; run the same command again to continue"
  }
  return [
    "interrupted; continue with: effect-tus resume",
    ...(journal._tag === "Directory" ? [`--journal ${quoted(journal.path)}`] : []),
    ...(again.length === left.length ? [] : ["(the standard input cannot be resumed)"]),
    ...(waiting.length === 0 ? [] : [`(not started: ${waiting.length} of ${jobs.length} files)`])
  ].join(" ")
}

const quoted = (path: string) => (/^[\w./@%+:,=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
