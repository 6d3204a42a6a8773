import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ChunkSize } from "effect-tus/client"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"

const unlimited = Number.POSITIVE_INFINITY

const sizes = FastCheck.record({
  min: FastCheck.integer({ min: 1, max: 1000 }),
  more: FastCheck.integer({ min: 0, max: 10_000 }),
  multipleOf: FastCheck.integer({ min: 1, max: 500 })
}).map(({ min, more, multipleOf }) => ({ min, max: min + more + multipleOf, multipleOf }))

describe("ChunkSize", () => {
  it("is the whole rest by default", () => {
    assert.strictEqual(ChunkSize.next({}, unlimited, 10 ** 12), 10 ** 12)
    assert.strictEqual(ChunkSize.next({}, unlimited, unlimited), unlimited)
  })

  it("is fixed, except for the last chunk", () => {
    assert.strictEqual(ChunkSize.next(1000, unlimited, 5000), 1000)
    assert.strictEqual(ChunkSize.next(1000, unlimited, 999), 999)
  })

  it("stays within the learned limit", () => {
    assert.strictEqual(ChunkSize.next({}, 300_000, 10 ** 9), 300_000)
    assert.strictEqual(ChunkSize.next({ min: 500_000 }, 300_000, 10 ** 9), 500_000)
  })

  it("never exceeds the rest, however small the learned limit", () => {
    assert.strictEqual(ChunkSize.next({ min: 1, max: 4, multipleOf: 3 }, 1, 2), 2)
    assert.strictEqual(ChunkSize.next({ min: 1, max: 4, multipleOf: 3 }, 1, 5), 3)
  })

  it.prop("is a multiple of min up to max, or the rest", [
    sizes,
    FastCheck.integer({ min: 1, max: 30_000 }),
    FastCheck.integer({ min: 0, max: 100_000 })
  ], ([size, limit, left]) => {
    const next = ChunkSize.next(size, limit, left)
    assert.isAtMost(next, left)
    assert.isAtMost(next, size.max)
    assert.isTrue(next === left || next % size.multipleOf === 0)
    assert.isTrue(next === left || next >= Math.min(size.min, size.max) - size.multipleOf + 1)
  })

  it.prop("shrinks with each halving, and stops at a smallest size", [sizes], ([size]) => {
    let tried = 10 ** 9
    for (let i = 0; i < 64; i++) {
      const halved = ChunkSize.halve(size, tried)
      if (Option.isNone(halved)) {
        return
      }
      assert.isBelow(halved.value, tried)
      assert.strictEqual(
        ChunkSize.next(size, halved.value, unlimited) <= Math.max(halved.value, size.min, size.multipleOf),
        true
      )
      tried = halved.value
    }
    assert.fail("it never ends")
  })

  it("does not go below the smallest size", () => {
    deepStrictEqual(ChunkSize.halve({}, 100_000), Option.some(64 * 1024))
    deepStrictEqual(ChunkSize.halve({}, 64 * 1024), Option.none())
    deepStrictEqual(ChunkSize.halve({ min: 10 }, 15), Option.some(10))
    deepStrictEqual(ChunkSize.halve(1000, 1000), Option.none())
  })

  it("explains an invalid option", () => {
    for (
      const size of [0, -1, 1.5, Number.NaN, { max: 0 }, { min: 0 }, { multipleOf: 0 }, { min: 2, max: 1 }, {
        max: 10,
        multipleOf: 20
      }]
    ) {
      assert.isTrue(Option.isSome(ChunkSize.check(size)), JSON.stringify(size))
    }
    for (const size of [1, 2 ** 40, {}, { min: 1 }, { max: 1 }, { min: 5, max: 5 }, { multipleOf: 256 * 1024 }]) {
      assert.isTrue(Option.isNone(ChunkSize.check(size)), JSON.stringify(size))
    }
  })
})
