/**
 * Two or three servers of one installation in a simulated world: they run at the same time on one database and one byte
 * store, are paused anywhere for up to two minutes or killed, and every call to what they share may fail. Seeds are
 * chosen as for `simulation`.
 */
import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { sharedFaults } from "./simulation/Faults.js"
import { play } from "./simulation/Play.js"
import * as SharingStory from "./simulation/sharing/SharingStory.js"
import { size } from "./size.js"

vi.mock("node:fs", async () => (await import("./simulation/FileSystem.js")).fileSystem)

const { SEED, SEEDS } = process.env
const first = Number(SEED ?? 1)
const count = SEED === undefined || SEEDS !== undefined ? size("SEEDS", 300, 100_000) : 1

describe("servers that share a database and a byte store", () => {
  it(`keep every promise, ${count} seeds`, async () => {
    const { ends, met } = await play({
      seeds: Array.from({ length: count }, (_, i) => first + i),
      storyOf: SharingStory.fromSeed,
      test: "sharing"
    })
    console.log(Object.fromEntries(ends))
    if (count >= 500) {
      assert.sameMembers([...met.keys()], [...sharedFaults])
      const complete = (ends.get("Complete") ?? 0) + (ends.get("Terminated") ?? 0)
      assert.isAbove(complete, 0.6 * [...ends.values()].reduce((sum, n) => sum + n, 0))
    }
  }, 24 * 3_600_000)
})
