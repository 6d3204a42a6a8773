/**
 * The tables of `examples/migrating.md`: each row is shown to be true, and nothing is shown that has no row.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { needs } from "../support/needs.js"
import type { Name } from "../support/tools.js"

const text = readFileSync(new URL("../../examples/migrating.md", import.meta.url), "utf8")

/** What stands first in each row of the tables beneath `## heading`, without the marks of code. */
export const rowsOf = (heading: string): ReadonlyArray<string> =>
  (text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? "")
    .split("\n")
    .flatMap((line, i, lines) => (/^\|[ :|-]+\|$/.test(line) || /^\|[ :|-]+\|$/.test(lines[i + 1] ?? "") ? [] : [line]))
    .flatMap((line) => /^\| (.+?) \|/.exec(line)?.slice(1) ?? [])
    .map((cell) => cell.replaceAll("`", ""))

/** What shows each row, by what stands first in it. */
export type Proofs = Readonly<Record<string, Effect.Effect<unknown, unknown, Scope.Scope>>>

/** One test for each row; the proof is found by what stands first in it. */
export const suite = (heading: string, proofs: Proofs, ...tools: ReadonlyArray<Name>) =>
  needs(...tools)(heading, () => {
    it("has a proof for each row, and a row for each proof", () => {
      deepStrictEqual(rowsOf(heading), Object.keys(proofs))
    })

    for (const [row, proof] of Object.entries(proofs)) {
      it.scopedLive(row, () => proof)
    }
  })
