import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Prometheus, TusMetrics, TusObserver, TusSweeper, UploadEvents } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import { create, patch, request } from "../support/memory.js"
import { server } from "./doors.js"

const told: Array<string> = []

const watched = Layer.provideMerge(server(), TusMetrics.layer).pipe(
  Layer.provide(Layer.succeed(UploadEvents.UploadEvents, {
    publish: ({ _tag }) => Effect.sync(() => void told.push(_tag))
  }))
)

/** The increase of the samples whose names begin with this text. */
const growth = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* samples
    yield* self
    const after = yield* samples
    return Object.fromEntries(
      Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
        .filter(([, value]) => value !== 0)
    )
  })

const samples = Effect.map(Prometheus.text, (text) =>
  Object.fromEntries(
    text.split("\n").filter((line) => line.startsWith("tus_")).map((line) => {
      const [, name = "", value] = /^(.*) (\S+)$/.exec(line) ?? []
      return [name, Number(value)] as const
    })
  ))

describe("metrics", () => {
  it.effect("count requests, bytes, refusals and events, and pass events on", () =>
    Effect.gen(function*() {
      const grown = yield* growth(Effect.gen(function*() {
        const path = yield* create({ "upload-length": "3" })
        yield* patch(path, 7, "")
        yield* patch(path, 0, "ab")
        yield* patch(path, 2, "c")
        yield* request("BREW", path)
        yield* request("DELETE", path)
      }))
      assert.deepInclude(grown, {
        [`tus_requests_total{method="POST",status="201"}`]: 1,
        [`tus_requests_total{method="PATCH",status="409"}`]: 1,
        [`tus_requests_total{method="PATCH",status="204"}`]: 2,
        [`tus_requests_total{method="other",status="405"}`]: 1,
        [`tus_requests_total{method="DELETE",status="204"}`]: 1,
        [`tus_refusals_total{reason="OffsetMismatch"}`]: 1,
        [`tus_refusals_total{reason="MethodNotAllowed"}`]: 1,
        tus_received_bytes_total: 3,
        [`tus_uploads_total{event="Created"}`]: 1,
        [`tus_uploads_total{event="Completed"}`]: 1,
        [`tus_uploads_total{event="Terminated"}`]: 1,
        [`tus_request_duration_seconds_count{method="PATCH"}`]: 3
      })
      assert.notProperty(grown, `tus_active_requests{method="PATCH"}`)
      deepStrictEqual(told.splice(0), ["Created", "Progress", "Completed", "Terminated"])
    }).pipe(Effect.provide(watched)))

  it.effect("count running requests, their durations, and takeovers", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "6" })
      const grown = yield* growth(Effect.gen(function*() {
        const running = yield* Effect.fork(patch(path, 0, UploadBody.fromPull(Effect.never, {})))
        yield* Effect.yieldNow()
        assert.strictEqual((yield* samples)[`tus_active_requests{method="PATCH"}`], 1)
        yield* TestClock.adjust("2 seconds")
        const another = yield* Effect.fork(patch(path, 0, "abc"))
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(another)).status, 204)
        assert.strictEqual((yield* Fiber.join(running)).status, 423)
      }))
      assert.deepInclude(grown, {
        [`tus_request_duration_seconds_sum{method="PATCH"}`]: 2,
        [`tus_request_duration_seconds_bucket{method="PATCH",le="0.001"}`]: 1,
        [`tus_request_duration_seconds_bucket{method="PATCH",le="5"}`]: 2,
        [`tus_refusals_total{reason="TakenOver"}`]: 1,
        [`tus_requests_total{method="PATCH",status="423"}`]: 1
      })
      assert.notProperty(grown, `tus_active_requests{method="PATCH"}`)
    }).pipe(Effect.provide(watched)))

  it.effect("count sweeps", () =>
    Effect.gen(function*() {
      const { sweep, sweepOrphans } = yield* TusSweeper.make
      assert.deepInclude(yield* growth(Effect.all([sweep(), sweep(), sweepOrphans()])), {
        [`tus_sweep_duration_seconds_count{sweep="Expired"}`]: 2,
        [`tus_sweep_duration_seconds_count{sweep="Orphans"}`]: 1
      })
    }).pipe(Effect.provide(watched)))
})

const answer = () => Effect.succeed({ status: 204, outcome: "Ok", headers: {}, body: undefined })

describe("observers", () => {
  it("cost nothing if there are none: the response is the same object", () => {
    assert.strictEqual(TusObserver.watched([], answer), answer)
  })
})

describe("Prometheus", () => {
  it.effect("exports every kind of metric", () =>
    Effect.gen(function*() {
      const name = "test_kinds"
      yield* Metric.increment(
        Metric.tagged(Metric.counter(`${name}_count`, { description: "a \\ b\nc" }), "l-1", `"\n`)
      )
      yield* Metric.set(Metric.gauge(`${name}.gauge`), 1.5)
      yield* Metric.update(Metric.frequency(`${name}_frequency`), "x")
      yield* Metric.update(
        Metric.summary({ name: `${name}_summary`, maxAge: "1 day", maxSize: 10, error: 0, quantiles: [0.5] }),
        3
      )
      const lines = (yield* Prometheus.text).split("\n").filter((line) => line.includes(name))
      deepStrictEqual(
        lines.toSorted(),
        [
          "# HELP test_kinds_count a \\\\ b\\nc",
          "# TYPE test_kinds_count counter",
          "# TYPE test_kinds_frequency counter",
          "# TYPE test_kinds_gauge gauge",
          "# TYPE test_kinds_summary summary",
          `test_kinds_count{l_1="\\"\\n"} 1`,
          `test_kinds_frequency{value="x"} 1`,
          "test_kinds_gauge 1.5",
          "test_kinds_summary_count 1",
          "test_kinds_summary_sum 3",
          `test_kinds_summary{quantile="0.5"} 3`
        ].toSorted()
      )
    }))
})
