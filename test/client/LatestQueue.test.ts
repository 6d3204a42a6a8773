import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as LatestQueue from "../../src/client/upload/LatestQueue.js"

const bothSmall = (before: number, after: number) => before < 100 && after < 100

describe("LatestQueue", () => {
  it.effect("keeps the latest of equal updates, and all others in order", () =>
    Effect.gen(function*() {
      const { end, offer, stream } = LatestQueue.make<number, never>(bothSmall)
      for (const update of [1, 2, 3, 100, 4, 5, 200, 300, 6]) {
        offer(update)
      }
      end(Exit.void)
      deepStrictEqual([...(yield* Stream.runCollect(stream))], [3, 100, 5, 200, 300, 6])
    }))

  it.effect("delivers an update as soon as it is put in", () =>
    Effect.gen(function*() {
      const { end, offer, stream } = LatestQueue.make<number, string>(bothSmall)
      const seen: Array<number> = []
      const reading = yield* Effect.fork(Stream.runForEach(stream, (update) => Effect.sync(() => seen.push(update))))
      yield* Effect.yieldNow()
      deepStrictEqual(seen, [])
      offer(1)
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      deepStrictEqual(seen, [1])
      offer(2)
      end(Exit.fail("broken"))
      deepStrictEqual(yield* Fiber.await(reading), Exit.fail("broken"))
      deepStrictEqual(seen, [1, 2])
    }))
})
