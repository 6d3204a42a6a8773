import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/UploadBody.js"

/** A source from which nothing comes, which takes its time to let go, and counts who waits for it. */
const silent = () => {
  let waiting = 0
  let most = 0
  const source = Effect.acquireUseRelease(
    Effect.sync(() => {
      waiting += 1
      most = Math.max(most, waiting)
    }),
    () => Effect.never,
    () =>
      Effect.zipRight(
        Effect.sleep(50),
        Effect.sync(() => {
          waiting -= 1
        })
      )
  )
  return { waiting: () => waiting, most: () => most, body: UploadBody.fromPull<never>(source, {}) }
}

const ends: ReadonlyArray<
  readonly [string, (body: UploadBody.UploadBody, reading: Fiber.Fiber<unknown>) => Effect.Effect<unknown>]
> = [
  ["its reader is interrupted", (_, reading) => Fiber.interruptFork(reading)],
  ["it is stopped", (body) => Effect.sync(() => body.stop("TakenOver"))],
  ["it was idle for too long", () => Effect.void]
]

describe("a body that is pulled", () => {
  for (const [title, end] of ends) {
    it.effect(`is not waited for by two, the one who reads it and the one who throws away its rest, when ${title}`, () =>
      Effect.gen(function*() {
        const { body, most, waiting } = silent()
        const reading = yield* Effect.fork(Effect.ensuring(Effect.ignore(body.pull), body.rest))
        yield* TestClock.adjust(1)
        assert.strictEqual(waiting(), 1)
        yield* end(body, reading)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.await(reading)
        deepStrictEqual([waiting(), most()], [0, 1])
      }))
  }
})
