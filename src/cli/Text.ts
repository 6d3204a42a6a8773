/**
 * Text for a terminal: how many columns it takes, and how it is made to take fewer. Pure.
 */

/**
 * On one line, and without anything that a terminal obeys or that changes the direction of writing: names and answers of
 * servers come from others.
 */
export const clean = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd")

/** Without the escape sequences of colours. */
export const uncolored = (text: string): string => text.replace(/\p{Cc}\[[\d;]*m/gu, "")

const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]/u
const invisible = /[\p{Mn}\p{Me}\u1160-\u11ff\u200b-\u200d]/u

/**
 * Columns, counted like most terminals do, code point by code point. Where terminals disagree (emoji made of several, or of
 * a character and a selector) the larger number: a line that ends early breaks nothing.
 */
export const width = (text: string): number => {
  let columns = 0
  for (const character of text) {
    columns += character === "\ufe0f" ? 1 : invisible.test(character) ? 0 : wide.test(character) ? 2 : 1
  }
  return columns
}

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

/** At most so many columns, without what does not fit at the end. */
export const cut = (text: string, columns: number): string =>
  width(text) <= columns ? text : columns < 1 ? "" : `${fitting(graphemes(text), columns - 1).join("")}…`

/** Exactly so many columns. */
export const fit = (text: string, columns: number): string => {
  const short = shorten(text, columns)
  return short + " ".repeat(Math.max(0, columns - width(short)))
}
