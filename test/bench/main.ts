/**
 * The benchmark: every kind does every scenario, in turns, several rounds of it. Nothing else should run on the machine
 * meanwhile.
 *
 *     npm run bench [SCENARIO...] [-- [--rounds N] [--save]]
 */
import { loadavg } from "node:os"
import { parseArgs } from "node:util"
import { type Kind, kinds } from "./Kinds.js"
import * as Million from "./Million.js"
import * as Report from "./Report.js"
import * as SameFields from "./SameFields.js"
import * as Saved from "./Saved.js"
import type { Measured, Scenario } from "./Scenario.js"
import { scenarios } from "./Scenarios.js"
import { emptyDirectory, type Server, start } from "./Server.js"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" }, save: { type: "boolean", default: false } }
})
const asked = Number(values.rounds)
const names = scenarios.map(({ name }) => name)
const unknown = positionals.filter((name) => !names.includes(name))
if (unknown.length > 0 || !(asked >= 1)) {
  throw new Error(`not ${unknown.join(", ")}: there are ${names.join(", ")}, and --rounds of 1 or more`)
}
const chosen = scenarios.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

const open = async (kind: Kind) => {
  const directory = await emptyDirectory()
  if (kind.stored !== undefined) {
    await Million.fill(kind, directory, { count: kind.stored, expiresAt: Date.now() + 1e9, prefix: "stored-" })
  }
  const server = await start(kind, directory)
  await server.rest()
  return server
}

/** One round of a scenario, for each kind that does it. */
type Turn = readonly [kind: Kind, run: () => Promise<Measured>]

const turnsOf = (scenario: Scenario, servers: ReadonlyArray<Server>): ReadonlyArray<Turn> =>
  "run" in scenario
    ? servers.filter(({ kind }) => scenario.on.includes(kind.name))
      .map((server) => [server.kind, () => scenario.run(server)])
    : kinds.filter(({ name }) => scenario.on.includes(name)).map((kind) => [kind, () => scenario.runAlone(kind)])

const measure = async (scenario: Scenario, turns: ReadonlyArray<Turn>) => {
  const rows = new Map(turns.map(([{ name }]) => [name, [] as Array<Measured>]))
  const { rounds = asked, warmUp = 1 } = scenario
  for (let round = 0; round < warmUp + rounds; round++) {
    // Whoever comes first finds another machine than whoever comes last: each is it in turn.
    const first = round % turns.length
    for (const [{ name }, run] of [...turns.slice(first), ...turns.slice(0, first)]) {
      const measured = await run()
      if (round >= warmUp) {
        rows.get(name)?.push(measured)
      }
    }
  }
  return rows
}

const [load = 0] = loadavg()
if (load > 0.5) {
  process.stdout.write(
    `The machine is not at rest: its load is ${load.toFixed(1)}. These figures are not to be kept.\n`
  )
}
const servers: Array<Server> = []
const results: Array<Report.Result> = []
try {
  const shared = chosen.flatMap((scenario) => "run" in scenario ? scenario.on : [])
  for (const kind of kinds.filter(({ name }) => shared.includes(name))) {
    servers.push(await open(kind))
  }
  await SameFields.check(servers)
  for (const scenario of chosen) {
    const result = Report.summarize(scenario, await measure(scenario, turnsOf(scenario, servers)))
    Report.print(result)
    results.push(result)
  }
} finally {
  for (const server of servers) {
    await server[Symbol.asyncDispose]()
  }
}
Report.printMissed(results)
if (values.save) {
  Saved.save(results, names)
}
