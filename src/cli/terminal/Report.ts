/**
 * The results of all files, and the exit code. Pure.
 */
import type * as Duration from "effect/Duration"
import type { FileError } from "../../client/transport/TusError.js"
import type { Job, Update } from "./FileUpload.js"
import * as Size from "./Size.js"
import * as Time from "./Time.js"

export interface Report {
  /** The number of files. */
  readonly jobs: number
  readonly succeeded: ReadonlyArray<Job>
  readonly failed: ReadonlyArray<readonly [job: Job, error: FileError]>
  /** Bytes that this session sent of the successful files. */
  readonly bytes: number
  /** Bytes that earlier sessions sent of them. */
  readonly before: number
}

export const make = (jobs: number): Report => ({ jobs, succeeded: [], failed: [], bytes: 0, before: 0 })

export const add = (report: Report, update: Update): Report =>
  update._tag === "Failed"
    ? { ...report, failed: [...report.failed, [update.file, update.error]] }
    : update._tag === "Progress" && update.progress.event === "Complete"
    ? {
      ...report,
      succeeded: [...report.succeeded, update.file],
      bytes: report.bytes + update.progress.acknowledged - update.progress.resumed,
      before: report.before + update.progress.resumed
    }
    : report

/** The exit codes of all commands. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

export const exitCode = ({ failed }: Report): number => (failed.length === 0 ? exitCodes.done : exitCodes.failed)

/** The last line; not needed for a single file. */
export const summary = (report: Report, elapsed: Duration.Duration): string =>
  `${report.succeeded.length} of ${report.jobs} files, ${Size.print(report.bytes)} in ${Time.words(elapsed)}${
    report.before === 0 ? "" : ` (${Size.print(report.before)} were sent before)`
  }${
    report.failed.length === 0
      ? ""
      : `; failed: ${brief(report.failed.map(([job]) => job.name))}`
  }`

const shown = 5

const brief = (names: ReadonlyArray<string>): string =>
  names.length <= shown
    ? names.join(", ")
    : `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`
