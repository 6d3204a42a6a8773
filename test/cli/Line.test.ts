import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { Update } from "../../src/cli/terminal/FileUpload.js"
import * as Line from "../../src/cli/terminal/Line.js"
import * as Jobs from "./jobs.js"

/** The printed lines, with their times, for updates at these times. */
const said = (updates: ReadonlyArray<readonly [at: number, update: Update]>) => {
  let state = Line.none
  return updates.flatMap(([at, update]) => {
    const [next, line] = Line.next(state, update, at)
    state = next
    return Option.toArray(line).map((line) => [at, line] as const)
  })
}

const once = (update: Update) => said([[0, update]]).map(([, line]) => line)

const file = Jobs.job("a.bin", 1000)

/** `count` updates, one every `millis`, from 0 on. */
const every = (millis: number, count: number, update: (i: number) => Update) =>
  Array.from({ length: count }, (_, i) => [i * millis, update(i)] as const)

describe("a line of progress", () => {
  it("is printed at once for a start, a failure and an end", () => {
    deepStrictEqual(once(Jobs.started(file)), ["a.bin: starting, 1.0 KiB"])
    deepStrictEqual(once(Jobs.started(Jobs.job("-"))), ["-: starting"])
    deepStrictEqual(once(Jobs.progress(file, "Complete", 1000)), ["a.bin: done, 1.0 KiB in 2.0 s"])
    deepStrictEqual(once(Jobs.failed(file, Jobs.refused(413, { text: "too large" }))), [
      "a.bin: failed: PATCH http://example.com/files/1 was answered 413: too large"
    ])
    deepStrictEqual(once(Jobs.retrying(file, "1500 millis", Jobs.refused(503))), [
      "a.bin: retrying in 1.5 s: PATCH http://example.com/files/1 was answered 503"
    ])
    deepStrictEqual(once(Jobs.progress(file, "Recreated", 0)), [
      "a.bin: starting again: the file has changed since it was sent"
    ])
    const problem = Option.some(Jobs.refused(403))
    assert.match(
      once(Jobs.progress(file, "Recreated", 0, { problem })).join(),
      /^a\.bin: starting again: PATCH http:\/\/example\.com\/files\/1 was answered 403; send credentials/
    )
  })

  it("has the offset of a resumed upload", () => {
    deepStrictEqual(once(Jobs.progress(file, "Resumed", 500)), ["a.bin: resumed at 50 % (500 B of 1.0 KiB)"])
  })

  it("has the percentage, the speed and the time left, as far as they are known", () => {
    const line = (sent: number, job = file, more = {}) =>
      said([[0, Jobs.started(job)], [10_000, Jobs.progress(job, "Sent", sent, more)]]).at(-1)?.[1]
    assert.strictEqual(
      line(420, file, { rate: 60, eta: Option.some(Duration.seconds(64.5)) }),
      "a.bin: 42 % (420 B of 1.0 KiB), 60 B/s, 1 min 5 s left"
    )
    assert.strictEqual(line(420), "a.bin: 42 % (420 B of 1.0 KiB)")
    assert.strictEqual(line(420, Jobs.job("-"), { rate: 60 }), "-: 420 B, 60 B/s")
  })

  it("is printed at each tenth", () => {
    // One percent every 150 ms.
    deepStrictEqual(
      said([[0, Jobs.started(file)], ...every(150, 100, (i) => Jobs.progress(file, "Sent", i * 10))]).map(([at]) => at),
      [0, ...Array.from({ length: 9 }, (_, i) => (i + 1) * 1500)]
    )
  })

  it("is printed at most once a second", () => {
    // One percent every 20 ms.
    deepStrictEqual(
      said([[0, Jobs.started(file)], ...every(20, 100, (i) => Jobs.progress(file, "Sent", i * 10))]).map(([at]) => at),
      [0, 1000]
    )
  })

  it("is printed every ten seconds, also for small progress and for an unknown size", () => {
    for (const job of [file, Jobs.job("-")]) {
      deepStrictEqual(
        said([[0, Jobs.started(job)], ...every(500, 61, (i) => Jobs.progress(job, "Acknowledged", i))]).map(([at]) =>
          at
        ),
        [0, 10_000, 20_000, 30_000]
      )
    }
  })

  it("is printed for each file separately", () => {
    const other = Jobs.job("b.bin", 1000)
    deepStrictEqual(
      said([
        [0, Jobs.started(file)],
        [9000, Jobs.started(other)],
        [10_000, Jobs.progress(other, "Sent", 1)],
        [10_000, Jobs.progress(file, "Sent", 2)]
      ]).map(([at, line]) => [at, line.slice(0, 8)]),
      [[0, "a.bin: s"], [9000, "b.bin: s"], [10_000, "a.bin: 0"]]
    )
  })

  it("is not printed twice for a failed attempt", () => {
    deepStrictEqual(once(Jobs.progress(file, "Retrying", 0)), [])
  })

  it.prop(
    "comes at least one second and at most ten seconds after the last one while bytes move",
    [FastCheck.array(FastCheck.tuple(FastCheck.integer({ min: 0, max: 3000 }), FastCheck.nat({ max: 1000 })))],
    ([steps]) => {
      let now = 0
      const updates = steps.map(([millis, sent]) => {
        now += millis
        return [now, Jobs.progress(file, "Sent", sent)] as const
      })
      const times = [0, ...said([[0, Jobs.started(file)], ...updates]).slice(1).map(([at]) => at), now]
      for (const [i, at] of times.slice(1, -1).entries()) {
        assert.isAtLeast(at - (times[i] ?? 0), 1000)
      }
      for (const [i, at] of times.slice(1).entries()) {
        assert.isBelow(at - (times[i] ?? 0), 13_000)
      }
    }
  )
})
