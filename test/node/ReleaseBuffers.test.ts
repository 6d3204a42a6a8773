import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { free } from "../../src/node/http/ReleaseBuffers.js"

describe("ReleaseBuffers", () => {
  it("frees the memory of buffers that own it, without a garbage collection", () => {
    const size = 64 * 1024 * 1024
    const before = process.memoryUsage().arrayBuffers
    const buffers = [new Uint8Array(size), Buffer.alloc(size)]
    assert.isAtLeast(process.memoryUsage().arrayBuffers - before, size)
    free(buffers)
    assert.isBelow(process.memoryUsage().arrayBuffers - before, size)
    deepStrictEqual(buffers.map(({ length }) => length), [0, 0])
  })

  it("leaves alone buffers that share their memory, and small ones", () => {
    const whole = new Uint8Array(8192)
    free([whole.subarray(0, 4096), new Uint8Array(10)])
    assert.strictEqual(whole.length, 8192)
    free([])
  })
})
