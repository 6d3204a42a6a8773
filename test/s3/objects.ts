/**
 * What every engine must do for the byte store on S3. Engines differ in what is not tested here.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type ByteRange, type Multipart, type S3Error, S3Objects } from "../../src/s3/S3Objects.js"
import { generator } from "../random.js"

const MiB = 1024 * 1024

/** The smallest part, unless it is the last one. */
const least = 5 * MiB

/** Bytes that differ from those of another seed, and from place to place. */
const bytesOf = (size: number, seed: number): Uint8Array => {
  const random = generator(seed)
  const pattern = Uint8Array.from({ length: 1021 }, () => random() * 256)
  return Uint8Array.from({ length: size }, (_, i) => pattern[i % 1021] ?? 0)
}

const utf8 = (text: string) => new TextEncoder().encode(text)

const read = (s3: S3Objects["Type"], key: string, range: ByteRange) =>
  Effect.map(Stream.runCollect(s3.get(key, range)), (chunks) => Buffer.concat(Chunk.toReadonlyArray(chunks)))

/** All bytes of an object, by the size that HEAD says. */
const contents = (s3: S3Objects["Type"], key: string) =>
  Effect.flatMap(s3.head(key), (found) => read(s3, key, { start: 0, end: Option.getOrThrow(found).size }))

/** Compares as one value: a difference of megabytes cannot be read. */
const same = (actual: Uint8Array, expected: Uint8Array) =>
  assert.isTrue(Buffer.from(actual).equals(expected), `${actual.length} bytes, expected ${expected.length} others`)

/** The effect must fail for one of these reasons. */
const failsWith = <A, R>(effect: Effect.Effect<A, S3Error, R>, ...reasons: ReadonlyArray<S3Error["reason"]>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.include(reasons, error.reason, error.message)
    return error
  })

const begin = (s3: S3Objects["Type"], key: string): Effect.Effect<Multipart, S3Error> =>
  Effect.map(s3.createMultipart(key), (multipartId) => ({ key, multipartId }))

/** The multipart uploads under a prefix, sorted. */
const underWay = (s3: S3Objects["Type"], prefix: string) =>
  Effect.map(
    Stream.runCollect(s3.multiparts(prefix)),
    (found) => Chunk.toReadonlyArray(found).map(({ key, multipartId }) => `${key} ${multipartId}`).toSorted()
  )

/** Names that break what is encoded once too often or too seldom. */
const keys = ["plain", "with space", "a+b", "50%", "ä/ö/ü", "q?x=1&y", "hash#tag", "quote'\"", "~(!*)", "e\u0301", "😀"]

/** Runs over an engine: each test builds the layer anew, which has an empty bucket. */
export const suite = (name: string, layer: Layer.Layer<S3Objects, unknown>): void => {
  const test = (title: string, run: (s3: S3Objects["Type"]) => Effect.Effect<void, unknown>) =>
    it.live(title, () => Effect.provide(Effect.flatMap(S3Objects, run), layer))

  describe(`${name}: objects`, () => {
    test("are read as they were put, with their metadata", (s3) =>
      Effect.gen(function*() {
        const bytes = bytesOf(3 * MiB + 17, 1)
        yield* s3.put("files/a", bytes, { contentType: "text/plain", metadata: { token: "t-1", owner: "anna" } })
        deepStrictEqual(
          yield* s3.head("files/a"),
          Option.some({ size: bytes.length, metadata: { token: "t-1", owner: "anna" } })
        )
        same(yield* contents(s3, "files/a"), bytes)
      }))

    test("may be empty", (s3) =>
      Effect.gen(function*() {
        yield* s3.put("empty", new Uint8Array(0))
        deepStrictEqual(yield* s3.head("empty"), Option.some({ size: 0, metadata: {} }))
        same(yield* contents(s3, "empty"), new Uint8Array(0))
      }))

    test("are replaced by another put, and read so at once", (s3) =>
      Effect.forEach(
        Array.from({ length: 20 }, (_, i) => bytesOf(100 + i, i)),
        (bytes) =>
          Effect.gen(function*() {
            yield* s3.put("again", bytes)
            same(yield* contents(s3, "again"), bytes)
          }),
        { discard: true }
      ))

    test("are not there before a put and after a removal", (s3) =>
      Effect.gen(function*() {
        deepStrictEqual(yield* s3.head("x"), Option.none())
        yield* failsWith(read(s3, "x", { start: 0, end: 1 }), "NoSuchKey")
        yield* s3.remove("x")
        yield* s3.put("x", utf8("x"))
        yield* s3.remove("x")
        deepStrictEqual(yield* s3.head("x"), Option.none())
        yield* s3.remove("x")
      }))

    test("are read by ranges", (s3) =>
      Effect.gen(function*() {
        const bytes = bytesOf(10_000, 3)
        yield* s3.put("x", bytes)
        const ranges = FastCheck.sample(FastCheck.tuple(FastCheck.nat(10_000), FastCheck.nat(10_000)), 30)
        yield* Effect.forEach(ranges, ([a, b]) => {
          const range = { start: Math.min(a, b), end: Math.max(a, b) }
          return Effect.map(read(s3, "x", range), (part) => same(part, bytes.subarray(range.start, range.end)))
        })
      }))

    test("are read whole, or the read fails", (s3) =>
      Effect.gen(function*() {
        yield* s3.put("x", bytesOf(100, 4))
        yield* failsWith(read(s3, "x", { start: 50, end: 101 }), "Refused")
        yield* failsWith(read(s3, "x", { start: 100, end: 101 }), "Refused")
        same(yield* read(s3, "x", { start: 100, end: 100 }), new Uint8Array(0))
      }))

    test("need not be read to their end", (s3) =>
      Effect.gen(function*() {
        const bytes = bytesOf(8 * MiB, 5)
        yield* s3.put("x", bytes)
        yield* Effect.forEach(Array.from({ length: 60 }), () =>
          Effect.map(
            Stream.runHead(s3.get("x", { start: 0, end: bytes.length })),
            (first) => same(Option.getOrThrow(first), bytes.subarray(0, Option.getOrThrow(first).length))
          ), { concurrency: 10 })
      }))

    test("have keys of any characters", (s3) =>
      Effect.gen(function*() {
        yield* Effect.forEach(keys, (key) => s3.put(`keys/${key}`, utf8(key)), { concurrency: 4 })
        yield* Effect.forEach(keys, (key) =>
          Effect.map(contents(s3, `keys/${key}`), (bytes) => assert.strictEqual(bytes.toString(), key)))
        const listed = yield* s3.list({ prefix: "keys/" })
        deepStrictEqual(
          listed.map(({ key }) =>
            key
          ).toSorted(),
          keys.map((key) => `keys/${key}`).toSorted()
        )
      }))
  })

  describe(`${name}: lists of objects`, () => {
    test("are in the order of keys, behind a key, and of a prefix", (s3) =>
      Effect.gen(function*() {
        yield* Effect.forEach(["b/2", "a/1", "b/1", "b", "b/10"], (key) => s3.put(key, utf8(key)))
        const listed = yield* s3.list({ prefix: "b/" })
        deepStrictEqual(listed.map(({ key, size }) => [key, size]), [["b/1", 3], ["b/10", 4], ["b/2", 3]])
        const now = DateTime.toEpochMillis(yield* DateTime.now)
        listed.forEach(({ modifiedAt }) => assert.isAtMost(DateTime.toEpochMillis(modifiedAt), now + 1000))
        deepStrictEqual((yield* s3.list({ prefix: "b/", after: "b/1" })).map(({ key }) => key), ["b/10", "b/2"])
        deepStrictEqual(yield* s3.list({ prefix: "b/", after: "b/2" }), [])
        deepStrictEqual(yield* s3.list({ prefix: "c/" }), [])
      }))

    test("have a thousand objects at most", (s3) =>
      Effect.gen(function*() {
        const all = Array.from({ length: 1003 }, (_, i) => `n/${String(i).padStart(4, "0")}`)
        yield* Effect.forEach(all, (key) => s3.put(key, utf8("n")), { concurrency: 8 })
        const first = yield* s3.list({ prefix: "n/" })
        deepStrictEqual(first.map(({ key }) => key), all.slice(0, 1000))
        const second = yield* s3.list({ prefix: "n/", after: first.at(-1)?.key })
        deepStrictEqual(second.map(({ key }) => key), all.slice(1000))
      }))
  })

  describe(`${name}: multipart uploads`, () => {
    test("become one object, with what was said at their begin", (s3) =>
      Effect.gen(function*() {
        const options = { contentType: "image/png", metadata: { token: "t-2" } }
        const upload = { key: "m", multipartId: yield* s3.createMultipart("m", options) }
        const [a, b, c] = [bytesOf(least, 1), bytesOf(least + 1, 2), bytesOf(3, 3)]
        const one = yield* s3.uploadPart(upload, 1, a)
        // Numbers may have gaps, and parts any order.
        const ten = yield* s3.uploadPart(upload, 10, c)
        const seven = yield* s3.uploadPart(upload, 7, b)
        deepStrictEqual(yield* s3.head("m"), Option.none())
        yield* failsWith(read(s3, "m", { start: 0, end: 1 }), "NoSuchKey")
        deepStrictEqual(yield* s3.parts(upload), [
          { number: 1, etag: one, size: a.length },
          { number: 7, etag: seven, size: b.length },
          { number: 10, etag: ten, size: c.length }
        ])
        yield* s3.complete(upload, [
          { number: 1, etag: one },
          { number: 7, etag: seven },
          { number: 10, etag: ten }
        ])
        deepStrictEqual(
          yield* s3.head("m"),
          Option.some({ size: 2 * least + 4, metadata: { token: "t-2" } })
        )
        same(yield* contents(s3, "m"), Buffer.concat([a, b, c]))
      }))

    test("have the last one of the parts of a number", (s3) =>
      Effect.gen(function*() {
        const upload = yield* begin(s3, "m")
        const [a, b] = [bytesOf(1000, 1), bytesOf(2000, 2)]
        yield* s3.uploadPart(upload, 1, a)
        const etag = yield* s3.uploadPart(upload, 1, b)
        deepStrictEqual(yield* s3.parts(upload), [{ number: 1, etag, size: 2000 }])
        yield* s3.complete(upload, [{ number: 1, etag }])
        same(yield* contents(s3, "m"), b)
      }))

    test("list more than a thousand parts", (s3) =>
      Effect.gen(function*() {
        const upload = yield* begin(s3, "m")
        const numbers = Array.from({ length: 1002 }, (_, i) => i + 1)
        yield* Effect.forEach(numbers, (number) => s3.uploadPart(upload, number, utf8(String(number))), {
          concurrency: 8
        })
        const parts = yield* s3.parts(upload)
        deepStrictEqual(
          parts.map(({ number, size }) => [number, size]),
          numbers.map((number) => [number, String(number).length])
        )
      }))

    test("refuse small parts that are not the last one", (s3) =>
      Effect.gen(function*() {
        const upload = yield* begin(s3, "m")
        const one = yield* s3.uploadPart(upload, 1, bytesOf(1000, 1))
        const two = yield* s3.uploadPart(upload, 2, bytesOf(1000, 2))
        yield* failsWith(s3.complete(upload, [{ number: 1, etag: one }, { number: 2, etag: two }]), "Refused")
        deepStrictEqual(yield* s3.head("m"), Option.none())
      }))

    test("refuse parts that are not theirs, and no parts at all", (s3) =>
      Effect.gen(function*() {
        const upload = yield* begin(s3, "m")
        const etag = yield* s3.uploadPart(upload, 1, bytesOf(1000, 1))
        yield* failsWith(s3.complete(upload, [{ number: 2, etag }]), "Refused")
        yield* failsWith(s3.complete(upload, [{ number: 1, etag: `"${"0".repeat(32)}"` }]), "Refused")
        yield* failsWith(s3.complete(upload, []), "Refused")
        deepStrictEqual(yield* s3.head("m"), Option.none())
        yield* s3.complete(upload, [{ number: 1, etag }])
        same(yield* contents(s3, "m"), bytesOf(1000, 1))
      }))

    test("keep their object if they are completed again", (s3) =>
      Effect.gen(function*() {
        const upload = yield* begin(s3, "m")
        const part = { number: 1, etag: yield* s3.uploadPart(upload, 1, bytesOf(1000, 1)) }
        yield* s3.complete(upload, [part])
        const again = yield* Effect.either(s3.complete(upload, [part]))
        assert.isTrue(again._tag === "Right" || ["NoSuchUpload", "Unsure"].includes(again.left.reason))
        same(yield* contents(s3, "m"), bytesOf(1000, 1))
        yield* failsWith(s3.parts(upload), "NoSuchUpload")
      }))

    test("are gone after they are aborted", (s3) =>
      Effect.gen(function*() {
        const upload = yield* begin(s3, "m")
        const part = { number: 1, etag: yield* s3.uploadPart(upload, 1, bytesOf(1000, 1)) }
        yield* s3.abort(upload)
        yield* s3.abort(upload)
        yield* failsWith(s3.parts(upload), "NoSuchUpload")
        yield* failsWith(s3.uploadPart(upload, 2, bytesOf(1000, 2)), "NoSuchUpload")
        // Ceph RGW takes it for one that is being completed.
        yield* failsWith(s3.complete(upload, [part]), "NoSuchUpload", "Unsure")
        deepStrictEqual(yield* s3.head("m"), Option.none())
        deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(s3.multiparts(""))), [])
      }))

    test("are listed by prefix, while they are under way", (s3) =>
      Effect.gen(function*() {
        const begun = yield* Effect.forEach(["p/b", "p/a", "q", "p/a"], (key) => begin(s3, key))
        const expected = (prefix: string) =>
          begun.filter(({ key }) => key.startsWith(prefix)).map(({ key, multipartId }) => `${key} ${multipartId}`)
            .toSorted()
        deepStrictEqual(yield* underWay(s3, ""), expected(""))
        deepStrictEqual(yield* underWay(s3, "p/"), expected("p/"))
        deepStrictEqual(yield* underWay(s3, "r"), [])
      }))

    test("list more than a thousand of themselves", (s3) =>
      Effect.gen(function*() {
        const all = Array.from({ length: 1002 }, (_, i) => `many/${String(i).padStart(4, "0")}`)
        yield* Effect.forEach(all, (key) => begin(s3, key), { concurrency: 8 })
        const listed = Chunk.toReadonlyArray(yield* Stream.runCollect(s3.multiparts("many/")))
        deepStrictEqual(listed.map(({ key }) => key), all)
      }))

    test("take ranges of objects as parts", (s3) =>
      Effect.gen(function*() {
        const bytes = bytesOf(2 * least + 100, 6)
        const [source = ""] = keys.filter((key) => key.startsWith("ä"))
        yield* s3.put(source, bytes)
        const upload = yield* begin(s3, "copies")
        const ranges = [{ start: 1, end: least + 1 }, { start: least, end: 2 * least + 100 }, { start: 7, end: 8 }]
        const parts = yield* Effect.forEach(ranges, (range, i) =>
          Effect.map(s3.copyPart(upload, i + 1, { key: source, ...range }), (etag) => ({ number: i + 1, etag })))
        yield* s3.complete(upload, parts)
        same(
          yield* contents(s3, "copies"),
          Buffer.concat(ranges.map(({ end, start }) =>
            bytes.subarray(start, end)
          ))
        )
      }))

    test("take no ranges of what is not there", (s3) =>
      Effect.gen(function*() {
        const upload = yield* begin(s3, "m")
        yield* failsWith(s3.copyPart(upload, 1, { key: "none", start: 0, end: 1 }), "NoSuchKey")
        yield* s3.put("x", bytesOf(1000, 1))
        yield* s3.abort(upload)
        yield* failsWith(s3.copyPart(upload, 1, { key: "x", start: 0, end: 1 }), "NoSuchUpload")
      }))
  })

  describe(`${name}: the bucket`, () => {
    test("has no rule that drops multipart uploads", (s3) =>
      Effect.gen(function*() {
        deepStrictEqual(yield* s3.abortRule(""), Option.none())
      }))
  })
}
