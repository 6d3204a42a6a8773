/**
 * The benchmark: every server does every scenario, in turns, several rounds of it; then the clients. Nothing else
 * should run on the machine meanwhile.
 *
 *     npm run bench [-- [--rounds N] [--save] [SCENARIO...]]
 */
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Clients from "./Clients.js"
import * as Million from "./Million.js"
import * as Report from "./Report.js"
import type { Measured, Scenario } from "./Scenario.js"
import * as Beside from "./scenarios/beside.js"
import * as Bulk from "./scenarios/bulk.js"
import * as Concat from "./scenarios/concat.js"
import * as Held from "./scenarios/held.js"
import * as Small from "./scenarios/small.js"
import * as Sweep from "./scenarios/sweep.js"
import * as Takeover from "./scenarios/takeover.js"
import { type Kind, type Server, start } from "./Server.js"

const kinds: ReadonlyArray<Kind> = [
  { name: "process", script: "effect-tus", options: { durability: "process" } },
  { name: "completion", script: "effect-tus" },
  { name: "always", script: "effect-tus", options: { durability: "always" } },
  { name: "million", script: "effect-tus", options: { durability: "process" } },
  { name: "@tus/server", script: "tus-server" },
  { name: "floor", script: "floor" },
  { name: "bare process", script: "floor", options: { durability: "process" } },
  { name: "bare completion", script: "floor", options: { durability: "completion" } }
]

const all: ReadonlyArray<Scenario> = [
  ...Bulk.scenarios,
  ...Concat.scenarios,
  ...Beside.scenarios,
  ...Takeover.scenarios,
  ...Held.scenarios,
  ...Small.scenarios,
  ...Sweep.scenarios
]

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" }, save: { type: "boolean", default: false } }
})
const rounds = Number(values.rounds)
const isChosen = (name: string) => positionals.length === 0 || positionals.includes(name)
const chosen = all.filter(({ name }) => isChosen(name))

const open = async (kind: Kind) => {
  const directory = await mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), "effect-tus-bench-"))
  if (kind.name === "million") {
    await Million.fill(kind, directory, { count: 1_000_000, expiresAt: Date.now() + 1e9, prefix: "million-" })
  }
  const server = await start(kind, directory)
  await server.rest()
  return server
}

const servers: Array<Server> = []
const results: Array<Report.Result> = []
try {
  for (const kind of kinds.filter(({ name }) => chosen.some(({ on }) => on.includes(name)))) {
    servers.push(await open(kind))
  }
  for (const scenario of chosen) {
    const able = servers.filter(({ kind }) => scenario.on.includes(kind.name))
    const rows = new Map(able.map(({ kind }) => [kind.name, [] as Array<Measured>]))
    const { warmUp = 1 } = scenario
    for (let round = 0; round < warmUp + rounds; round++) {
      // Whoever comes first finds another machine than whoever comes last: each is it in turn.
      for (const server of [...able.slice(round % able.length), ...able.slice(0, round % able.length)]) {
        const measured = await scenario.run(server)
        if (round >= warmUp) {
          rows.get(server.kind.name)?.push(measured)
        }
      }
    }
    const result = Report.summarize(scenario, rows)
    Report.print(result)
    results.push(result)
  }
} finally {
  for (const server of servers) {
    await server[Symbol.asyncDispose]()
  }
}
const clients = isChosen("clients") ? await Clients.measure(rounds) : {}
Clients.print(clients)
if (values.save) {
  await Report.save(results, clients, all.map(({ name }) => name))
}
