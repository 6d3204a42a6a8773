import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadSource } from "effect-tus/client"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as RaceAndWait from "../../src/client/transport/RaceAndWait.js"
import { endpoint } from "../loopback.js"
import { answer, passing, world } from "./world.js"

/** Records the order in which effects end. An interrupted one needs some time to end. */
const story = () => {
  const happened: Array<string> = []
  const note = (what: string) => Effect.sync(() => happened.push(what))
  const never = Effect.onInterrupt(Effect.never, () => Effect.zipRight(Effect.sleep(50), note("ended")))
  return { happened, note, never }
}

describe("a race", () => {
  it.effect("ends both sides before the finalizers of its interrupted caller run", () =>
    Effect.gen(function*() {
      const { happened, never, note } = story()
      const fiber = yield* Effect.fork(Effect.ensuring(RaceAndWait.first(never, never), note("finalizer")))
      yield* TestClock.adjust(10)
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(1000)
      yield* Fiber.join(interrupting)
      deepStrictEqual(happened, ["ended", "ended", "finalizer"])
    }))

  for (const order of ["first", "second"]) {
    it.effect(`that the ${order} side wins has ended the other side`, () =>
      Effect.gen(function*() {
        const { happened, never, note } = story()
        const soon = Effect.as(Effect.sleep(10), "won")
        const fiber = yield* Effect.fork(
          Effect.zipLeft(
            order === "first" ? RaceAndWait.first(soon, never) : RaceAndWait.first(never, soon),
            note("after")
          )
        )
        yield* TestClock.adjust(1000)
        assert.strictEqual(yield* Fiber.join(fiber), "won")
        deepStrictEqual(happened, ["ended", "after"])
      }))
  }

  it.effect("fails if both sides fail, die or are interrupted", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.flip(RaceAndWait.first(Effect.fail("no"), Effect.never)), "no")
      deepStrictEqual(yield* Effect.exit(RaceAndWait.first(Effect.never, Effect.die("bad"))), Exit.die("bad"))
      const exit = yield* Effect.exit(RaceAndWait.first(Effect.interrupt, Effect.never))
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
    }))
})

describe("an interrupted upload", () => {
  it.effect("ends its request before it asks the server to remove it", () => {
    const { happened, never, note } = story()
    const { layer } = world((request) =>
      request.method === "PATCH"
        ? Effect.zipRight(note("PATCH"), never)
        : request.method === "DELETE"
        ? Effect.zipRight(note("DELETE"), answer(204))
        : undefined
    )
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(
        TusUpload.run({
          endpoint,
          source: UploadSource.fromBytes(new Uint8Array(10)),
          createWithUpload: 0,
          terminateOnInterrupt: true
        })
      )
      yield* passing(Effect.sleep(100))
      yield* passing(Fiber.interrupt(fiber))
      deepStrictEqual(happened, ["PATCH", "ended", "DELETE"])
    }).pipe(Effect.provide(layer))
  })
})
