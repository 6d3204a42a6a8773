import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Refusal } from "effect-tus"
import { TusSweeper, UploadEvents, UploadHooks } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { create, patch, request } from "../support/memory.js"
import { server } from "./doors.js"

const feed = (options?: UploadEvents.Options, hooks: UploadHooks.Hooks = {}) =>
  server({ expiresAfter: "1 hour" }).pipe(
    Layer.provideMerge(UploadEvents.layerFeed(options)),
    Layer.provide(Layer.succeed(UploadHooks.UploadHooks, hooks))
  )

/** Lets fibers in the background run. */
const settled = Effect.repeatN(Effect.yieldNow(), 100)

/** The next `count` events. */
const listen = (count: number) =>
  Effect.gen(function*() {
    const events = yield* UploadEvents.UploadFeed
    const listening = yield* Effect.fork(Stream.runCollect(Stream.take(events, count)))
    yield* settled
    return Effect.map(Fiber.join(listening), Chunk.toReadonlyArray)
  })

const brief = (event: UploadEvents.Event) => `${event._tag} ${event.upload.offset}`

describe("the feed", () => {
  it.effect("sends all its listeners the events of uploads, in order", () =>
    Effect.gen(function*() {
      const heard = yield* Effect.all([listen(8), listen(8)])
      const path = yield* create({ "upload-length": "3" })
      yield* patch(path, 0, "ab")
      yield* patch(path, 2, "c")
      yield* request("DELETE", path)
      yield* create({ "upload-length": "5" })
      yield* TestClock.adjust("1 hour")
      yield* Effect.flatMap(TusSweeper.make, ({ sweep }) => sweep())
      const refused = yield* create({ "upload-length": "4" })
      assert.strictEqual((yield* patch(refused, 0, "abcd")).status, 422)
      const expected = ["Created 0", "Progress 2", "Completed 3", "Terminated 3", "Created 0", "Expired 0"]
      for (const events of heard) {
        deepStrictEqual((yield* events).map(brief), [...expected, "Created 0", "Rejected 4"])
      }
    }).pipe(Effect.provide(feed({}, {
      onComplete: ({ length }) =>
        (length._tag === "Some" && length.value === 4)
          ? new Refusal.UploadRejected({ status: 422, reason: "no" })
          : Effect.void
    }))))

  it.effect("reports progress no more often than its interval", () =>
    Effect.gen(function*() {
      const events = yield* listen(6)
      const [a, b] = yield* Effect.all([create({ "upload-length": "9" }), create({ "upload-length": "9" })])
      for (let offset = 0; offset < 5; offset++) {
        yield* patch(a, offset, "x")
        yield* TestClock.adjust("500 millis")
      }
      yield* patch(b, 0, "x")
      deepStrictEqual((yield* events).map(brief), [
        "Created 0",
        "Created 0",
        "Progress 1",
        "Progress 3",
        "Progress 5",
        "Progress 1"
      ])
    }).pipe(Effect.provide(feed({ progressEvery: "1 second" }))))

  it.effect("does not wait for a slow listener, which misses the oldest events", () =>
    Effect.gen(function*() {
      const events = yield* UploadEvents.UploadFeed
      const seen: Array<number> = []
      const slow = yield* Effect.fork(
        Stream.runForEach(Stream.take(Stream.rechunk(events, 1), 3), ({ upload }) =>
          Effect.zipRight(Effect.sync(() => seen.push(upload.offset)), Effect.sleep("1 second")))
      )
      yield* settled
      for (let i = 0; i < 20; i++) {
        yield* create({ "upload-length": "9" })
      }
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(slow)
      assert.strictEqual(seen.length, 3)
    }).pipe(Effect.provide(feed({ capacity: 2 }))))
})
