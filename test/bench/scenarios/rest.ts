/**
 * The memory of a server that nobody asks. V8 keeps what loading the modules has left behind for about a minute, and
 * then gives it back.
 */
import { setTimeout } from "node:timers/promises"
import type { Kind } from "../Kinds.js"
import { measure, type Measured, type Scenario } from "../Scenario.js"
import { start } from "../Server.js"
import { MiB } from "../Tus.js"

const seconds = 120

/** So many at a time, of which the median counts: when V8 gives how much back differs from one to the next. */
const servers = 5

const atRest = "MiB at rest"

const one = async (kind: Kind) => {
  await using server = await start(kind)
  await server.rest()
  const started = await server.rss()
  const measured = await measure(server, async () => {
    await setTimeout(seconds * 1000)
    return { operations: seconds, bytes: 0, latencies: [] }
  })
  return { ...measured, figures: { "MiB when started": started / MiB, [atRest]: await server.rss() / MiB } }
}

const runAlone = async (kind: Kind): Promise<Measured> => {
  const all = await Promise.all(Array.from({ length: servers }, () => one(kind)))
  const sorted = all.toSorted((a, b) => a.figures[atRest] - b.figures[atRest])
  return sorted[(servers - 1) / 2] as Measured
}

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "rest",
    title: "A second without a request",
    per: "operation",
    connections: 0,
    warmUp: 0,
    rounds: 1,
    on: ["completion", "@tus/server", "file floor"],
    runAlone
  }
]
