import { assert, describe, it } from "@effect/vitest"
import { UploadOptions } from "effect-tus/client"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

describe("the default schedule", () => {
  it.effect("makes ten attempts, after half a second, then twice as long, up to half a minute, with jitter of up to a third", () =>
    Effect.gen(function*() {
      const all = yield* Schedule.run(Schedule.delays(UploadOptions.defaultRetry), 0, Array.from({ length: 50 }))
      const pauses = [...all].map(Duration.toSeconds).slice(0, -1)
      assert.lengthOf(pauses, 10)
      for (const [i, pause] of pauses.entries()) {
        const most = Math.min(0.5 * 2 ** i, 30)
        assert.isAtLeast(pause, (most * 2) / 3 - 0.001)
        assert.isAtMost(pause, most)
      }
      assert.isAbove(new Set(pauses.slice(-4)).size, 1)
    }))
})
