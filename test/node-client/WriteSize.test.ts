import { assert, describe, it } from "@effect/vitest"
import * as WriteSize from "../../src/node-client/WriteSize.js"

/** The size after some writes over a connection that accepts this many bytes a millisecond. */
const after = (writes: number, speed: number, first = WriteSize.least) =>
  Array.from({ length: writes }).reduce<number>((bytes) => WriteSize.next(bytes, bytes / speed), first)

describe("WriteSize", () => {
  it("grows to all that is read at once if the connection is fast", () => {
    assert.strictEqual(after(5, 1_000_000), WriteSize.most)
    assert.strictEqual(after(10, 1_000_000), WriteSize.most)
  })

  it("stays small on a slow connection, and shrinks when it becomes slow", () => {
    assert.strictEqual(after(10, 100), WriteSize.least)
    assert.strictEqual(after(10, 100, WriteSize.most), WriteSize.least)
  })

  it("settles if a write takes a moment", () => {
    for (const speed of [1000, 10_000, 50_000]) {
      const bytes = after(20, speed)
      assert.strictEqual(bytes, after(21, speed))
      assert.isAtLeast(bytes / speed, 20)
      assert.isAtMost(bytes / speed, 200)
    }
  })
})
