/**
 * What was measured, for people and for machines.
 */
import { existsSync, readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { cpus, release } from "node:os"
import { fileURLToPath } from "node:url"
import * as Chart from "./Chart.js"
import type { Run } from "./Clients.js"
import type { Measured, Scenario } from "./Scenario.js"
import { median, quantile, spread } from "./Statistics.js"
import { GiB, MiB } from "./Tus.js"

/** Medians over the rounds. */
export interface Row {
  readonly server: string
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
  /** This server's figure over the peer's of the same round. */
  readonly ratio: { readonly rate: number; readonly cpu: number }
  /** This server's figure over the floor's of the same round. */
  readonly floor: { readonly rate: number; readonly cpu: number }
  readonly figures: Readonly<Record<string, number>>
}

export interface Result {
  readonly name: string
  readonly title: string
  readonly per: Scenario["per"]
  readonly rows: ReadonlyArray<Row>
}

const figuresOf = ({ per }: Scenario, { bytes, cpu, latencies, operations, peakRss, seconds }: Measured) => ({
  rate: per === "GiB" ? bytes / MiB / seconds : operations / seconds,
  cpu: per === "GiB" ? cpu / (bytes / GiB) : cpu / operations * 1e6,
  p50: quantile(latencies, 0.5),
  p99: quantile(latencies, 0.99),
  peakRss: peakRss / MiB
})

export const summarize = (scenario: Scenario, results: ReadonlyMap<string, ReadonlyArray<Measured>>): Result => {
  const rounds = (name: string) => (results.get(name) ?? []).map((measured) => figuresOf(scenario, measured))
  return {
    name: scenario.name,
    title: scenario.title,
    per: scenario.per,
    rows: Array.from(results, ([server, measured]) => {
      const own = rounds(server)
      const figure = (key: keyof ReturnType<typeof figuresOf>) => own.map((round) => round[key])
      const over = (other: string) => {
        const theirs = rounds(other)
        const ratio = (key: "rate" | "cpu") =>
          median(own.map((round, i) => round[key] / (theirs[i]?.[key] ?? Number.NaN)))
        return { rate: ratio("rate"), cpu: ratio("cpu") }
      }
      return {
        server,
        rate: median(figure("rate")),
        cpu: median(figure("cpu")),
        spread: { rate: spread(figure("rate")), cpu: spread(figure("cpu")) },
        p50: median(figure("p50")),
        p99: median(figure("p99")),
        peakRss: Math.max(...figure("peakRss")),
        ratio: over("@tus/server"),
        floor: over("floor"),
        figures: Object.fromEntries(
          Object.keys(measured[0]?.figures ?? {}).map((name) => [
            name,
            median(measured.map(({ figures }) => figures?.[name] ?? Number.NaN))
          ])
        )
      }
    })
  }
}

const columns = ["server", "rate", "+-", "cpu", "+-", "p50 ms", "p99 ms", "peak MiB", "rate x", "cpu x", "x floor"]

const text = (value: number) =>
  Number.isNaN(value) ? "-" : value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const percent = (share: number) => `${(share * 100).toFixed(0)}%`

/** A table; `rate x` and `cpu x` against the peer, `x floor` what the processor time is of the floor's. */
export const print = ({ per, rows, title }: Result) => {
  const unit = per === "GiB" ? "MiB/s, CPU s/GiB" : "operations/s, CPU us each"
  const lines = rows.map((row) => [
    row.server,
    text(row.rate),
    percent(row.spread.rate),
    text(row.cpu),
    percent(row.spread.cpu),
    ...[row.p50, row.p99, row.peakRss, row.ratio.rate, row.ratio.cpu, row.floor.cpu].map(text)
  ])
  const table = [columns, ...lines]
    .map((cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(16) : cell.padStart(9))).join(""))
  const figures = rows.flatMap(({ figures, server }) =>
    Object.entries(figures).map(([name, value]) => `${server}: ${name} ${text(value)}`)
  )
  process.stdout.write(`\n${title} (${unit})\n${[...table, ...figures].join("\n")}\n`)
}

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const versionOf = (name: string) =>
  (JSON.parse(readFileSync(local(`../../node_modules/${name}/package.json`), "utf8")) as { version: string }).version

type Clients = Readonly<Record<string, Readonly<Record<string, ReadonlyArray<Run>>>>>

interface Saved {
  readonly results: ReadonlyArray<Result>
  readonly clients: Clients
}

const readSaved = (): Saved =>
  existsSync(local("./results.json"))
    ? JSON.parse(readFileSync(local("./results.json"), "utf8")) as Saved
    : { results: [], clients: {} }

/** Everything as JSON, and the chart of `README.md` here. What was not measured now is kept as it was saved. */
export const save = async (measured: ReadonlyArray<Result>, clients: Clients, names: ReadonlyArray<string>) => {
  const before = readSaved()
  const results = names.flatMap((name) =>
    [measured, before.results].flatMap((some) => some.filter((result) => result.name === name)).slice(0, 1)
  )
  const machine = {
    processor: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
    linux: release().split("-")[0],
    node: process.version,
    peers: Object.fromEntries(
      ["@tus/server", "@tus/file-store", "tus-js-client"].map((name) => [name, versionOf(name)])
    )
  }
  await writeFile(
    local("./results.json"),
    `${JSON.stringify({ machine, results, clients: { ...before.clients, ...clients } }, undefined, 2)}\n`
  )
  await writeFile(local("./chart.svg"), Chart.render(results, `${machine.processor}, Node ${machine.node}`))
}
