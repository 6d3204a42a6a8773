/**
 * Text for a terminal: how many columns it takes, and how it is made to take fewer. Pure.
 */
import { stripVTControlCharacters } from "node:util"
import stringWidth from "string-width"

/**
 * On one line, and without anything that a terminal obeys or that changes the direction of writing: names and answers
 * of servers come from others.
 */
export const clean = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd")

/** Without the escape sequences of colours. */
export const uncolored = stripVTControlCharacters

/**
 * Columns. Where terminals disagree (emoji made of several, or of a character and a selector, marks of format) the
 * larger number: a line that ends early breaks nothing.
 */
export const width = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text)
    ? text.length
    : graphemes(text).reduce((columns, piece) => columns + Math.max(stringWidth(piece), apart(piece)), 0)

/** Of a terminal that shows each code point by itself. */
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

/** At most so many columns: the middle of a name says least. */
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

/** At most so many columns, the name of a file at the end of the path for as long as it can be. */
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
 * Lines of at most `columns`. They break between fields, which two spaces or more keep apart, and within a field that
 * has no line to itself between words. A word is never broken: one that has no room in any line, such as a URL, stands
 * on a line of its own, so that it can be copied. Lines after the first are indented like it, and by `hang` more.
 */
export const wrap = (text: string, columns: number, hang = 0): ReadonlyArray<string> => {
  const [indent = ""] = /^ */.exec(text) ?? []
  const lines: Array<string> = []
  /** Where it still has room, else on a new line. */
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

/** At most so many columns, without what does not fit at the end. */
export const cut = (text: string, columns: number): string =>
  width(text) <= columns ? text : columns < 1 ? "" : `${fitting(graphemes(text), columns - 1).join("")}…`

/** Exactly so many columns. */
export const fit = (text: string, columns: number): string => {
  const short = shortenPath(text, columns)
  return short + " ".repeat(Math.max(0, columns - width(short)))
}
