import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as StallTimeout from "../../src/client/transport/StallTimeout.js"
import { endpoint } from "../loopback.js"

describe("StallTimeout", () => {
  // Fractions of milliseconds whose sum is not exact.
  for (const begun of [0, 0.1, 30434.262671, 1e6 + 1 / 3]) {
    it.effect(`ends a request that begins at ${begun}`, () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(begun)
        const request = { method: "HEAD", url: endpoint, headers: {}, stallTimeout: 30_000 } as const
        const watching = yield* Effect.fork(Effect.flip(StallTimeout.watched(request, () => Effect.never)))
        yield* TestClock.setTime(begun + 30_000)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(watching)).reason, "Stalled")
      }))
  }
})
