/**
 * Proves that the simulation finds bugs: each planted bug is caught by one of the first seeds that can reveal it.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { vi } from "vitest"
import { background } from "./simulation/BackgroundMutants.js"
import * as BytesMutants from "./simulation/BytesMutants.js"
import * as CompletionMutants from "./simulation/CompletionMutants.js"
import * as LossMutants from "./simulation/LossMutants.js"
import type { Mutant, Mutants } from "./simulation/Mutants.js"
import { forgetting } from "./simulation/RootFibers.js"
import { sharing } from "./simulation/sharing/SharingMutants.js"
import * as SharingStory from "./simulation/sharing/SharingStory.js"
import * as StatesMutants from "./simulation/StatesMutants.js"
import * as Story from "./simulation/Story.js"
import { tails } from "./simulation/TailMutants.js"
import { World } from "./simulation/World.js"

vi.mock("node:fs", async () => (await import("./simulation/FileSystem.js")).fileSystem)

/** The most stories to play. */
const most = 500

const inDirectory = async <A>(use: (directory: string) => Promise<A>) => {
  const directory = await mkdtemp(join(tmpdir(), "effect-tus-"))
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

/**
 * The first seed that finds the bug, the number of stories played before, and the broken promise. Without the bug the
 * same story breaks none.
 */
const search = async (
  { given = () => ({}), where = () => true, ...plant }: Mutant,
  storyOf: (seed: number) => Story.Story
) => {
  const remove = plant.install?.()
  try {
    for (let seed = 1, told = 1; told <= most; seed++) {
      const plan = storyOf(seed)
      const story: Story.Story = { ...plan, registry: "memory", ...given(plan) }
      if (where(story)) {
        const { broken } = await inDirectory((database) =>
          forgetting(() => new World(story, { plant, database }).run())
        )
        if (broken !== undefined) {
          remove?.()
          const without = await inDirectory((database) => forgetting(() => new World(story, { database }).run()))
          assert.isUndefined(without.broken, `seed ${seed} breaks a promise without the bug, too`)
          return `${told} stories, seed ${seed}, ${broken.promise}: ${broken.why}`
        }
        told++
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    return undefined
  } finally {
    remove?.()
  }
}

const mutants = {
  ...BytesMutants.bytes,
  ...StatesMutants.states,
  ...CompletionMutants.completion,
  ...LossMutants.losses,
  ...tails,
  ...background
}

const declare = (mutants: Mutants, storyOf: (seed: number) => Story.Story) => {
  for (const [name, mutant] of Object.entries(mutants)) {
    it(name, async () => {
      const found = await search(mutant, storyOf)
      console.log(`${name}: ${found}`)
      assert.isDefined(found, `${most} stories found nothing`)
    }, 300_000)
  }
}

describe("finds out about a server that", () => declare(mutants, Story.fromSeed))

describe("finds out about one of several servers that", () => declare(sharing, SharingStory.fromSeed))
