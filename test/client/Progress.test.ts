import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Progress from "../../src/client/upload/Progress.js"
import * as ProgressCounter from "../../src/client/upload/ProgressCounter.js"

/** A meter after samples at these times and positions, which begins with 0 at 0. */
const rateOf = (...samples: ReadonlyArray<readonly [millis: number, position: number]>) =>
  Progress.rate(samples.reduce((meter, [at, position]) => Progress.measure(meter, at, position), Progress.meter(0, 0)))

describe("the rate", () => {
  it("is 0 before time has passed", () => {
    assert.strictEqual(rateOf(), 0)
    assert.strictEqual(rateOf([0, 100]), 0)
  })

  it("covers the last five seconds", () => {
    assert.strictEqual(rateOf([1000, 100], [2000, 300]), 150)
    // 100 bytes a second for ten seconds, then nothing.
    const steady = Array.from({ length: 10 }, (_, i) => [(i + 1) * 1000, (i + 1) * 100] as const)
    assert.strictEqual(rateOf(...steady), 100)
    assert.strictEqual(rateOf(...steady, [13_000, 1000]), 40)
    assert.strictEqual(rateOf(...steady, [15_000, 1000]), 0)
  })

  it("starts again if the sent bytes decrease", () => {
    assert.strictEqual(rateOf([1000, 5000], [2000, 1000], [3000, 1200]), 200)
  })

  it("needs few samples, however many measurements there are", () => {
    let meter = Progress.meter(0, 0)
    for (let at = 1; at <= 20_000; at++) {
      meter = Progress.measure(meter, at, at * 3)
    }
    assert.isAtMost(meter.samples.length, 53)
    assert.approximately(Progress.rate(meter), 3000, 0.001)
  })
})

describe("the time left", () => {
  it("is the rest divided by the rate, and unknown without a rate or a length", () => {
    deepStrictEqual(Progress.eta(50, Option.some(200)), Option.some(Duration.seconds(4)))
    deepStrictEqual(Progress.eta(0, Option.some(200)), Option.none())
    deepStrictEqual(Progress.eta(50, Option.none()), Option.none())
    deepStrictEqual(Progress.eta(0, Option.some(0)), Option.some(Duration.zero))
  })
})

describe("the counters", () => {
  it.effect("count the bytes that this session sent, and only these make the rate", () =>
    Effect.gen(function*() {
      const seen: Array<Progress.Progress> = []
      const tally = yield* ProgressCounter.make(Option.some(1000), (progress) => seen.push(progress))
      yield* TestClock.adjust("1 second")
      tally.acknowledged("Resumed", "http://a/1", Option.some(1000), 600)
      yield* TestClock.adjust("1 second")
      tally.sent(700)
      deepStrictEqual(
        seen.map(({ acknowledged, chunks, elapsed, eta, event, rate, sent }) => [
          event,
          sent,
          acknowledged,
          chunks,
          Duration.toSeconds(elapsed),
          rate,
          Option.getOrUndefined(Option.map(eta, Duration.toSeconds))
        ]),
        [["Resumed", 600, 600, 0, 1, 0, undefined], ["Sent", 700, 600, 0, 2, 100, 3]]
      )
      tally.acknowledged("Acknowledged", "http://a/1", Option.some(1000), 650)
      deepStrictEqual([tally.progress().sent, tally.progress().acknowledged, tally.progress().chunks], [650, 650, 1])
    }))

  it.effect("take back bytes that were sent in vain, but never acknowledged ones", () =>
    Effect.gen(function*() {
      const tally = yield* ProgressCounter.make(Option.some(1000), () => {})
      tally.acknowledged("Created", "http://a/1", Option.some(1000), 0)
      tally.acknowledged("Acknowledged", "http://a/1", Option.some(1000), 400)
      tally.sent(900)
      tally.failed({ _tag: "InvalidOption" } as never, Duration.seconds(2))
      const failed = tally.progress()
      deepStrictEqual([failed.event, failed.sent, failed.acknowledged, failed.retries], ["Retrying", 400, 400, 1])
      assert.isTrue(Option.isSome(failed.problem))
      deepStrictEqual(failed.retryIn, Option.some(Duration.seconds(2)))
      tally.lost()
      const lost = tally.progress()
      deepStrictEqual([lost.event, lost.sent, lost.acknowledged, lost.url], ["Recreated", 0, 400, Option.none()])
      deepStrictEqual(lost.retryIn, Option.none())
      tally.acknowledged("Created", "http://a/2", Option.some(1000), 0)
      tally.acknowledged("Acknowledged", "http://a/2", Option.some(1000), 300)
      deepStrictEqual([tally.progress().acknowledged, tally.progress().chunks], [400, 2])
      assert.isTrue(Option.isNone(tally.progress().problem))
    }))
})
