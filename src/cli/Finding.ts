/**
 * What `effect-tus doctor` finds, and how it says so. Pure.
 */
import * as Text from "./Text.js"

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
  /** A note is worth knowing, and breaks nothing. */
  readonly level: "ok" | "note" | "problem"
  /** A sentence without a full stop. */
  readonly message: string
  /** What can be done about it. */
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

export const lines = ({ advice, check, level, message }: Finding): ReadonlyArray<string> => [
  `${level.padEnd(9)}${check}: ${Text.clean(message)}`,
  ...(advice === undefined ? [] : [`${" ".repeat(9)}${Text.clean(advice)}`])
]

export const facts = ({ advice, check, level, message }: Finding) => ({
  event: "finding",
  check,
  level,
  message,
  advice: advice ?? null
})
