/**
 * The whole server and the client in a simulated world where everything can fail, chosen by a seed. Promises P1 to P5,
 * P7 and P9 of the README are checked after every step. A failing seed prints its shortest story. `SEED=<number>` runs
 * it alone, `SEEDS=<count>` runs more seeds, and both together run so many from that one on.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { vi } from "vitest"
import { type Fault, faults, losses, type LossFault } from "./simulation/Faults.js"
import { forgetting } from "./simulation/Roots.js"
import { shrink } from "./simulation/Shrink.js"
import * as Story from "./simulation/Story.js"
import { type Broken, World } from "./simulation/World.js"
import { size } from "./size.js"

vi.mock("node:fs", async () => (await import("./simulation/FileSystem.js")).fileSystem)

const { SEED, SEEDS } = process.env
const first = Number(SEED ?? 1)
const count = SEED === undefined || SEEDS !== undefined
  ? size("SEEDS", 300, 100_000)
  : 1
const isAlone = count === 1

/** Seeds that have failed before. */
const found = SEED === undefined ? [21_656, 45_600, 56_277, 69_357, 202_800, 308_699] : []

const run = async (story: Story.Story) => {
  const database = story.registry === "sql" ? await mkdtemp(join(tmpdir(), "effect-tus-")) : undefined
  try {
    return await forgetting(() => new World(story, { database, tells: isAlone }).run())
  } finally {
    await (database === undefined ? undefined : rm(database, { recursive: true }))
  }
}

/** The report of a failing seed. */
const report = async (story: Story.Story, { promise, why }: Broken) => {
  const [shortest, { broken, log }] = await shrink(story, promise)
  return [
    `seed ${story.seed} breaks ${promise}: ${why}`,
    `SEED=${story.seed} npx vitest run test/chaos/simulation.test.ts`,
    ...(broken === undefined ? [] : [
      `${shortest.troubles.length} of ${story.troubles.length} troubles are enough:`,
      JSON.stringify(shortest, (_, value: unknown) => value instanceof Set ? [...value] : value),
      ...log.slice(-200)
    ])
  ].join("\n")
}

const counted = <A>(counts: Map<A, number>, key: A) => counts.set(key, (counts.get(key) ?? 0) + 1)

describe("simulation", () => {
  it(`keeps every promise, ${count} seeds`, async () => {
    const ends = new Map<string, number>()
    const met = new Map<Fault | LossFault, number>()
    let damaged = 0
    for (const seed of [...Array.from({ length: count }, (_, i) => first + i), ...found]) {
      const story = Story.fromSeed(seed)
      const outcome = await run(story)
      if (outcome.broken !== undefined) {
        if (isAlone) {
          console.log(outcome.log.join("\n"))
        }
        assert.fail(await report(story, outcome.broken))
      }
      if (seed % 10_000 === 0) {
        console.log(`seeds up to ${seed}`)
      }
      outcome.ends.forEach((end) => counted(ends, end))
      outcome.met.forEach((fault) => counted(met, fault))
      damaged += outcome.damaged
      // Lets the test runner process its messages.
      await new Promise((resolve) => setImmediate(resolve))
    }
    console.log({ ...Object.fromEntries(ends), damaged })
    if (count >= 500) {
      assert.sameMembers([...met.keys()], [...faults, ...losses])
      const complete = (ends.get("Complete") ?? 0) + (ends.get("Terminated") ?? 0)
      assert.isAbove(complete, 0.7 * [...ends.values()].reduce((sum, n) => sum + n, 0))
    }
  }, 24 * 3_600_000)
})
