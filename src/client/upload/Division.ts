/**
 * How a source is divided into parts that are sent at the same time. The ranges depend on the length and the number of
 * parts only, so a later session finds the parts again. Pure.
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

/** The ranges of the parts; one range if the source is not divided. */
export const rangesOf = ({ endpoint, parallel = 1, source, stopAt, url }: Options): ReadonlyArray<Range> => {
  const length = Option.getOrElse(source.length, () => 0)
  const wanted = parallel === "auto" ? Math.min(Math.floor(length / autoPart), autoParts) : parallel
  return divide(endpoint, length, source.seekable && url === undefined && stopAt === undefined ? wanted : 1)
}

const divide = (endpoint: string, length: number, wanted: number): ReadonlyArray<Range> => {
  if (wanted <= 1) {
    return [{ start: 0, length }]
  }
  const most = Math.floor(longestConcat / (new URL(endpoint).pathname.length + idLength))
  const parts = Math.max(Math.min(wanted, most, length), 1)
  const starts = Array.from({ length: parts + 1 }, (_, i) => Math.floor((length * i) / parts))
  return starts.slice(1).map((end, i) => ({ start: starts[i] ?? 0, length: end - (starts[i] ?? 0) }))
}

const autoPart = 64 * 1024 * 1024
const autoParts = 4

/**
 * The creation of the final upload names all parts in one header. Many proxies and servers refuse headers that are
 * longer than this, in characters.
 */
const longestConcat = 8000

/** The id of an upload and what separates two paths, in characters. */
const idLength = 38

/**
 * In how many parts earlier sessions sent the source; Option.none if the journal has nothing of it. This session uses
 * as many parts, whatever its options say. If there are entries of several divisions, the one with most bytes sent
 * wins.
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
 * In how many parts the entry's source was divided; undefined if no division has its range. Entries of earlier releases
 * do not say, so the range is looked for.
 */
const partsOf = ({ creation, endpoint, length, start }: JournalEntry, whole: number): number | undefined =>
  Option.match(creation, {
    onNone: () => Array.from({ length: mostParts }, (_, i) => i + 1),
    onSome: ({ parts }) => [parts]
  }).find((parts) => divide(endpoint, whole, parts).some((range) => range.start === start && range.length === length))

/** No division with more parts than this is looked for. */
const mostParts = 256
