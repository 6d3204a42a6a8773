import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { InFlight, TusServer } from "effect-tus/server"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { interruptingBefore } from "../support/interrupting.js"
import { head } from "../support/memory.js"

/** A request that runs until it is interrupted. */
const running = Effect.map(Effect.fork(Effect.never), (fiber) => {
  const reasons: Array<string> = []
  return { body: { stop: (reason: string) => void reasons.push(reason) }, fiber, reasons }
})

describe("InFlight", () => {
  it.effect("drain cuts off each body, also those of later requests, and returns when no request is left", () =>
    Effect.gen(function*() {
      const inFlight = InFlight.make()
      const [before, after] = [yield* running, yield* running]
      const leaveBefore = inFlight.enter(before)
      deepStrictEqual([inFlight.isDraining(), before.reasons], [false, []])
      const draining = yield* Effect.fork(inFlight.drain)
      yield* Effect.yieldNow()
      const leaveAfter = inFlight.enter(after)
      deepStrictEqual([inFlight.isDraining(), before.reasons, after.reasons], [true, ["Shutdown"], ["Shutdown"]])
      leaveBefore()
      yield* Effect.yieldNow()
      deepStrictEqual([inFlight.count(), draining.unsafePoll()], [1, null])
      leaveAfter()
      yield* Fiber.join(draining)
      yield* inFlight.drain
    }))

  it.effect("interrupt ends the requests that are still running", () =>
    Effect.gen(function*() {
      const inFlight = InFlight.make()
      const [gone, there] = [yield* running, yield* running]
      inFlight.enter(gone)()
      inFlight.enter(there)
      yield* inFlight.interrupt
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(there.fiber)))
      assert.isNull(gone.fiber.unsafePoll())
    }))

  it.effect("keeps no request that was interrupted, before whatever operation", () =>
    Effect.gen(function*() {
      const left = yield* Effect.filter(Arr.range(1, 50), (operation) => {
        const inFlight = InFlight.make()
        const hung = {
          inFlight,
          handle: () => Effect.never,
          finishPending: () => Effect.void,
          locate: () => Effect.succeedNone
        }
        return Effect.gen(function*() {
          const request = yield* Effect.fork(
            Effect.withScheduler(head(`/files/${"a".repeat(22)}`), interruptingBefore(operation))
          )
          yield* Effect.repeatN(Effect.yieldNow(), 100)
          yield* Fiber.interrupt(request)
          return inFlight.count() > 0
        }).pipe(Effect.provideService(TusServer.TusServer, hung))
      })
      deepStrictEqual(left, [])
    }))
})
