/**
 * A finding of `effect-tus doctor`, and its lines. Pure.
 */
import type { Color } from "../terminal/Color.js"
import * as Text from "../terminal/Text.js"

export interface Finding {
  readonly check:
    | "server"
    | "creation"
    | "location"
    | "head"
    | "patch"
    | "size"
    | "buffering"
    | "override"
    | "delete"
    | "cors"
    | "modes"
  /** A note is worth knowing, but uploads work. */
  readonly level: "ok" | "note" | "problem"
  /** A sentence without a full stop. */
  readonly message: string
  /** What to do about it. */
  readonly advice?: string | undefined
}

export const ok = (check: Finding["check"], message: string): Finding => ({ check, level: "ok", message })

export const note = (check: Finding["check"], message: string, advice?: string): Finding => ({
  check,
  level: "note",
  message,
  advice
})

export const problem = (check: Finding["check"], message: string, advice?: string): Finding => ({
  check,
  level: "problem",
  message,
  advice
})

/** Wrapped at `columns`; a longer word is not broken. */
export const lines = (
  { advice, check, level, message }: Finding,
  columns = Number.POSITIVE_INFINITY,
  paint: (color: Color, text: string) => string = (_, text) => text
): ReadonlyArray<string> => {
  const [first = "", ...rest] = [`${check}: ${message}`, ...(advice === undefined ? [] : [advice])].flatMap((text) =>
    Text.wrap(`${margin}${Text.clean(text)}`, columns)
  )
  return [paint(colors[level], level) + first.slice(level.length), ...rest]
}

const margin = " ".repeat(9)

const colors = { ok: "green", note: "yellow", problem: "red" } as const

/** The last line. */
export const summary = (findings: ReadonlyArray<Finding>): string => {
  const count = (level: Finding["level"]) => findings.filter((finding) => finding.level === level).length
  const [notes, problems] = [count("note"), count("problem")]
  return [
    `${count("ok")} of ${findings.length} ok`,
    ...(notes === 0 ? [] : [notes === 1 ? "1 note" : `${notes} notes`]),
    ...(problems === 0 ? [] : [problems === 1 ? "1 problem" : `${problems} problems`])
  ].join(", ")
}

export const facts = ({ advice, check, level, message }: Finding) => ({
  event: "finding",
  check,
  level,
  message,
  advice: advice ?? null
})
