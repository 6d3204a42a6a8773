/**
 * Plays stories by their seeds, and reports the first broken promise with its shortest story.
 */
import { assert } from "@effect/vitest"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Fault, LossFault } from "./Faults.js"
import { forgetting } from "./RootFibers.js"
import { shrink } from "./Shrink.js"
import type { Story } from "./Story.js"
import { type Broken, type Outcome, World } from "./World.js"

export interface Seeds {
  readonly seeds: ReadonlyArray<number>
  readonly storyOf: (seed: number) => Story
  /** The name of the test, for the command that repeats a seed. */
  readonly test: string
}

/** How often each end, and each fault, was met. */
export interface Played {
  readonly ends: ReadonlyMap<string, number>
  readonly met: ReadonlyMap<Fault | LossFault, number>
  readonly damaged: number
}

/** Fails with a report if a promise is broken. */
export const play = async ({ seeds, storyOf, test }: Seeds): Promise<Played> => {
  const ends = new Map<string, number>()
  const met = new Map<Fault | LossFault, number>()
  const isAlone = seeds.length === 1
  let damaged = 0
  for (const seed of seeds) {
    const story = storyOf(seed)
    const outcome = await run(story, isAlone)
    if (outcome.broken !== undefined) {
      if (isAlone) {
        console.log(outcome.log.join("\n"))
      }
      assert.fail(await report(story, outcome.broken, test))
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
  return { ends, met, damaged }
}

const run = async (story: Story, tells: boolean): Promise<Outcome> => {
  const database = story.registry === "sql" ? await mkdtemp(join(tmpdir(), "effect-tus-")) : undefined
  try {
    return await forgetting(() => new World(story, { database, tells }).run())
  } finally {
    await (database === undefined ? undefined : rm(database, { recursive: true }))
  }
}

/** The report of a failing seed. */
const report = async (story: Story, { promise, why }: Broken, test: string) => {
  const [shortest, { broken, log }] = await shrink(story, promise)
  return [
    `seed ${story.seed} breaks ${promise}: ${why}`,
    `SEED=${story.seed} npx vitest run test/chaos/${test}.test.ts`,
    ...(broken === undefined ? [] : [
      `${shortest.troubles.length} of ${story.troubles.length} troubles are enough:`,
      JSON.stringify(shortest, (_, value: unknown) => value instanceof Set ? [...value] : value),
      ...log.slice(-200)
    ])
  ].join("\n")
}

const counted = <A>(counts: Map<A, number>, key: A) => counts.set(key, (counts.get(key) ?? 0) + 1)
