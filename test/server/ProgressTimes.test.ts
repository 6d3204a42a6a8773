import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as ProgressTimes from "../../src/server/hooks/ProgressTimes.js"
import { id } from "../protocol/arbitraries.js"

const anyTelling = FastCheck.record({
  letter: FastCheck.constantFrom("a", "b", "c", "d"),
  after: FastCheck.nat(80),
  ends: FastCheck.boolean()
})

describe("the times of progress", () => {
  it.prop("let an upload be told once in each interval", [FastCheck.array(anyTelling)], ([tellings]) => {
    const { forget, take } = ProgressTimes.make(100)
    const told = new Map<string, number>()
    let now = 0
    for (const { after, ends, letter } of tellings) {
      now += after
      const isDue = now - (told.get(letter) ?? -Infinity) >= 100
      deepStrictEqual(take(id(letter), now), isDue)
      if (isDue) {
        told.set(letter, now)
      }
      if (ends && after % 2 === 0) {
        forget(id(letter))
        told.delete(letter)
      }
    }
  })

  it("do not pile up for uploads of whose end this process does not hear", () => {
    const { size, take } = ProgressTimes.make(100)
    for (let n = 0; n < 10_000; n++) {
      take(id(String.fromCharCode(65 + n % 26) + n), n)
    }
    assert.isAtMost(size(), 100)
  })
})
