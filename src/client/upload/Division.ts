/**
 * How a source is divided: in one, or in parts that are sent at once. The same each time, so that parts are found
 * again, and as an earlier session has divided it. Pure.
 */
import * as Arr from "effect/Array"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import type { JournalEntry } from "../journal/UploadJournal.js"
import * as Inherited from "./Inherited.js"
import type { UploadOptions } from "./UploadOptions.js"

export interface Range {
  readonly start: number
  readonly length: number
}

type Options = Pick<UploadOptions, "endpoint" | "parallel" | "source" | "stopAt" | "url">

/** In one, where no more is asked for or possible. */
export const rangesOf = ({ endpoint, parallel = 1, source, stopAt, url }: Options): ReadonlyArray<Range> => {
  const length = Option.getOrElse(source.length, () => 0)
  const wanted = parallel === "auto" ? Math.min(Math.floor(length / autoPart), autoParts) : parallel
  return divide(endpoint, length, source.seekable && url === undefined && stopAt === undefined ? wanted : 1)
}

const divide = (endpoint: string, length: number, wanted: number): ReadonlyArray<Range> => {
  const most = Math.floor(longestConcat / (new URL(endpoint).pathname.length + idLength))
  const parts = Math.max(Math.min(wanted, most, length), 1)
  const starts = Array.from({ length: parts + 1 }, (_, i) => Math.floor((length * i) / parts))
  return starts.slice(1).map((end, i) => ({ start: starts[i] ?? 0, length: end - (starts[i] ?? 0) }))
}

const autoPart = 64 * 1024 * 1024
const autoParts = 4

/**
 * The final names all parts in one header: of more than this, in characters, much of what stands before servers takes
 * none.
 */
const longestConcat = 8000

/** In characters, with what is between a path and the next. */
const idLength = 38

/**
 * In how many parts that was sent which is remembered of a source, and none where nothing is: what was begun in one
 * goes on in one, and what was begun in parts in as many, whatever is asked for now. Where there is of both, that of
 * which more was sent.
 *
 * @param length - of the source, in bytes
 */
export const remembered = (entries: ReadonlyArray<JournalEntry>, length: number): Option.Option<number> => {
  const sent = new Map<number, number>()
  for (const entry of entries) {
    const parts = partsOf(entry, length)
    if (parts !== undefined) {
      sent.set(parts, (sent.get(parts) ?? 0) + Inherited.sentOf(entry))
    }
  }
  return Option.map(Arr.head(Arr.sort(sent, mostFirst)), ([parts]) => parts)
}

const mostFirst = Order.reverse(
  Order.mapInput(Order.number, ([, sent]: readonly [parts: number, sent: number]) => sent)
)

/**
 * None where no division has such a range. What an earlier release wrote down does not say how many there are: the
 * range does.
 */
const partsOf = ({ creation, endpoint, length, start }: JournalEntry, whole: number): number | undefined =>
  Option.match(creation, {
    onNone: () => Array.from({ length: mostParts }, (_, i) => i + 1),
    onSome: ({ parts }) => [parts]
  }).find((parts) => divide(endpoint, whole, parts).some((range) => range.start === start && range.length === length))

/** More parts are not looked for. */
const mostParts = 256
