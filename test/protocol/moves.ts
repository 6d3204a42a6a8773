/**
 * The table of moves, divided and drawn.
 */
import type { Move, State } from "../../src/protocol/Moves.js"

/** Whether the rules alone make the move. The others need a disk that fails, or another durability than before. */
export const isOfRules = ({ event, from }: Move): boolean =>
  event !== "cut" && !(event === "keep" && from === "Finishing")

/** The state machine of `src/README.md`: a diagram, and what the table says of each move. */
export const draw = (moves: ReadonlyArray<Move>): string => {
  const arrows = new Map<string, Array<string>>()
  for (const { event, from, to } of moves) {
    const arrow = `${nodeOf(from)} --> ${nodeOf(to)}`
    arrows.set(arrow, [...(arrows.get(arrow) ?? []), event])
  }
  return [
    "```mermaid",
    "stateDiagram-v2",
    ...Array.from(arrows, ([arrow, events]) => `    ${arrow}: ${events.join(", ")}`),
    "```",
    "",
    "| move | from | to | kinds | when | decided by |",
    "|---|---|---|---|---|---|",
    ...moves.map(({ by, event, from, kinds, to, when }) =>
      `| ${
        [event, cellOf(from), cellOf(to), kinds.length === 3 ? "all" : kinds.join(", "), when, codes(by)].join(" | ")
      } |`
    )
  ].join("\n")
}

const nodeOf = (state: State) => (state === "None" ? "[*]" : state)
const cellOf = (state: State) => (state === "None" ? "" : codes([state]))
const codes = (words: ReadonlyArray<string>) => words.map((word) => `\`${word}\``).join(", ")
