/**
 * What was measured, for people.
 */
import { type Kind, kinds } from "./Kinds.js"
import type { Measured, Scenario } from "./Scenario.js"
import { median, quantile, spread } from "./Statistics.js"
import * as Targets from "./Targets.js"
import { GiB, MiB } from "./Tus.js"

/** Medians over the rounds. */
export interface Row {
  readonly server: string
  readonly durability: Kind["durability"]
  readonly connections: number
  readonly hooks: "none"
  /** Operations a second, or MiB a second. */
  readonly rate: number
  /** Processor time: microseconds an operation, or seconds a GiB. */
  readonly cpu: number
  /** How far the rounds lie apart, as shares of the median. */
  readonly spread: { readonly rate: number; readonly cpu: number }
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** MiB, the most of all rounds. */
  readonly peakRss: number
  /** The share of the time in which it was running. What is far below 1 waited: for the disk, or for the load. */
  readonly busy: number
  /** This server's figure over the peer's of the same round. */
  readonly ratio: { readonly rate: number; readonly cpu: number }
  /** What only this scenario knows. */
  readonly figures: Readonly<Record<string, number>>
}

export interface Result {
  readonly name: string
  readonly title: string
  readonly per: Scenario["per"]
  readonly rows: ReadonlyArray<Row>
  readonly targets: ReadonlyArray<Targets.Verdict>
}

const figuresOf = (
  { per }: Scenario,
  { bytes, cpu, figures, latencies, operations, peakRss, seconds }: Measured
): Readonly<Record<string, number>> => ({
  rate: per === "GiB" ? bytes / MiB / seconds : operations / seconds,
  cpu: per === "GiB" ? cpu / (bytes / GiB) : cpu / operations * 1e6,
  p50: quantile(latencies, 0.5),
  p99: quantile(latencies, 0.99),
  peakRss: peakRss / MiB,
  busy: cpu / seconds,
  ...figures
})

export const summarize = (scenario: Scenario, results: ReadonlyMap<string, ReadonlyArray<Measured>>): Result => {
  const rounds = new Map(
    Array.from(results, ([name, measured]) => [name, measured.map((round) => figuresOf(scenario, round))])
  )
  const all = (name: string, key: string) => (rounds.get(name) ?? []).map((round) => round[key] ?? Number.NaN)
  const rowOf = ({ durability, name }: Kind): Row => {
    const figure = (key: string) => median(all(name, key))
    const ratio = (key: string) => {
      const theirs = all("@tus/server", key)
      return median(all(name, key).map((own, i) => own / (theirs[i] ?? Number.NaN)))
    }
    return {
      server: name,
      durability,
      connections: scenario.connections,
      hooks: "none",
      rate: figure("rate"),
      cpu: figure("cpu"),
      spread: { rate: spread(all(name, "rate")), cpu: spread(all(name, "cpu")) },
      p50: figure("p50"),
      p99: figure("p99"),
      peakRss: Math.max(...all(name, "peakRss")),
      busy: figure("busy"),
      ratio: { rate: ratio("rate"), cpu: ratio("cpu") },
      figures: Object.fromEntries(Object.keys(results.get(name)?.[0]?.figures ?? {}).map((key) => [key, figure(key)]))
    }
  }
  return {
    name: scenario.name,
    title: scenario.title,
    per: scenario.per,
    rows: kinds.filter(({ name }) => rounds.has(name)).map(rowOf),
    targets: Targets.judge(scenario.name, rounds)
  }
}

const words = ["server", "durability", "hooks", "conns"]
const numbers = ["rate", "+-", "cpu", "+-", "p50 ms", "p99 ms", "peak MiB", "busy", "rate x", "cpu x"]

export const text = (value: number) =>
  !Number.isFinite(value) ? "-" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const percent = (share: number) => `${(share * 100).toFixed(0)}%`

const aligned = ([server = "", ...cells]: ReadonlyArray<string>) =>
  server.padEnd(30) + cells.map((cell, i) => (i < 3 ? cell.padEnd(12) : cell.padStart(9))).join("")

/** What is compared. */
export const subject = ({ figure, over, server }: Targets.Target) =>
  `${figure} of ${server}${over === undefined ? "" : ` over ${over}`}`

const describe = ({ holds, reached, target }: Targets.Verdict) =>
  `${holds ? "holds " : "MISSED"} ${subject(target)}: ${text(reached)}, to be ${target.bound} ${text(target.value)}`

/** A table, with `rate x` and `cpu x` as ratios to the peer; then what only this scenario knows, and the targets. */
export const print = ({ per, rows, targets, title }: Result) => {
  const unit = per === "GiB" ? "MiB/s, CPU s/GiB" : "operations/s, CPU us each"
  const lines = rows.map(({ ratio, spread, ...row }) => [
    row.server,
    row.durability,
    row.hooks,
    String(row.connections),
    text(row.rate),
    percent(spread.rate),
    text(row.cpu),
    percent(spread.cpu),
    text(row.p50),
    text(row.p99),
    text(row.peakRss),
    percent(row.busy),
    text(ratio.rate),
    text(ratio.cpu)
  ])
  const figures = rows.flatMap(({ figures, server }) =>
    Object.entries(figures).map(([name, value]) => `${server}: ${name} ${text(value)}`)
  )
  const table = [[...words, ...numbers], ...lines].map(aligned)
  process.stdout.write(`\n${title} (${unit})\n${[...table, ...figures, ...targets.map(describe)].join("\n")}\n`)
}

/** The targets that were missed, once more, of all that could be judged. */
export const printMissed = (results: ReadonlyArray<Result>) => {
  const verdicts = results.flatMap(({ targets, title }) => targets.map((verdict) => ({ title, verdict })))
  const missed = verdicts.filter(({ verdict }) => !verdict.holds)
  process.stdout.write(
    `\n${verdicts.length - missed.length} of ${verdicts.length} targets hold\n${
      missed.map(({ title, verdict }) => `${title}: ${describe(verdict)}\n`).join("")
    }`
  )
}
