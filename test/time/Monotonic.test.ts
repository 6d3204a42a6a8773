/**
 * Everything that measures durations, while the wall clock is set back and ahead.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadRegistry, UsageLedger } from "effect-tus"
import { TusUpload, UploadOptions, UploadSource } from "effect-tus/client"
import { AccessLog, TusMetrics, UploadEvents, UploadLimits } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import type * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as StallTimeout from "../../src/client/transport/StallTimeout.js"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import * as Monotonic from "../../src/time/Monotonic.js"
import { answer, passing, world } from "../client/world.js"
import { withWallClock } from "../clock.js"
import { endpoint } from "../loopback.js"
import { server } from "../server/doors.js"
import { create, head, patch } from "../support/memory.js"

const hour = 3_600_000
const bytes = new Uint8Array(10)

/** One byte every 400 milliseconds. */
const trickle = () => UploadBody.fromPull(Effect.as(Effect.sleep("400 millis"), Chunk.of(new Uint8Array(1))), {})

/** So many bytes a second, and nothing else is limited. */
const limited = UploadLimits.layer({ bytesPerSecond: 1000 }).pipe(
  Layer.provide(ByteStore.layerMemory),
  Layer.provide(Layer.provide(UsageLedger.layer, UploadRegistry.layerMemory))
)

/** Lets everybody act who does not wait for time. */
const settled = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

it.live("durations do not depend on the wall clock", () =>
  Effect.gen(function*() {
    const { now } = Date
    const before = yield* Monotonic.millis
    Date.now = () => now() - 5 * hour
    const after = yield* Effect.ensuring(Monotonic.millis, Effect.sync(() => Date.now = now))
    assert.isAtLeast(after, before)
    assert.isBelow(after - before, hour)
  }))

for (const [name, by] of [["back", -hour], ["ahead", hour]] as const) {
  describe(`a wall clock that is set ${name} by an hour`, () => {
    it.effect("does not change how long a body waits for the bandwidth", () =>
      withWallClock((set) =>
        Effect.gen(function*() {
          const paths = yield* Effect.all([1, 2].map(() => create({ "upload-length": "1000" })))
          yield* Effect.fork(patch(paths[0] ?? "", 0, "x".repeat(1000)))
          yield* settled
          yield* set(by)
          const second = yield* Effect.fork(patch(paths[1] ?? "", 0, "x".repeat(1000)))
          yield* settled
          yield* TestClock.adjust("1900 millis")
          assert.isTrue(Option.isNone(yield* Fiber.poll(second)))
          yield* TestClock.adjust("100 millis")
          assert.strictEqual((yield* Fiber.join(second)).status, 204)
        }).pipe(Effect.provide(Layer.provideMerge(server(), limited)))
      ))

    it.effect("does not change that a body is committed every second", () =>
      withWallClock((set) =>
        Effect.gen(function*() {
          const path = yield* create({ "upload-length": "100" })
          const body = trickle()
          const running = yield* Effect.fork(patch(path, 0, body))
          yield* settled
          yield* set(by)
          yield* TestClock.adjust("4 seconds")
          const offset = Number((yield* head(path)).headers["upload-offset"])
          assert.isAtLeast(offset, 8)
          body.stop("Disconnected")
          yield* Fiber.await(running)
        }).pipe(Effect.provide(server()))
      ))

    it.effect("does not change how often progress is reported", () =>
      withWallClock((set) =>
        Effect.gen(function*() {
          const events = yield* UploadEvents.UploadFeed
          const heard = yield* Effect.fork(Stream.runCollect(Stream.take(events, 3)))
          yield* settled
          const path = yield* create({ "upload-length": "9" })
          yield* patch(path, 0, "x")
          yield* set(by)
          yield* patch(path, 1, "x")
          yield* TestClock.adjust("1 second")
          yield* patch(path, 2, "x")
          const offsets = Chunk.toReadonlyArray(yield* Fiber.join(heard)).map(({ upload }) => upload.offset)
          deepStrictEqual<ReadonlyArray<number>>(offsets, [0, 1, 3])
        }).pipe(Effect.provide(Layer.provideMerge(server(), UploadEvents.layerFeed())))
      ))

    it.effect("does not change the duration of a request in the log and in the metrics", () => {
      const seen: Array<unknown> = []
      const recorder = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ annotations }) =>
          void seen.push(...HashMap.toValues(HashMap.filter(annotations, (_, key) => key === "millis")))
        )
      )
      const seconds = Effect.map(
        Metric.value(Metric.tagged(TusMetrics.duration, "method", "PATCH")),
        ({ sum }: MetricState.MetricState.Histogram) => sum
      )
      return withWallClock((set) =>
        Effect.gen(function*() {
          const path = yield* create({ "upload-length": "100" })
          const body = trickle()
          const before = yield* seconds
          const running = yield* Effect.fork(patch(path, 0, body))
          yield* settled
          yield* set(by)
          yield* TestClock.adjust("2 seconds")
          body.stop("Disconnected")
          yield* Fiber.await(running)
          assert.strictEqual(seen.at(-1), 2000)
          assert.approximately((yield* seconds) - before, 2, 0.001)
        }).pipe(
          Effect.provide(Layer.provideMerge(server(), Layer.provideMerge(AccessLog.layer, TusMetrics.layer))),
          Effect.provide(recorder)
        )
      )
    })

    it.effect("does not change how long a client waits for Retry-After in seconds", () => {
      const { layer, requests } = world((request, _, nth) =>
        request.method === "PATCH" && nth === 1 ? answer(503, { "retry-after": "3" }) : undefined
      )
      return withWallClock((set) =>
        Effect.gen(function*() {
          const source = UploadSource.fromBytes(bytes)
          const uploading = yield* Effect.fork(
            TusUpload.run({ endpoint, source, createWithUpload: 0, retry: Schedule.recurs(1) })
          )
          while (!requests.some(({ method }) => method === "PATCH")) {
            yield* settled
          }
          const before = requests.length
          yield* set(by)
          yield* settled
          const other = yield* Effect.fork(TusUpload.run({ endpoint, source, createWithUpload: 0 }))
          yield* TestClock.adjust("2900 millis")
          yield* settled
          assert.strictEqual(requests.length, before)
          yield* TestClock.adjust("100 millis")
          yield* Fiber.joinAll([uploading, other])
        }).pipe(Effect.provide(layer))
      )
    })

    it.effect("does not change when a stalled request ends", () =>
      withWallClock((set) =>
        Effect.gen(function*() {
          const request = { method: "HEAD", url: endpoint, headers: {}, stallTimeout: 3000 } as const
          const stalling = yield* Effect.fork(Effect.flip(StallTimeout.watched(request, () => Effect.never)))
          yield* settled
          yield* set(by)
          yield* TestClock.adjust("2900 millis")
          assert.isTrue(Option.isNone(yield* Fiber.poll(stalling)))
          yield* TestClock.adjust("100 millis")
          assert.strictEqual((yield* Fiber.join(stalling)).reason, "Stalled")
        })
      ))

    it.effect("does not change when a schedule ends", () =>
      withWallClock((set) =>
        Effect.gen(function*() {
          let attempts = 0
          const begun = yield* Clock.currentTimeNanos
          yield* Effect.suspend(() => Effect.zipRight(++attempts === 3 ? set(by) : Effect.void, Effect.fail("no")))
            .pipe(
              Effect.retry(Schedule.intersect(Schedule.spaced("1 second"), UploadOptions.recurUpTo("10 seconds"))),
              Effect.flip,
              passing
            )
          deepStrictEqual([attempts, (yield* Clock.currentTimeNanos) - begun], [11, 10_000_000_000n])
        })
      ))
  })
}
