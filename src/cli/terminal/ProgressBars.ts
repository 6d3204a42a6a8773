/**
 * The progress lines of a terminal: one per file in progress, and one for all. Pure: times are arguments, in
 * milliseconds of a monotonic clock.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Progress } from "../../client/upload/Progress.js"
import * as Bar from "./Bar.js"
import * as Failure from "./Failure.js"
import type { Job, Update } from "./FileUpload.js"

interface Row {
  readonly progress: Option.Option<Progress>
  /** The time of its last update. */
  readonly at: number
  /** Why the last attempt failed, and when the next one starts. */
  readonly waiting: Option.Option<{ readonly until: number; readonly why: string }>
}

export interface Board {
  readonly jobs: number
  readonly rows: ReadonlyMap<Job, Row>
  /** The number of complete and failed files. */
  readonly settled: number
  /** The bytes of the complete files. */
  readonly bytes: number
  /** The bytes of all files but the failed ones; `Option.none` if a size is unknown. */
  readonly total: Option.Option<number>
}

export const make = (jobs: ReadonlyArray<Job>): Board => ({
  jobs: jobs.length,
  rows: new Map(),
  settled: 0,
  bytes: 0,
  total: Option.map(Option.all(jobs.map(({ size }) => size)), (sizes) => sizes.reduce((sum, size) => sum + size, 0))
})

export const next = (board: Board, update: Update, now: number): Board => {
  const row = board.rows.get(update.file) ?? { progress: Option.none(), at: now, waiting: Option.none() }
  switch (update._tag) {
    case "Started":
      return set(board, update.file, row)
    case "Retrying":
      return set(board, update.file, {
        ...row,
        waiting: Option.some({ until: now + Duration.toMillis(update.delay), why: Failure.reason(update.error) })
      })
    case "Failed":
      return removeRow(board, update.file, 0, sizeOf(update.file))
    case "Progress": {
      const { acknowledged, event } = update.progress
      return event === "Complete"
        ? removeRow(board, update.file, acknowledged, 0)
        : set(board, update.file, {
          progress: Option.some(update.progress),
          at: now,
          waiting: event === "Retrying" ? row.waiting : Option.none()
        })
    }
  }
}

const set = (board: Board, job: Job, row: Row): Board => ({ ...board, rows: new Map([...board.rows, [job, row]]) })

const removeRow = (board: Board, job: Job, bytes: number, lost: number): Board => ({
  ...board,
  rows: new Map([...board.rows].filter(([other]) => other !== job)),
  settled: board.settled + 1,
  bytes: board.bytes + bytes,
  total: Option.map(board.total, (total) => total - lost)
})

const sizeOf = ({ size }: Job) => Option.getOrElse(size, () => 0)

/** One line per file in progress, and one for all if there are several. The last row is left to the cursor. */
export const lines = (
  board: Board,
  now: number,
  { columns, rows }: { readonly columns: number; readonly rows: number }
): ReadonlyArray<string> => {
  const files = [...board.rows].map(([job, row]) => line(job, row, now, columns))
  const all = board.jobs > 1 ? [Bar.progress(total(board, now), columns)] : []
  const room = Math.max(1, rows - 1 - all.length)
  return [
    ...(files.length <= room
      ? files
      : [...files.slice(0, room - 1), Bar.note(`and ${files.length - room + 1} more`, columns)]),
    ...all
  ].slice(-Math.max(1, rows - 1))
}

/** How long the reported rate of an upload is valid, in milliseconds. */
const fresh = 3000

/** The last progress. Its rate is 0 if no update came for a while. */
const current = ({ at, progress }: Row, now: number): Option.Option<Progress> =>
  now - at <= fresh ? progress : Option.map(progress, (progress) => ({ ...progress, rate: 0, eta: Option.none() }))

const line = ({ name, size }: Job, row: Row, now: number, columns: number): string =>
  Option.match(row.waiting, {
    onSome: ({ until, why }) => {
      const seconds = Math.ceil((until - now) / 1000)
      return Bar.message(name, `${seconds > 0 ? `retrying in ${seconds} s` : "trying again"}: ${why}`, columns)
    },
    onNone: () =>
      Bar.progress(
        Option.match(current(row, now), {
          onNone: () => ({ name, position: 0, total: size, rate: 0, eta: Option.none() }),
          onSome: ({ eta, rate, sent, total }) => ({ name, position: sent, total, rate, eta })
        }),
        columns
      )
  })

const total = (board: Board, now: number): Bar.Bar => {
  const running = [...board.rows.values()].flatMap((row) => Option.toArray(current(row, now)))
  const position = running.reduce((sum, { sent }) => sum + sent, board.bytes)
  const rate = running.reduce((sum, { rate }) => sum + rate, 0)
  return {
    name: `${board.settled} of ${board.jobs} files`,
    position,
    total: board.total,
    rate,
    eta: rate > 0
      ? Option.map(board.total, (total) => Duration.seconds(Math.max(0, total - position) / rate))
      : Option.none()
  }
}
