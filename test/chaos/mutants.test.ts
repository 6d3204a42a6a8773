/**
 * The simulation is worth something only if it finds what is wrong: bugs, planted by name, each caught by the first seeds that
 * can bring it to light.
 */
import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import * as BytesMutants from "./simulation/BytesMutants.js"
import * as CompletionMutants from "./simulation/CompletionMutants.js"
import type { Mutant } from "./simulation/Mutants.js"
import { forgetting } from "./simulation/Roots.js"
import * as StatesMutants from "./simulation/StatesMutants.js"
import * as Story from "./simulation/Story.js"
import { World } from "./simulation/World.js"

vi.mock("node:fs", async () => (await import("./simulation/FileSystem.js")).fileSystem)

/** Stories that are told. */
const most = 500

/** The first seed that finds the bug, after how many others, and what it finds. */
const search = async ({ where = () => true, ...plant }: Mutant) => {
  const remove = plant.install?.()
  try {
    for (let seed = 1, told = 1; told <= most; seed++) {
      const story: Story.Story = { ...Story.fromSeed(seed), registry: "memory" }
      if (where(story)) {
        const { broken } = await forgetting(() => new World(story, { plant }).run())
        if (broken !== undefined) {
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

const mutants = { ...BytesMutants.bytes, ...StatesMutants.states, ...CompletionMutants.completion }

describe("finds out about a server that", () => {
  for (const [name, mutant] of Object.entries(mutants)) {
    it(name, async () => {
      const found = await search(mutant)
      console.log(`${name}: ${found}`)
      assert.isDefined(found, `${most} stories found nothing`)
    }, 300_000)
  }
})
