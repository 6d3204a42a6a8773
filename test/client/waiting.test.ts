/**
 * How long a client waits if a server asks it to. The reported pause is the real one, and the schedule bounds it.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadJournal, UploadOptions, UploadSource } from "effect-tus/client"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Budget from "../../src/client/upload/Budget.js"
import { pace } from "../../src/client/upload/Retry.js"
import { endpoint } from "../loopback.js"
import { answer, passing, type Script, storedAt, world } from "./world.js"

const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 31) % 251)
const source = UploadSource.fromRange({
  name: "file",
  length: bytes.length,
  modified: 0,
  read: (start, end) => Stream.make(bytes.slice(start, end))
})
const base = { endpoint, source, createWithUpload: 0 }

const seconds = Option.map(Duration.toSeconds)

const after = (schedule: Schedule.Schedule<unknown>, ...waits: ReadonlyArray<Duration.DurationInput>) => {
  const { next } = Budget.make<string, never>(schedule)
  return Effect.forEach(waits, (wait) => Effect.map(next("failed", Duration.decode(wait)), seconds))
}

describe("a budget", () => {
  it.effect("waits for the longer of schedule and Retry-After, and ends if that exceeds the schedule", () =>
    Effect.gen(function*() {
      const slow = Schedule.spaced("10 seconds")
      deepStrictEqual(yield* after(slow, 0, "3 seconds", "12 seconds"), [10, 10, 12].map(Option.some))
      deepStrictEqual(yield* after(Schedule.recurs(1), "1 hour", 0), [Option.some(3600), Option.none()])
      deepStrictEqual(yield* after(Schedule.recurs(2), "1 hour", 0, 0), [
        Option.some(3600),
        Option.some(0),
        Option.none()
      ])
      for (const short of [Schedule.recurUpTo("3 seconds"), UploadOptions.recurUpTo("3 seconds")]) {
        deepStrictEqual(yield* after(short, 0, "2 seconds", "3 seconds"), [
          Option.some(0),
          Option.some(2),
          Option.none()
        ])
        deepStrictEqual(yield* after(short, "1 hour"), [Option.none()])
        const few = Schedule.intersect(Schedule.recurs(2), short)
        deepStrictEqual(yield* after(few, 0, "1 hour"), [Option.some(0), Option.none()])
        deepStrictEqual(yield* after(Schedule.intersect(UploadOptions.defaultRetry, short), "1 hour"), [Option.none()])
      }
      // As `--retries 1 --retry-for 3s` does. That there is no second attempt does not hide that the first would be too
      // late.
      const once = Schedule.intersect(
        Schedule.intersect(pace, Schedule.recurs(1)),
        UploadOptions.recurUpTo("3 seconds")
      )
      deepStrictEqual(yield* after(once, "3 seconds"), [Option.none()])
      deepStrictEqual(yield* after(once, "2 seconds", 0), [Option.some(2), Option.none()])
    }))

  it.effect("ends an upload at once that would have to sleep beyond the schedule", () => {
    const { layer, methods } = world((request) =>
      request.method === "PATCH" ? answer(503, { "retry-after": "3600" }) : undefined
    )
    return Effect.gen(function*() {
      const start = yield* TestClock.currentTimeMillis
      const error = yield* passing(Effect.flip(TusUpload.run({ ...base, retry: Schedule.recurUpTo("3 seconds") })))
      assert.isBelow((yield* TestClock.currentTimeMillis) - start, 3000)
      assert.match(error.message, /was answered 503: scripted; the server asks to wait \(Retry-After: 3600\)$/)
      assert.strictEqual(methods(), "POST PATCH")
    }).pipe(Effect.provide(layer))
  })
})

describe("a wait", () => {
  for (const [asked, wait] of [["7", 7], ["120", 120], ["99999999", 3600], [undefined, undefined]] as const) {
    it.effect(`of ${asked} seconds is reported with its true length`, () => {
      const times: Array<number> = []
      const { layer } = world((request, _, nth) => {
        if (request.method === "PATCH" && nth === 1) {
          return answer(503, asked === undefined ? {} : { "retry-after": asked })
        }
        return request.method === "HEAD"
          ? Effect.flatMap(TestClock.currentTimeMillis, (now) => {
            times.push(now)
            return answer(404)
          })
          : undefined
      })
      return Effect.gen(function*() {
        let told = Option.none<number>()
        yield* passing(
          Stream.runForEach(TusUpload.upload(base), ({ event, retryIn }) =>
            event === "Retrying"
              ? Effect.map(TestClock.currentTimeMillis, (now) => {
                times.push(now)
                told = seconds(retryIn)
              })
              : Effect.void)
        )
        const [from = 0, to = 0] = times
        assert.approximately((to - from) / 1000, Option.getOrThrow(told), 0.002)
        assert.strictEqual(Option.getOrThrow(told), wait ?? Option.getOrThrow(told))
      }).pipe(Effect.provide(layer))
    })
  }
})

describe("a clock that is days off", () => {
  const expires = "2026-01-02T00:00:00Z"
  /** A server that sends an expiry, and its own date. */
  const told: Script = (request, exchange, nth) =>
    request.method === "PATCH" && nth === 2
      ? answer(500)
      : Effect.map(exchange(request), (response) => ({
        ...response,
        headers: {
          ...response.headers,
          date: "Thu, 01 Jan 2026 00:00:00 GMT",
          "upload-expires": DateTime.toDateUtc(DateTime.unsafeMake(expires)).toUTCString()
        }
      }))

  for (const days of [-400, -2, 0, 2, 400]) {
    it.effect(`by ${days} loses no upload: the journal converts the expiry to the clock of the client`, () => {
      const { layer, methods } = world(told)
      return Effect.gen(function*() {
        const now = DateTime.add(DateTime.unsafeMake("2026-01-01T00:00:00Z"), { days })
        yield* TestClock.setTime(DateTime.toEpochMillis(now))
        const options = { ...base, chunkSize: 40_000, retry: Schedule.recurs(0) }
        yield* Effect.flip(TusUpload.run(options))
        const [entry] = yield* Effect.flatMap(UploadJournal.UploadJournal, ({ list }) => list)
        deepStrictEqual(entry?.expires, Option.some(DateTime.add(now, { days: 1 })))
        const { url } = yield* TusUpload.run(options)
        assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(url)))
        assert.strictEqual(methods().split(" ").filter((method) => method === "POST").length, 1)
      }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
    })
  }
})

describe("a Location", () => {
  it.effect("that is longer than servers accept is refused", () => {
    const { layer } = world((request) =>
      request.method === "POST" ? answer(201, { location: `${endpoint}/${"a".repeat(5000)}` }) : undefined
    )
    return Effect.gen(function*() {
      const error = yield* Effect.flip(TusUpload.run(base))
      assert.strictEqual(error._tag === "Misbehaved" && error.reason, "NotTus")
    }).pipe(Effect.provide(layer))
  })
})
