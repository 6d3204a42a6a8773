/**
 * What is to be reached, as ratios of figures of the same round, so that they hold on any machine; and how far it is.
 */
import { median } from "./Statistics.js"

export interface Target {
  /** The names of scenarios. */
  readonly scenarios: ReadonlyArray<string>
  /** The kind that is to reach it. */
  readonly server: string
  /** `rate`, `cpu`, `p50`, or what the scenario calls it. */
  readonly figure: string
  /** The kind that it is compared with. Without one, the figure itself is judged. */
  readonly over?: string
  readonly bound: "at least" | "at most"
  readonly value: number
}

/** A target of one scenario, and the median of all rounds. */
export interface Verdict {
  readonly target: Target
  readonly reached: number
  readonly holds: boolean
}

/** By kind, the figures of each round. */
export type Rounds = ReadonlyMap<string, ReadonlyArray<Readonly<Record<string, number>>>>

const files = ["post-patch", "creation-with-upload"]
const small = [...files, "appends"]
const bulk = ["large", "chunks", "parallel"]
const peer = "@tus/server"

const rate = (server: string, over: string, value: number, ...scenarios: ReadonlyArray<string>): Target => ({
  scenarios,
  server,
  over,
  figure: "rate",
  bound: "at least",
  value
})

const cpu = (server: string, over: string, value: number, ...scenarios: ReadonlyArray<string>): Target => ({
  scenarios,
  server,
  over,
  figure: "cpu",
  bound: "at most",
  value
})

const itself = (server: string, figure: string, value: number, ...scenarios: ReadonlyArray<string>): Target => ({
  scenarios,
  server,
  figure,
  bound: "at most",
  value
})

/**
 * Not behind what the first version reached (November 2026, `results.json` of 4ac7abf). Rounds differ by a tenth.
 */
const asBefore = (target: Target): Target => ({
  ...target,
  value: target.bound === "at least" ? target.value * 0.9 : target.value * 1.1
})

export const targets: ReadonlyArray<Target> = [
  // Requests without bytes.
  rate("completion", "bare listener", 0.75, "options", "head"),
  rate("completion", "inline floor", 0.7, "post"),
  rate("always", "inline floor, synced", 0.7, "post"),
  rate("completion", peer, 2.5, "post"),

  // Small uploads whose every answer is synced, beside a peer that syncs nothing.
  rate("database", "inline floor, synced", 0.65, ...small),
  rate("database", peer, 2, "post-patch"),
  rate("database", peer, 1.7, "creation-with-upload", "appends"),

  // Small uploads that become files. The last ones are twice what the first version reached.
  rate("completion", peer, 1, ...small),
  rate("process", peer, 2, ...small),
  rate("completion", peer, 2 * 0.79, "post-patch"),
  rate("completion", peer, 2 * 0.63, "creation-with-upload"),
  rate("completion", peer, 2 * 1.91, "appends"),

  // Many bytes: each against a floor that syncs as much.
  cpu("process", "file floor", 1.15, ...bulk),
  cpu("completion", "file floor, synced", 1.15, ...bulk),
  asBefore(cpu("process", peer, 0.71, "large")),
  asBefore(cpu("process", peer, 0.66, "chunks")),
  asBefore(cpu("process", peer, 0.51, "parallel")),
  asBefore(cpu("completion", peer, 1.02, "large")),
  asBefore(cpu("completion", peer, 0.73, "chunks")),
  asBefore(cpu("completion", peer, 0.65, "parallel")),

  // Memory.
  itself("completion", "MiB at rest", 85, "rest"),
  itself("process", "KiB each", 16, "held"),

  // The client.
  rate("client", "tus-js-client", 1.3, "client-files"),
  cpu("client", "tus-js-client", 1, "client-files"),
  rate("client to @tus/server", "tus-js-client to @tus/server", 1.3, "client-files"),
  cpu("client to @tus/server", "tus-js-client to @tus/server", 1, "client-files"),
  asBefore(rate("client", "tus-js-client", 1.09, "client-large")),
  asBefore(cpu("client", "tus-js-client", 0.68, "client-large")),

  // Milliseconds of a takeover, a million uploads, a sweep.
  asBefore(itself("process", "p50", 1.53, "takeover")),
  rate("million", "process", 0.9, "head", "post", ...small),
  asBefore(itself("process", "p99", 14.2, "sweep"))
]

/** The targets of a scenario, except for those whose kinds were not measured. */
export const judge = (scenario: string, rounds: Rounds): ReadonlyArray<Verdict> =>
  targets.filter(({ scenarios }) => scenarios.includes(scenario)).flatMap((target) => {
    const figures = (kind: string) => (rounds.get(kind) ?? []).map((round) => round[target.figure] ?? Number.NaN)
    const [own, other] = [figures(target.server), target.over === undefined ? undefined : figures(target.over)]
    if (own.length === 0 || other?.length === 0) {
      return []
    }
    const reached = median(own.map((figure, i) => other === undefined ? figure : figure / (other[i] ?? Number.NaN)))
    const holds = target.bound === "at least" ? reached >= target.value : reached <= target.value
    return [{ target, reached, holds }]
  })
