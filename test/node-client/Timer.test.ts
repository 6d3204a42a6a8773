import { assert, it } from "@effect/vitest"
import * as Timer from "../../src/node-client/Timer.js"

for (
  const [duration, expected] of [
    ["1 second", 1000],
    ["30 days", 2 ** 31 - 1],
    [Infinity, 2 ** 31 - 1]
  ] as const
) {
  it(`a timer of ${duration} has ${expected} milliseconds`, () => {
    assert.strictEqual(Timer.millis(duration), expected)
  })
}
