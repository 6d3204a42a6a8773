/**
 * Runs a process on a terminal, and reads the screen.
 */
import { assert } from "@effect/vitest"
import * as Process from "./process.js"

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`

/** Runs a program on a terminal of this width; ends it with the scope. */
export const program = (
  at: string,
  words: ReadonlyArray<string>,
  columns: number,
  env: Readonly<Record<string, string>> = {}
) =>
  Process.program(
    at,
    ["script", "-qefc", `stty cols ${columns} rows 20; exec ${words.map(quoted).join(" ")}`, "/dev/null"],
    { env: { SHELL: "/bin/sh", ...env }, input: "" }
  )

/** The screen after this output. */
export const screen = (text: string): ReadonlyArray<string> => {
  const lines = [""]
  let row = 0
  let column = 0
  for (const [piece] of text.matchAll(/\p{Cc}\[[\d;]*[A-Za-z]|\r|\n|\P{Cc}+/gu)) {
    const line = lines[row] ?? ""
    const [, count = "", action] = /^\p{Cc}\[([\d;]*)([A-Za-z])$/u.exec(piece) ?? []
    if (piece === "\r") {
      column = 0
    } else if (piece === "\n") {
      row += 1
      lines[row] ??= ""
    } else if (action === undefined) {
      lines[row] = line.slice(0, column).padEnd(column) + piece + line.slice(column + piece.length)
      column += piece.length
    } else if (action === "A") {
      row = Math.max(0, row - Number(count))
    } else if (action === "K") {
      lines[row] = line.slice(0, column)
    } else if (action === "J") {
      lines[row] = line.slice(0, column)
      lines.splice(row + 1)
    } else {
      assert.strictEqual(action, "m", "nothing else is asked of the terminal")
    }
  }
  return lines.map((line) => line.trimEnd())
}

/** Every line that was ever drawn. */
export const drawn = (text: string): ReadonlyArray<string> =>
  text.replace(/\p{Cc}\[[\d;]*m/gu, "").replace(/\p{Cc}\[[\d;]*[A-Za-z]/gu, "\n").split(/[\r\n]+/)

/** Each line is narrower than the terminal, unless it is a single word. */
export const assertNarrow = (text: string, columns: number) =>
  drawn(text).filter((line) => / /.test(line.trim())).forEach((line) => assert.isBelow(line.length, columns, line))
