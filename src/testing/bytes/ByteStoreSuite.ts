/**
 * The contract of every `ByteStore`. Run it over a layer of your own; each test builds the layer anew.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Pulls from "../../bytes/Pull.js"
import type * as Upload from "../../protocol/Upload.js"
import * as ByteStores from "../../store/ByteStore.js"
import * as StoreErrors from "../../store/UploadStoreError.js"
import { idOf, numbered, patience } from "../Fixtures.js"
import * as OrphanSuite from "../orphans/OrphanSuite.js"
import { makeReadable, underOneFence } from "../Writer.js"
import * as LaterWrites from "./LaterWrites.js"

type ByteStore = ByteStores.ByteStore
const { appendStream, ByteStore } = ByteStores
const { Superseded } = StoreErrors

const a = idOf("a")
const b = idOf("b")
const c = idOf("c")

const ignored = () => Effect.void

/** A store with helpers for the tests, which write under one fence. */
const harness = Effect.map(ByteStore, (store) => ({
  ...underOneFence(store),
  ids: Stream.map(store.list, ({ id }) => id),
  /** Appends in one batch. */
  put: (id: Upload.UploadId, at: number, bytes: Uint8Array) =>
    underOneFence(store).append(id, at, Stream.make(bytes), ignored),
  makeReadable: makeReadable(store),
  /** All bytes of an upload, which a store may have to seal first. Fails the test if their number is not the size. */
  contents: Effect.fnUntraced(function*(id: Upload.UploadId) {
    const size = Option.getOrThrow(yield* store.size(id))
    yield* makeReadable(store)(id)
    const bytes = yield* collect(store.read(id, { start: 0, end: size }))
    assert.strictEqual(bytes.length, size)
    return bytes
  })
}))

const collect = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Uint8Array.from(Buffer.concat(Chunk.toReadonlyArray(chunks))))

/** The effect must fail with `Corrupt`. */
const failsCorrupt = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const error: unknown = yield* Effect.flip(effect)
  assert.propertyVal(error, "_tag", "UploadStoreError")
  assert.propertyVal(error, "reason", "Corrupt")
})

/**
 * Declares the tests in the file that calls it; `name` precedes the titles of their groups. If the layer cannot be
 * built, every test fails.
 *
 * @example
 * ```ts
 * import { ByteStore } from "effect-tus"
 * import { ByteStoreSuite } from "effect-tus/testing"
 *
 * ByteStoreSuite.suite("my byte store", ByteStore.layerMemory) // your layer
 * ```
 */
export const suite = (name: string, layer: Layer.Layer<ByteStore, unknown>): void => {
  const test = <E>(title: string, body: Effect.Effect<void, E, ByteStore>) =>
    it.effect(title, () => Effect.provide(body, layer))

  describe(`${name}: append`, patience, () => {
    test(
      "creates an upload at 0",
      Effect.gen(function*() {
        const store = yield* harness
        assert.strictEqual(yield* store.put(a, 0, numbered(10)), 10)
        deepStrictEqual(yield* store.contents(a), numbered(10))
      })
    )

    test(
      "continues at the end",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        assert.strictEqual(yield* store.put(a, 10, numbered(5, 10)), 15)
        deepStrictEqual(yield* store.contents(a), numbered(15))
      })
    )

    test(
      "copies the bytes that it is lent, because the memory of a chunk is reused",
      Effect.gen(function*() {
        const store = yield* harness
        const memory = new Uint8Array(10)
        const chunks = Stream.repeatEffectOption(Effect.suspend(() => {
          memory.fill((memory[0] ?? 0) + 1)
          return memory[0] === 4 ? Effect.fail(Option.none()) : Effect.succeed(memory)
        }))
        assert.strictEqual(yield* store.append(a, 0, chunks, ignored), 30)
        deepStrictEqual(
          yield* store.contents(a),
          Uint8Array.from({ length: 30 }, (_, i) => 1 + Math.floor(i / 10))
        )
      })
    )

    test(
      "cuts off what lies behind before it writes a body that is there whole",
      Effect.gen(function*() {
        const { contents, put } = yield* harness
        const store = yield* ByteStore
        yield* put(a, 0, numbered(10))
        for (const at of [4, 3, 0]) {
          const end = yield* store.append(a, { at, fence: 1 }, Pulls.whole(Chunk.of(numbered(2, at))), ignored)
          assert.strictEqual(end, at + 2)
          deepStrictEqual(yield* contents(a), numbered(at + 2))
        }
      })
    )

    test(
      "in the middle truncates the rest",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(100, 77))
        yield* store.put(a, 0, numbered(10))
        deepStrictEqual(yield* store.contents(a), numbered(10))
        yield* store.put(a, 4, numbered(2, 4))
        deepStrictEqual(yield* store.contents(a), numbered(6))
      })
    )

    test(
      "of nothing truncates the rest, too",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        assert.strictEqual(yield* store.append(a, 4, Stream.empty, ignored), 4)
        deepStrictEqual(yield* store.contents(a), numbered(4))
        assert.strictEqual(yield* store.append(a, 0, Stream.empty, ignored), 0)
        deepStrictEqual(yield* store.contents(a), numbered(0))
      })
    )

    test(
      "of nothing creates an upload without bytes",
      Effect.gen(function*() {
        const store = yield* harness
        assert.strictEqual(yield* store.append(a, 0, Stream.empty, ignored), 0)
        deepStrictEqual(yield* store.size(a), Option.some(0))
        deepStrictEqual(yield* Stream.runCollect(store.ids), Chunk.of(a))
      })
    )

    test(
      "truncates before the first byte arrives",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        const before = Stream.fromEffect(
          Effect.map(store.size(a), (size) => {
            deepStrictEqual(size, Option.some(4))
            return numbered(1, 4)
          })
        )
        yield* store.append(a, 4, before, ignored)
        deepStrictEqual(yield* store.contents(a), numbered(5))
      })
    )

    test(
      "behind the end fails and changes nothing",
      Effect.gen(function*() {
        const store = yield* harness
        const pulled = yield* Ref.make(false)
        const bytes = Stream.fromEffect(Effect.as(Ref.set(pulled, true), numbered(1)))
        yield* store.put(a, 0, numbered(10))
        yield* failsCorrupt(store.append(a, 11, bytes, ignored))
        yield* failsCorrupt(store.append(b, 1, bytes, ignored))
        deepStrictEqual(yield* store.size(b), Option.none())
        deepStrictEqual(yield* Stream.runCollect(store.ids), Chunk.of(a))
        deepStrictEqual(yield* store.contents(a), numbered(10))
        assert.isFalse(yield* Ref.get(pulled))
      })
    )

    test(
      "accepts batches of any shape, with empty buffers",
      Effect.gen(function*() {
        const store = yield* harness
        const bytes = numbered(5 * 1024 * 1024 + 3)
        const pieces = [
          Chunk.empty<Uint8Array>(),
          Chunk.make(bytes.subarray(0, 0)),
          Chunk.fromIterable(Array.from({ length: 3000 }, (_, i) => bytes.subarray(i, i + 1))),
          Chunk.make(bytes.subarray(3000, 3001), bytes.subarray(3001, 3001), bytes.subarray(3001, 4096)),
          Chunk.make(bytes.subarray(4096))
        ]
        assert.strictEqual(yield* store.append(a, 0, Stream.fromChunks(...pieces), ignored), bytes.length)
        assert.isTrue(Buffer.from(bytes).equals(yield* store.contents(a)))
        yield* store.put(a, 0, bytes.subarray(0, 7))
        assert.strictEqual(yield* store.append(a, 7, Stream.make(bytes.subarray(0, 0)), ignored), 7)
        deepStrictEqual(yield* store.contents(a), numbered(7))
      })
    )

    test(
      "reports offsets that never decrease, and only bytes that can be read",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(5))
        const ends: Array<number> = []
        const batches = Array.from({ length: 20 }, (_, i) => Chunk.make(numbered(7, 5 + 7 * i)))
        const end = yield* store.append(a, 5, Stream.fromChunks(...batches), (end) =>
          Effect.gen(function*() {
            ends.push(end)
            if (store.reads !== "sealed") {
              deepStrictEqual(yield* collect(store.read(a, { start: 0, end })), numbered(end))
            }
          }))
        assert.strictEqual(end, 145)
        deepStrictEqual(yield* store.contents(a), numbered(145))
        assert.strictEqual(ends.at(-1), 145)
        deepStrictEqual(ends, ends.toSorted((x, y) => x - y))
      })
    )

    test(
      "keeps the reported bytes if the stream fails, and fails with its error",
      Effect.gen(function*() {
        const store = yield* harness
        const ends: Array<number> = []
        const bytes = Stream.concat(Stream.make(numbered(10)), Stream.fail("cut off"))
        const error = yield* Effect.flip(store.append(a, 0, bytes, (end) => Effect.sync(() => ends.push(end))))
        assert.strictEqual(error, "cut off")
        deepStrictEqual(ends, [10])
        deepStrictEqual(yield* store.contents(a), numbered(10))
        yield* store.put(a, 10, numbered(5, 10))
        deepStrictEqual(yield* store.contents(a), numbered(15))
      })
    )

    test(
      "continues after a release, which changes nothing",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.release(a)
        yield* store.put(a, 0, numbered(10))
        yield* store.release(a)
        deepStrictEqual(yield* store.contents(a), numbered(10))
        yield* store.put(a, 10, numbered(5, 10))
        deepStrictEqual(yield* store.contents(a), numbered(15))
      })
    )

    test(
      "fails with the failure of onWritten, and writes nothing after it",
      Effect.gen(function*() {
        const store = yield* harness
        const batches = Stream.fromChunks(...Array.from({ length: 3 }, (_, i) => Chunk.make(numbered(10, 10 * i))))
        const ends: Array<number> = []
        const error = yield* Effect.flip(store.append(a, 0, batches, (end) => {
          ends.push(end)
          return Effect.fail("superseded")
        }))
        assert.strictEqual(error, "superseded")
        assert.strictEqual(ends.length, 1)
        deepStrictEqual(yield* store.contents(a), numbered(ends[0] ?? 0))
      })
    )

    test(
      "that is interrupted while it waits keeps the reported bytes",
      Effect.gen(function*() {
        const store = yield* harness
        const isAsked = yield* Deferred.make<void>()
        const ends: Array<number> = []
        const never = Stream.fromEffect(Effect.zipRight(Deferred.succeed(isAsked, undefined), Effect.never))
        const fiber = yield* Effect.fork(
          store.append(
            a,
            0,
            Stream.concat(Stream.make(numbered(10)), never),
            (end) => Effect.sync(() => ends.push(end))
          )
        )
        yield* Deferred.await(isAsked)
        const exit = yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
        deepStrictEqual(ends, [10])
        deepStrictEqual(yield* store.contents(a), numbered(10))
        yield* store.put(a, 10, numbered(5, 10))
        deepStrictEqual(yield* store.contents(a), numbered(15))
      })
    )

    test(
      "that is interrupted while bytes flow has ended when the interruption returns",
      Effect.gen(function*() {
        const store = yield* harness
        const batch = Chunk.fromIterable(Array.from({ length: 16 }, () => numbered(64 * 1024)))
        const flood = Stream.repeatEffectChunk(Effect.as(Effect.yieldNow(), batch))
        yield* Effect.forEach([1, 2, 3, 4, 5], (count) =>
          Effect.gen(function*() {
            const running = yield* Deferred.make<void>()
            let reported = 0
            const fiber = yield* Effect.fork(
              store.append(a, 0, flood, (end) => {
                reported = end
                return end >= count * 1024 * 1024 ? Deferred.succeed(running, undefined) : Effect.void
              })
            )
            yield* Deferred.await(running)
            yield* Fiber.interrupt(fiber)
            const size = Option.getOrThrow(yield* store.size(a))
            assert.isAtLeast(size, reported)
            yield* store.sync(a)
            yield* Effect.yieldNow()
            deepStrictEqual(yield* store.size(a), Option.some(size))
          }))
      })
    )

    it.effect.prop(
      "and truncate have the result of a model, for any sequence",
      [
        FastCheck.array(
          FastCheck.record({
            truncate: FastCheck.boolean(),
            at: FastCheck.integer({ min: 0, max: 24 }).map((n) => n / 20),
            batches: FastCheck.array(FastCheck.array(FastCheck.uint8Array({ maxLength: 40 }), { maxLength: 4 }), {
              maxLength: 4
            })
          }),
          { maxLength: 12 }
        )
      ],
      ([steps]) =>
        Effect.gen(function*() {
          const store = yield* harness
          let model: Array<number> | undefined
          for (const { at: fraction, batches, truncate } of steps) {
            const size = model?.length ?? 0
            const at = Math.round(size * fraction)
            if (truncate) {
              yield* store.truncate(a, at)
              model = model?.slice(0, at)
            } else if (at > size) {
              yield* failsCorrupt(store.append(a, at, Stream.make(numbered(1)), ignored))
            } else {
              const bytes: Array<number> = batches.flat().flatMap((bytes) => [...bytes])
              const stream = Stream.fromChunks(...batches.map((batch) => Chunk.fromIterable(batch)))
              assert.strictEqual(yield* store.append(a, at, stream, ignored), at + bytes.length)
              model = [...(model ?? []).slice(0, at), ...bytes]
            }
            deepStrictEqual(yield* store.size(a), Option.map(Option.fromNullable(model), ({ length }) => length))
          }
          if (model !== undefined) {
            deepStrictEqual(yield* store.contents(a), Uint8Array.from(model))
          }
        }).pipe(Effect.provide(layer)),
      { fastCheck: { numRuns: 50 } }
    )
  })

  describe(`${name}: truncate`, patience, () => {
    test(
      "cuts off the bytes behind it",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        yield* store.truncate(a, 4)
        deepStrictEqual(yield* store.contents(a), numbered(4))
        yield* store.truncate(a, 0)
        deepStrictEqual(yield* store.contents(a), numbered(0))
      })
    )

    test(
      "at the end or behind it changes nothing",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        yield* store.truncate(a, 10)
        yield* store.truncate(a, 11)
        deepStrictEqual(yield* store.contents(a), numbered(10))
      })
    )

    test(
      "of an absent upload does nothing",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.truncate(a, 4)
        deepStrictEqual(yield* store.size(a), Option.none())
      })
    )
  })

  describe(`${name}: sync`, patience, () => {
    test(
      "does not change the bytes",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        yield* store.sync(a)
        yield* store.put(a, 10, numbered(5, 10))
        yield* store.sync(a)
        deepStrictEqual(yield* store.contents(a), numbered(15))
      })
    )

    test(
      "during an append does not disturb it",
      Effect.gen(function*() {
        const store = yield* harness
        const synced = Stream.make(0, 10, 20).pipe(
          Stream.mapEffect((start) => Effect.as(store.sync(a), numbered(10, start)))
        )
        assert.strictEqual(yield* store.append(a, 0, synced, ignored), 30)
        yield* store.put(a, 30, numbered(5, 30))
        deepStrictEqual(yield* store.contents(a), numbered(35))
      })
    )

    test(
      "of an absent upload does nothing",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.sync(a)
        deepStrictEqual(yield* store.size(a), Option.none())
      })
    )
  })

  describe(`${name}: concat`, patience, () => {
    const seeded = Effect.tap(
      harness,
      (store) => Effect.zip(store.put(a, 0, numbered(10)), store.put(b, 0, numbered(20, 100)))
    )

    const ab = Uint8Array.from([...numbered(10), ...numbered(20, 100)])

    test(
      "joins the parts in the given order and leaves them unchanged",
      Effect.gen(function*() {
        const store = yield* seeded
        yield* store.concat(c, [{ id: a, length: 10 }, { id: b, length: 20 }])
        deepStrictEqual(yield* store.contents(c), ab)
        yield* store.concat(c, [{ id: b, length: 20 }, { id: a, length: 10 }])
        deepStrictEqual(yield* store.contents(c), Uint8Array.from([...numbered(20, 100), ...numbered(10)]))
        deepStrictEqual(yield* store.contents(a), numbered(10))
        deepStrictEqual(yield* store.contents(b), numbered(20, 100))
      })
    )

    test(
      "uses no more of each part than its length",
      Effect.gen(function*() {
        const store = yield* seeded
        yield* store.concat(c, [{ id: a, length: 3 }, { id: b, length: 0 }, { id: b, length: 2 }, { id: a, length: 1 }])
        deepStrictEqual(yield* store.contents(c), Uint8Array.from([0, 1, 2, 100, 101, 0]))
        yield* store.concat(c, [{ id: b, length: 1 }])
        deepStrictEqual(yield* store.contents(c), Uint8Array.from([100]))
      })
    )

    test(
      "may use a part twice",
      Effect.gen(function*() {
        const store = yield* seeded
        yield* store.concat(c, [{ id: a, length: 10 }, { id: a, length: 10 }])
        deepStrictEqual(yield* store.contents(c), Uint8Array.from([...numbered(10), ...numbered(10)]))
      })
    )

    test(
      "of parts larger than any buffer is exact",
      Effect.gen(function*() {
        const store = yield* harness
        const size = 2 * 1024 * 1024 + 17
        yield* store.put(a, 0, numbered(size))
        yield* store.put(b, 0, numbered(size, 50))
        yield* store.concat(c, [{ id: a, length: size - 1 }, { id: b, length: size }, { id: a, length: size - 2 }])
        const expected = Buffer.concat([numbered(size - 1), numbered(size, 50), numbered(size - 2)])
        assert.isTrue(expected.equals(yield* store.contents(c)))
      })
    )

    test(
      "may be repeated",
      Effect.gen(function*() {
        const store = yield* seeded
        const concat = store.concat(c, [{ id: a, length: 10 }, { id: b, length: 20 }])
        yield* concat
        yield* concat
        deepStrictEqual(yield* store.contents(c), ab)
      })
    )

    test(
      "replaces existing bytes, even if there are more",
      Effect.gen(function*() {
        const store = yield* seeded
        yield* store.put(c, 0, numbered(1000, 7))
        yield* store.concat(c, [{ id: a, length: 10 }, { id: b, length: 20 }])
        deepStrictEqual(yield* store.contents(c), ab)
        yield* store.put(c, 30, numbered(1))
        deepStrictEqual(yield* store.contents(c), Uint8Array.from([...ab, 0]))
        deepStrictEqual(yield* store.contents(a), numbered(10))
      })
    )

    test(
      "of nothing creates an upload without bytes",
      Effect.gen(function*() {
        const store = yield* seeded
        yield* store.concat(c, [])
        deepStrictEqual(yield* store.contents(c), numbered(0))
        yield* store.put(c, 0, numbered(5))
        yield* store.concat(c, [{ id: a, length: 0 }])
        deepStrictEqual(yield* store.contents(c), numbered(0))
      })
    )

    test(
      "fails if a part is too short or missing, and changes nothing",
      Effect.gen(function*() {
        const store = yield* seeded
        const short = [{ id: a, length: 10 }, { id: b, length: 21 }]
        const missing = [{ id: a, length: 10 }, { id: idOf("missing"), length: 1 }]
        for (const parts of [short, short.toReversed(), missing, missing.toReversed()]) {
          yield* failsCorrupt(store.concat(c, parts))
          deepStrictEqual(yield* store.size(c), Option.none())
        }
        yield* store.put(c, 0, numbered(5))
        yield* failsCorrupt(store.concat(c, short))
        deepStrictEqual(yield* store.contents(c), numbered(5))
      })
    )
  })

  describe(`${name}: read`, patience, () => {
    test(
      "returns the requested range",
      Effect.gen(function*() {
        const store = yield* harness
        const size = 600 * 1024
        const bytes = numbered(size)
        yield* store.put(a, 0, bytes)
        yield* store.makeReadable(a)
        for (const [start, end] of [[0, size], [1, size], [0, 1], [size - 1, size], [1000, 400_000]] as const) {
          const range = yield* collect(store.read(a, { start, end }))
          assert.isTrue(Buffer.from(bytes.subarray(start, end)).equals(range), `${start} to ${end}`)
        }
      })
    )

    test(
      "of an empty range returns nothing",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        yield* store.makeReadable(a)
        for (const at of [0, 5, 10]) {
          assert.strictEqual((yield* collect(store.read(a, { start: at, end: at }))).length, 0)
        }
        assert.strictEqual((yield* collect(store.read(b, { start: 0, end: 0 }))).length, 0)
      })
    )

    test(
      "may end early",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(2 * 1024 * 1024))
        yield* store.makeReadable(a)
        const first = yield* Stream.runHead(store.read(a, { start: 0, end: 2 * 1024 * 1024 }))
        assert.isAbove(Option.getOrThrow(first).length, 0)
      })
    )

    test(
      "fails if fewer bytes are stored",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        yield* store.makeReadable(a)
        yield* failsCorrupt(collect(store.read(a, { start: 0, end: 11 })))
        yield* failsCorrupt(collect(store.read(a, { start: 11, end: 11 })))
        yield* failsCorrupt(collect(store.read(b, { start: 0, end: 1 })))
      })
    )
  })

  describe(`${name}: remove`, patience, () => {
    test(
      "removes all bytes of this upload, and no others",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        yield* store.put(b, 0, numbered(20))
        yield* store.remove(a)
        deepStrictEqual(yield* store.size(a), Option.none())
        deepStrictEqual(yield* store.contents(b), numbered(20))
        yield* failsCorrupt(store.put(a, 10, numbered(1)))
        yield* store.put(a, 0, numbered(1))
        deepStrictEqual(yield* store.contents(a), numbered(1))
      })
    )

    test(
      "of an absent upload does nothing",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.remove(a)
        yield* store.put(a, 0, numbered(1))
        yield* store.remove(a)
        yield* store.remove(a)
        deepStrictEqual(yield* Stream.runCollect(store.ids), Chunk.empty())
      })
    )
  })

  describe(`${name}: size, list, free, locate`, patience, () => {
    test(
      "the size of an absent upload is Option.none",
      Effect.gen(function*() {
        const store = yield* harness
        deepStrictEqual(yield* store.size(a), Option.none())
        yield* store.put(a, 0, numbered(10))
        deepStrictEqual(yield* store.size(a), Option.some(10))
        deepStrictEqual(yield* store.size(b), Option.none())
      })
    )

    test(
      "the list has every upload once",
      Effect.gen(function*() {
        const store = yield* harness
        deepStrictEqual(yield* Stream.runCollect(store.ids), Chunk.empty())
        const ids = Array.from({ length: 50 }, (_, i) => idOf(`upload-${i}`))
        yield* Effect.forEach(ids, (id) => store.put(id, 0, numbered(1)), { concurrency: 8 })
        const first = Array.from(yield* Stream.runCollect(store.ids))
        deepStrictEqual(first.toSorted(), ids.toSorted())
        yield* store.concat(c, ids.map((id) => ({ id, length: 1 })))
        // The parts are sealed now.
        const second = Array.from(yield* Stream.runCollect(store.ids))
        deepStrictEqual(
          second.toSorted(),
          store.reads === "sealed" && second.length === 1 ? [c] : [...ids, c].toSorted()
        )
      })
    )

    test(
      "the list has the stored bytes of each upload, and the date of the last write",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        const [stored] = yield* Stream.runCollect(store.list)
        const first = Option.getOrThrow(yield* Option.getOrThrow(Option.fromNullable(stored)).look)
        assert.strictEqual(first.size, 10)
        yield* TestClock.adjust("1 hour")
        yield* store.put(a, 10, numbered(1, 10))
        const second = Option.getOrThrow(yield* Option.getOrThrow(Option.fromNullable(stored)).look)
        assert.strictEqual(second.size, 11)
        assert.isTrue(DateTime.greaterThanOrEqualTo(second.writtenAt, first.writtenAt))
        yield* store.remove(a)
        deepStrictEqual(yield* Option.getOrThrow(Option.fromNullable(stored)).look, Option.none())
      })
    )

    test(
      "no two ids share their bytes",
      Effect.gen(function*() {
        const store = yield* harness
        const tail = "x".repeat(22)
        const ids = ["", "-", "_", "--", "a", "a-", "xx"].flatMap((s) => [`${s}${tail}`, `${tail}${s}`])
          .filter((id, i, all) => all.indexOf(id) === i)
          .map((id) => idOf(id))
          .concat(idOf("y".repeat(128)), idOf("y".repeat(127)))
        yield* Effect.forEach(ids, (id, i) => store.put(id, 0, numbered(4, i)))
        yield* Effect.forEach(ids, (id, i) => store.put(id, 4, numbered(4, i + 4)))
        yield* Effect.forEach(
          ids,
          (id, i) => Effect.map(store.contents(id), (bytes) => deepStrictEqual(bytes, numbered(8, i)))
        )
      })
    )

    test(
      "many uploads can be written at the same time",
      Effect.gen(function*() {
        const store = yield* harness
        const ids = Array.from({ length: 20 }, (_, i) => idOf(`upload-${i}`))
        yield* Effect.forEach(
          ids,
          (id, i) => store.append(id, 0, Stream.rechunk(Stream.make(numbered(9, i), numbered(9, i + 9)), 1), ignored),
          {
            concurrency: "unbounded"
          }
        )
        yield* Effect.forEach(
          ids,
          (id, i) => Effect.map(store.contents(id), (bytes) => deepStrictEqual(bytes, numbered(18, i)))
        )
      })
    )

    test(
      "the free space, if it is known, is a number of bytes",
      Effect.gen(function*() {
        const free = yield* Effect.flatMap(harness, (store) => store.free ?? Effect.succeed(0))
        assert.isTrue(Number.isFinite(free) && free >= 0)
      })
    )

    test(
      "a location, if there is one, belongs to one upload",
      Effect.gen(function*() {
        const store = yield* harness
        const places = [a, b].flatMap((id) => Option.toArray(store.locate?.(id) ?? Option.none()))
        assert.include([0, 2], places.length)
        assert.strictEqual(new Set(places).size, places.length)
      })
    )
  })
  describe(`${name}: fences`, patience, () => {
    test(
      "a store of several processes refuses every write under a lower fence, and changes nothing",
      Effect.gen(function*() {
        const { contents, put } = yield* harness
        const store = yield* ByteStore
        if (store.isShared !== true) {
          return
        }
        yield* put(b, 0, numbered(4))
        yield* appendStream(store)(a, { at: 0, fence: 5 }, Stream.make(numbered(10)), ignored)
        const late = [
          appendStream(store)(a, { at: 0, fence: 4 }, Stream.make(numbered(3, 50)), ignored),
          appendStream(store)(a, { at: 10, fence: 4 }, Stream.empty, ignored),
          store.truncate(a, { at: 0, fence: 4 }),
          store.concat(a, [{ id: b, length: 4 }], 4),
          store.remove(a, 4),
          store.seal?.(a, { length: 10, fence: 4 }) ?? new Superseded({ id: a })
        ]
        for (const write of late) {
          assert.instanceOf(yield* Effect.flip(Effect.asVoid(write)), Superseded)
        }
        if (store.reads !== "sealed") {
          deepStrictEqual(yield* contents(a), numbered(10))
        }
        assert.strictEqual(yield* appendStream(store)(a, { at: 10, fence: 5 }, Stream.make(numbered(2)), ignored), 12)
      })
    )

    test(
      "a store of several processes refuses a write that began before another one came with a higher fence",
      Effect.gen(function*() {
        const store = yield* ByteStore
        if (store.isShared !== true) {
          return
        }
        const begun = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const slow = Stream.concat(
          Stream.make(numbered(3)),
          Stream.fromEffect(
            Effect.as(Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(goOn)), numbered(3, 50))
          )
        )
        const writer = yield* Effect.fork(Effect.flip(appendStream(store)(a, { at: 0, fence: 1 }, slow, ignored)))
        yield* Deferred.await(begun)
        yield* appendStream(store)(a, { at: 0, fence: 2 }, Stream.make(numbered(5, 7)), ignored)
        yield* Deferred.succeed(goOn, undefined)
        assert.instanceOf(yield* writer, Superseded)
        deepStrictEqual(yield* store.size(a), Option.some(5))
      })
    )
  })

  describe(`${name}: seal`, patience, () => {
    test(
      "makes all bytes readable, and may be repeated",
      Effect.gen(function*() {
        const store = yield* harness
        yield* store.put(a, 0, numbered(10))
        for (const _ of [1, 2]) {
          yield* store.seal?.(a, { length: 10, fence: 1 }) ?? Effect.void
          deepStrictEqual(yield* store.contents(a), numbered(10))
        }
      })
    )
  })

  LaterWrites.declare(name, layer)
  OrphanSuite.declare(name, test)
}
