/**
 * The tables of `examples/migrating.md`. Every row has a proof, and every proof has a row.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { needs } from "../support/needs.js"
import type { Name } from "../support/tools.js"

const text = readFileSync(new URL("../../examples/migrating.md", import.meta.url), "utf8")

/** The first cell of each row in the tables under `## heading`, without backquotes. */
export const rowsOf = (heading: string): ReadonlyArray<string> =>
  (text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? "")
    .split("\n")
    .flatMap((line, i, lines) => (/^\|[ :|-]+\|$/.test(line) || /^\|[ :|-]+\|$/.test(lines[i + 1] ?? "") ? [] : [line]))
    .flatMap((line) => /^\| (.+?) \|/.exec(line)?.slice(1) ?? [])
    .map((cell) => cell.replaceAll("`", ""))

/** The proof of each row, by the text of its first cell. */
export type Proofs = Readonly<Record<string, Effect.Effect<unknown, unknown, Scope.Scope>>>

/** Registers one test for each row. */
export const suite = (heading: string, proofs: Proofs, ...tools: ReadonlyArray<Name>) =>
  needs(...tools)(heading, () => {
    it("has a proof for each row, and a row for each proof", () => {
      deepStrictEqual(rowsOf(heading), Object.keys(proofs))
    })

    for (const [row, proof] of Object.entries(proofs)) {
      it.scopedLive(row, () => proof)
    }
  })
