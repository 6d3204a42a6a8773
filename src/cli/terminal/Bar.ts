/**
 * One progress line for a terminal of any width: the least important part is left out first. A line is always narrower
 * than the terminal, which would wrap it. Pure.
 */
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Size from "./Size.js"
import * as Text from "./Text.js"
import * as Time from "./Time.js"

export interface Bar {
  readonly name: string
  /** In bytes. */
  readonly position: number
  readonly total: Option.Option<number>
  /** Bytes per second. */
  readonly rate: number
  readonly eta: Option.Option<Duration.Duration>
}

/** Columns that are reserved for the name and the bar. */
const room = 24

export const progress = (bar: Bar, columns: number): string => {
  const width = Math.max(0, columns - 1)
  const rate = (bar.rate > 0 ? `${Size.print(bar.rate)}/s` : "").padStart(11)
  const position = Size.print(bar.position)
  return Option.match(bar.total, {
    onNone: () => {
      const sent = `  ${position.padStart(9)}`
      const right = sent + keep(width - room - sent.length, [rate])
      return Text.cut(Text.fit(bar.name, width - right.length) + right, width)
    },
    onSome: (total) => {
      const percent = ` ${`${Size.percent(bar.position, total)}%`.padStart(4)}`
      const eta = Option.match(bar.eta, { onNone: () => "", onSome: Time.clock }).padStart(8)
      const bytes = `${position}/${Size.print(total)}`.padStart(19)
      // In the order of the line; the bytes are left out first.
      const left = width - room - percent.length
      const right = left >= 42 ? keep(left, [bytes, rate, eta]) : keep(left, [rate, eta])
      const free = width - percent.length - right.length
      const cells = free < 16 ? 0 : Math.min(40, Math.floor(free * 0.45))
      const name = Text.fit(bar.name, free - cells - (cells === 0 ? 0 : 2))
      return Text.cut(`${name}${cells === 0 ? "" : `  ${drawn(bar.position, total, cells)}`}${percent}${right}`, width)
    }
  })
}

/** A message in place of the progress. */
export const message = (name: string, text: string, columns: number): string => {
  const width = Math.max(0, columns - 1)
  return Text.cut(`${Text.shortenPath(name, Math.max(8, Math.floor(width / 3)))}  ${text}`, width)
}

export const note = (text: string, columns: number): string => Text.cut(text, Math.max(0, columns - 1))

/** As many of the first parts as fit, with two spaces between them. */
const keep = (columns: number, parts: ReadonlyArray<string>): string =>
  parts.reduce((kept, part) => (kept.length + part.length + 2 <= columns ? `${kept}  ${part}` : kept), "")

const drawn = (position: number, total: number, cells: number): string => {
  const filled = total <= 0 ? cells : Math.max(0, Math.min(cells, Math.floor((position / total) * cells)))
  return "█".repeat(filled) + "░".repeat(cells - filled)
}
