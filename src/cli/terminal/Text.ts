/**
 * Measures, shortens and wraps text for a terminal. Pure.
 */
import { stripVTControlCharacters } from "node:util"
import stringWidth from "string-width"

/**
 * Replaces line breaks, control characters and characters that change the writing direction: names and answers of
 * servers are not trusted.
 */
export const clean = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd")

/** Without the escape sequences of colours. */
export const uncolored = stripVTControlCharacters

/**
 * The width in columns. If terminals disagree (composed emoji, variation selectors, format characters), the larger
 * number: a line that is too short does no harm.
 */
export const width = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text)
    ? text.length
    : graphemes(text).reduce((columns, piece) => columns + Math.max(stringWidth(piece), apart(piece)), 0)

/** For a terminal that shows each code point separately. */
const apart = (piece: string): number =>
  Array.from(piece).reduce((columns, one) => columns + (emoji.test(one) ? 2 : marks.test(one) ? 1 : 0), 0)

const emoji = /\p{Emoji_Presentation}/u
const marks = /[\u00ad\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2]/u

const graphemes = (text: string): ReadonlyArray<string> =>
  Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment)

/** As many of the first pieces as fit. */
const fitting = (pieces: ReadonlyArray<string>, columns: number): ReadonlyArray<string> => {
  let left = columns
  const end = pieces.findIndex((piece) => (left -= width(piece)) < 0)
  return end === -1 ? pieces : pieces.slice(0, end)
}

/** Shortens text to `columns`, in its middle, which is the least important part of a name. */
export const shorten = (text: string, columns: number): string => {
  if (width(text) <= columns) {
    return text
  }
  if (columns < 1) {
    return ""
  }
  const pieces = graphemes(text)
  const head = fitting(pieces, Math.ceil((columns - 1) / 2)).join("")
  const tail = fitting(pieces.toReversed(), columns - 1 - width(head)).toReversed().join("")
  return `${head}…${tail}`
}

/** Shortens a path to `columns`, and keeps the name of the file as long as possible. */
export const shortenPath = (path: string, columns: number): string => {
  const base = path.slice(path.lastIndexOf("/") + 1)
  const room = columns - width(base) - 2
  return width(path) <= columns || base === path || base === ""
    ? shorten(path, columns)
    : room < 0
    ? shorten(base, columns)
    : `${fitting(graphemes(path.slice(0, -base.length - 1)), room).join("")}…/${base}`
}

/**
 * Wraps text at `columns`: first between fields, which two or more spaces separate, and between words within a field
 * that is too long for one line. A word is never broken: one that is too long, such as a URL, gets a line of its own,
 * so that it can be copied. Further lines are indented like the first, and by `hang` more.
 */
export const wrap = (text: string, columns: number, hang = 0): ReadonlyArray<string> => {
  const [indent = ""] = /^ */.exec(text) ?? []
  const lines: Array<string> = []
  /** On the current line if it fits, else on a new one. */
  const put = (gap: string, piece: string) => {
    const line = lines.at(-1)
    if (line !== undefined && fits(line + gap + piece, columns)) {
      lines[lines.length - 1] = line + gap + piece
    } else {
      lines.push((line === undefined ? indent : indent + " ".repeat(hang)) + piece)
    }
  }
  for (const [, gap = "", field = ""] of text.slice(indent.length).matchAll(/( *)([^ ]+(?: [^ ]+)*)/g)) {
    const [first = "", ...others] = fits(indent + " ".repeat(hang) + field, columns) ? [field] : field.split(" ")
    put(gap, first)
    others.forEach((word) => put(" ", word))
  }
  return lines.length === 0 ? [indent] : lines
}

const fits = (line: string, columns: number): boolean => width(uncolored(line)) <= columns

/** Cuts text off at `columns`. */
export const cut = (text: string, columns: number): string =>
  width(text) <= columns ? text : columns < 1 ? "" : `${fitting(graphemes(text), columns - 1).join("")}…`

/** Shortens or pads text to exactly `columns`. */
export const fit = (text: string, columns: number): string => {
  const short = shortenPath(text, columns)
  return short + " ".repeat(Math.max(0, columns - width(short)))
}
