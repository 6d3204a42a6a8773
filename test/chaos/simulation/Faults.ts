/**
 * All faults, by the kind of step at which they can happen.
 */
import type { Dice } from "./Dice.js"

const table = {
  "disk read": ["read error", "short read", "slow disk"],
  "disk write": ["write error", "torn write error", "no space", "full disk", "short write", "slow disk"],
  "disk sync": ["sync error", "slow disk"],
  "disk name": ["name error", "no space", "slow disk"],
  "database read": ["failed read", "slow database"],
  "database write": ["failed write", "slow database"],
  "database written": ["failed but written", "slow database"],
  "request": ["lost request", "late request", "duplicate request", "cut body", "spoilt body", "unreachable"],
  "packet": ["reset", "late packet"],
  "answer": ["lost answer", "late answer", "cut answer", "silence"],
  "timer": ["clock ahead", "clock back"],
  "hook": ["slow hook", "broken hook"],
  "call": ["refused call", "lost call", "lost result", "late call", "late result", "pause"],
  "result": ["pause"],
  "hint": ["lost hint", "double hint", "late hint"]
} as const

/** Faults that can happen at every step. */
const everywhere = ["crash", "power cut", "clock ahead", "clock back", "pause"] as const

/** What can happen to a database between two lives of the server, for good. */
export const losses = [
  "lost database",
  "empty database",
  "older database",
  "other database",
  "former database"
] as const

export type LossFault = (typeof losses)[number]

export type Kind = keyof typeof table
export type Fault = (typeof table)[Kind][number] | (typeof everywhere)[number]

/** The steps of servers that share a database and a byte store. */
const shared = ["call", "result", "hint"] as const

const ofShared: ReadonlySet<Fault> = new Set(shared.flatMap((kind): ReadonlyArray<Fault> => table[kind]))

/** The faults of servers with a disk and a database of their own. */
export const faults: ReadonlyArray<Fault> = [...new Set([...Object.values(table).flat(), ...everywhere])]
  .filter((fault) => !ofShared.has(fault))

/**
 * The faults of servers that share a database and a byte store. No machine is cut off from power: others have the data.
 */
export const sharedFaults: ReadonlyArray<Fault> = [
  ...new Set(
    ["request", "packet", "answer", "timer", "hook", ...shared].flatMap((kind): ReadonlyArray<Fault> =>
      table[kind as Kind]
    )
  ),
  "crash"
]

/** Chooses the fault of a step, among those that are likely in this story. */
export const choose = (kind: Kind, likely: ReadonlySet<Fault>, dice: Dice): Fault | undefined => {
  const choices: ReadonlyArray<Fault> = dice.chance(0.75) ? table[kind] : everywhere
  const [first, ...others] = choices.filter((fault) => likely.has(fault))
  return first === undefined ? undefined : dice.pick(first, ...others)
}
