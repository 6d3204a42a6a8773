/**
 * Bodies from any source, and the ways in which they end.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/body/UploadBody.js"

/** A source that never sends, is slow to close, and counts its waiting readers. */
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
    it.effect(`is never pulled by its reader and by the discarding of its rest at the same time, when ${title}`, () =>
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

const arrived = ["a", "b", "c"].map((text) => new TextEncoder().encode(text))

const fromReader = () => {
  const reader = new Blob(arrived).stream().getReader()
  return Effect.promise(() => reader.read()).pipe(
    Effect.flatMap(({ done, value }) => (done ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(value))))
  )
}

/** All bytes of the body, and how it ends. */
const drain = Effect.fnUntraced(function*({ pull }: UploadBody.UploadBody) {
  const bytes: Array<Uint8Array> = []
  const ending = yield* Effect.flip(Effect.forever(Effect.map(pull, (batch) => bytes.push(...batch))))
  return [Buffer.concat(bytes).toString(), Option.getOrElse(ending, () => "whole")] as const
})

/** The result of a body that is stopped before its first pull. */
const stopped = (source: Parameters<typeof UploadBody.fromPull>[0]) =>
  Effect.suspend(() => {
    const body = UploadBody.fromPull(source, {})
    body.stop("TakenOver")
    return drain(body)
  })

describe("a body that is stopped", () => {
  it.live("is complete if all of it has arrived in a stream of the platform", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* stopped(fromReader())).join(), "abc,whole")
    }))

  it.live("is complete if all of it has arrived in a stream of Effect", () =>
    Effect.scoped(Effect.gen(function*() {
      const source = yield* Stream.toPull(Stream.rechunk(Stream.fromIterable(arrived), 1))
      assert.strictEqual((yield* stopped(source)).join(), "abc,whole")
    })))

  it.live("ends after the bytes that have arrived", () =>
    Effect.scoped(Effect.gen(function*() {
      const source = yield* Stream.toPull(Stream.concat(Stream.fromIterable(arrived), Stream.never))
      assert.strictEqual((yield* stopped(source)).join(), "abc,TakenOver")
    })))
})
