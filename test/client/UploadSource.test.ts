import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Pull } from "effect-tus"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { openAsBlob, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as UploadSource from "../../src/client/sources/UploadSource.js"
import { directory } from "../support/directory.js"

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) % 251)

/** The bytes that a reading handed out, copied, and the reason of its failure. */
const take = Effect.fnUntraced(function*(
  open: Effect.Effect<Pull.Reading<UploadSource.SourceError>, UploadSource.SourceError>
) {
  const chunks = new Array<Uint8Array>()
  const error = yield* Pull.toStream(open).pipe(
    Stream.runForEach((chunk) => Effect.sync(() => chunks.push(Uint8Array.from(chunk)))),
    Effect.as(undefined),
    Effect.catchAll(Effect.succeed)
  )
  return { bytes: joined(chunks), sizes: chunks.map(({ length }) => length), error, reason: error?.reason }
})

const joined = (chunks: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(chunks))

class Refused extends Data.TaggedError("Refused") {}

const mib = 1024 * 1024

const tenBytes = counting(10)

describe("UploadSource", () => {
  for (
    const [title, offset, size, expected] of [
      ["offers the requested bytes", 0, 4, { size: 4, last: false }],
      ["reports the last bytes", 6, 4, { size: 4, last: true }],
      ["offers no more than the rest", 6, 100, { size: 4, last: true }],
      ["offers everything", 0, Infinity, { size: 10, last: true }],
      ["offers nothing at the end", 10, 5, { size: 0, last: true }]
    ] as const
  ) {
    it.effect(`${title}: ready(${offset}, ${size}) of 10 bytes`, () =>
      Effect.gen(function*() {
        for (
          const source of [
            UploadSource.fromBytes(tenBytes),
            UploadSource.fromBlob(new Blob([tenBytes])),
            UploadSource.fromRange({ name: "range", length: 10, read: () => Stream.empty })
          ]
        ) {
          deepStrictEqual(yield* source.ready(offset, size), expected)
          assert.isTrue(source.seekable)
          deepStrictEqual(source.length, Option.some(10))
        }
      }))
  }

  it.effect("refuses to read beyond the end, before the first byte", () =>
    Effect.gen(function*() {
      for (const source of [UploadSource.fromBytes(tenBytes), UploadSource.fromBlob(new Blob([tenBytes]))]) {
        const { reason, sizes } = yield* take(source.read(5, 6))
        assert.strictEqual(reason, "TooShort")
        deepStrictEqual(sizes, [])
      }
    }))

  it.effect.prop("reads any range of bytes and of blobs", [
    FastCheck.uint8Array({ maxLength: 64 }),
    FastCheck.nat(64),
    FastCheck.nat(64)
  ], ([bytes, a, b]) => {
    const start = Math.min(a, b, bytes.length)
    const size = Math.min(Math.max(a, b), bytes.length) - start
    return Effect.gen(function*() {
      for (
        const source of [
          UploadSource.fromBytes(bytes),
          UploadSource.fromBlob(new Blob([bytes as Uint8Array<ArrayBuffer>]))
        ]
      ) {
        deepStrictEqual((yield* take(source.read(start, size))).bytes, bytes.slice(start, start + size))
      }
    })
  })
})

describe("UploadSource.fromBytes", () => {
  it.effect("returns pieces of 2 MiB at most, without copying them", () =>
    Effect.gen(function*() {
      const bytes = counting(5 * mib)
      const source = UploadSource.fromBytes(bytes)
      const { sizes } = yield* take(source.read(1, 4 * mib))
      deepStrictEqual(sizes, [2 * mib, 2 * mib])
      yield* Stream.runForEach(Pull.toStream(source.read(0, bytes.length)), (chunk) =>
        Effect.sync(() => assert.strictEqual(chunk.buffer, bytes.buffer)))
    }))

  it("has an identity only with a name", () => {
    deepStrictEqual(UploadSource.fromBytes(tenBytes).identity, Option.none())
    deepStrictEqual(
      UploadSource.fromBytes(tenBytes, { name: "ten" }).identity,
      Option.some({ name: "ten", size: 10, modified: Option.none() })
    )
  })
})

describe("UploadSource.fromBlob", () => {
  it("identifies a File by its name, size and date, and has no identity for a Blob", () => {
    deepStrictEqual(
      UploadSource.fromBlob(new File([tenBytes], "ten.bin", { lastModified: 1234 })).identity,
      Option.some({ name: "ten.bin", size: 10, modified: Option.some(1234) })
    )
    deepStrictEqual(UploadSource.fromBlob(new Blob([tenBytes])).identity, Option.none())
  })

  it.effect("holds at most 2 MiB of it in memory", () =>
    Effect.gen(function*() {
      const bytes = counting(5 * mib)
      const { bytes: read, sizes } = yield* take(UploadSource.fromBlob(new Blob([bytes])).read(10, 4 * mib + 1))
      deepStrictEqual(sizes, [2 * mib, 2 * mib, 1])
      assert.isTrue(Buffer.from(read).equals(bytes.subarray(10, 4 * mib + 11)))
    }))

  it.effect("notices that the file was written to", () =>
    Effect.gen(function*() {
      const path = join(yield* directory, "file")
      writeFileSync(path, "before")
      const source = UploadSource.fromBlob(yield* Effect.promise(() => openAsBlob(path)))
      writeFileSync(path, "something else")
      const { error, sizes } = yield* take(source.read(0, 6))
      assert.strictEqual(error?.reason, "Changed")
      assert.strictEqual(error?.cause instanceof Error ? error.cause.name : undefined, "NotReadableError")
      deepStrictEqual(sizes, [])
    }).pipe(Effect.scoped))

  for (
    const [name, reason] of [
      ["NotFoundError", "Changed"],
      ["SecurityError", "Unreadable"]
    ] as const
  ) {
    it.effect(`fails with ${reason} for a ${name}`, () =>
      Effect.gen(function*() {
        const cause = new DOMException("no", name)
        const blob = Object.assign(new Blob(["abc"]), {
          slice: () => ({ arrayBuffer: () => Promise.reject(cause) })
        }) as unknown as Blob
        const { error } = yield* take(UploadSource.fromBlob(blob).read(0, 3))
        assert.strictEqual(error?.reason, reason)
        assert.strictEqual(error?.cause, cause)
      }))
  }
})

describe("UploadSource.fromRange", () => {
  // oxlint-disable-next-line unicorn/consistent-function-scoping
  const ranged = (read: (start: number, end: number) => Stream.Stream<Uint8Array, unknown>) =>
    UploadSource.fromRange({ name: "object", length: 10, modified: 77, read })

  it("has the identity that it is given", () =>
    deepStrictEqual(
      ranged(() => Stream.empty).identity,
      Option.some({ name: "object", size: 10, modified: Option.some(77) })
    ))

  it.effect("accepts an Effect or a Stream, and requests exactly the needed range", () =>
    Effect.gen(function*() {
      const asked = new Array<readonly [number, number]>()
      const slice = (start: number, end: number) => {
        asked.push([start, end])
        return tenBytes.subarray(start, end)
      }
      const one = ranged((start, end) => Effect.sync(() => slice(start, end)))
      const many = ranged((start, end) =>
        Stream.map(Stream.fromIterable(slice(start, end)), (byte) => Uint8Array.of(byte))
      )
      deepStrictEqual((yield* take(one.read(2, 5))).bytes, tenBytes.slice(2, 7))
      deepStrictEqual((yield* take(many.read(2, 5))).bytes, tenBytes.slice(2, 7))
      deepStrictEqual(asked, [[2, 7], [2, 7]])
    }))

  it.effect("fails with Unreadable if the function fails, with its error as the cause", () =>
    Effect.gen(function*() {
      const { error } = yield* take(ranged(() => Effect.fail(new Refused())).read(0, 3))
      assert.strictEqual(error?.reason, "Unreadable")
      assert.instanceOf(error?.cause, Refused)
      assert.strictEqual(error?.source, "object")
    }))

  it.effect("passes on a SourceError of the function", () =>
    Effect.gen(function*() {
      const missing = new UploadSource.SourceError({ reason: "Missing", source: "s3://a/b", detail: "no such key" })
      assert.strictEqual((yield* take(ranged(() => Stream.fail(missing)).read(0, 3))).error, missing)
    }))
})

describe("UploadSource.exactly", () => {
  // oxlint-disable-next-line unicorn/consistent-function-scoping
  const chunked = (sizes: ReadonlyArray<number>) =>
    Stream.fromIterable(sizes).pipe(Stream.rechunk(1), Stream.map(counting))

  // oxlint-disable-next-line unicorn/consistent-function-scoping
  const exactly = (size: number, stream: Stream.Stream<Uint8Array, unknown>) =>
    Effect.map(Pull.fromStream(stream), ({ close, pull }) => ({ pull: UploadSource.exactly("s", size)(pull), close }))

  it.effect.prop(
    "returns exactly the announced bytes, or fails and does not return the last of them",
    [FastCheck.array(FastCheck.nat(5), { maxLength: 8 }), FastCheck.nat(20), FastCheck.boolean()],
    ([sizes, size, batched]) => {
      const all = joined(sizes.map(counting))
      return Effect.gen(function*() {
        const stream = batched ? Stream.fromIterable(sizes.map(counting)) : chunked(sizes)
        const { bytes, reason } = yield* take(exactly(size, stream))
        assert.strictEqual(reason, all.length < size ? "TooShort" : all.length > size ? "TooLong" : undefined)
        if (reason === undefined) {
          deepStrictEqual(bytes, all)
        } else {
          assert.isTrue(bytes.length < size || size === 0)
          deepStrictEqual(bytes, all.slice(0, bytes.length))
        }
      })
    }
  )

  it.effect("fails if the stream fails after the last byte", () =>
    Effect.gen(function*() {
      const stream = Stream.concat(chunked([2, 3]), Stream.fail(new Refused()))
      const { reason, sizes } = yield* take(exactly(5, stream))
      assert.strictEqual(reason, "Unreadable")
      deepStrictEqual(sizes, [2])
    }))

  it("explains the failure in a sentence", () =>
    assert.strictEqual(UploadSource.tooShort("a.bin", 10, 4).message, "a.bin: it ended after 4 of 10 bytes"))
})
