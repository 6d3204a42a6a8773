import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Pull } from "effect-tus"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as StreamSource from "../../src/client/sources/StreamSource.js"
import type * as UploadSource from "../../src/client/sources/UploadSource.js"
import { directory } from "../support/directory.js"

const kib = 1024
const mib = 1024 * kib

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) % 251)

/** The bytes that a reading hands out, or its first `chunks` only. */
const collect = Effect.fnUntraced(
  function*(source: UploadSource.UploadSource, offset: number, size: number, chunks = Number.MAX_SAFE_INTEGER) {
    const lent = Stream.take(Pull.toStream(source.read(offset, size)), chunks)
    return Buffer.concat(Array.from(yield* Stream.runCollect(Stream.map(lent, (chunk) => Uint8Array.from(chunk)))))
  }
)

const equals = (actual: Buffer, expected: Uint8Array) => assert.isTrue(actual.equals(expected), "other bytes")

class Broken extends Data.TaggedError("Broken") {}

/** The bytes in chunks of these sizes, repeatedly, one chunk a pull. `pulled` counts the bytes that were handed out. */
const chunked = (bytes: Uint8Array, sizes: ReadonlyArray<number>) => {
  const state = { pulled: 0 }
  const stream = Stream.unfold({ at: 0, turn: 0 }, ({ at, turn }) => {
    if (at >= bytes.length) {
      return Option.none()
    }
    const end = Math.min(at + (sizes[turn % sizes.length] ?? 1), bytes.length)
    state.pulled = end
    return Option.some([bytes.subarray(at, end), { at: end, turn: turn + 1 }] as const)
  })
  return { state, stream }
}

/** The bytes and the number of files in a directory. */
const onDisk = (path: string) => {
  const files = Fs.readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => Fs.statSync(join(path, name)))
    .filter((stats) => stats.isFile())
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) }
}

type Step =
  | { readonly ask: number }
  | { readonly send: number; readonly fails: number | undefined }
  | { readonly acknowledge: number }

/** Not a divisor of a block, and some of them are larger than one. */
const unit = 32 * kib + 13

const sizes = (units: number) => FastCheck.oneof(FastCheck.nat(units * unit), FastCheck.constantFrom(0, 1, 256 * kib))

const steps: FastCheck.Arbitrary<ReadonlyArray<Step>> = FastCheck.array(
  FastCheck.oneof(
    FastCheck.record({ ask: sizes(40) }),
    FastCheck.record({ send: sizes(40), fails: FastCheck.option(FastCheck.nat(3), { nil: undefined }) }),
    FastCheck.record({ acknowledge: sizes(40) })
  ),
  { maxLength: 20 }
)

it.layer(NodeFileSystem.layer)("StreamSource", (it) => {
  it.scoped.prop(
    "behaves like the bytes themselves, for any order of ready, read and release",
    [
      FastCheck.nat(60 * unit),
      FastCheck.array(sizes(12), { minLength: 1, maxLength: 5 }).filter((sizes) => sizes.some((size) => size > unit)),
      FastCheck.record({ window: sizes(30), spills: FastCheck.boolean(), known: FastCheck.boolean() }),
      steps
    ],
    ([length, sizes, { known, spills, window }, steps]) =>
      Effect.gen(function*() {
        const bytes = counting(length)
        const options = { window, length: known ? length : undefined }
        const { stream } = chunked(bytes, sizes)
        const source = yield* (spills ? StreamSource.makeSpilling(stream, options) : StreamSource.make(stream, options))
        let released = 0
        let seen = 0
        for (const step of steps) {
          if ("ask" in step) {
            const { last, size } = yield* source.ready(released, step.ask)
            const offered = spills ? step.ask : Math.min(step.ask, Math.max(1, window))
            assert.strictEqual(size, Math.min(offered, length - released))
            assert.isFalse(last && released + size < length)
            if (known || size < offered) {
              assert.strictEqual(last, released + size === length)
            }
            seen = Math.max(seen, released + size)
          } else if ("send" in step) {
            const size = Math.min(step.send, length - released)
            const whole = step.fails === undefined
            const sent = yield* collect(source, released, size, step.fails)
            equals(sent, bytes.subarray(released, released + (whole ? size : sent.length)))
            seen = Math.max(seen, released + sent.length)
          } else {
            released = Math.min(released + step.acknowledge, seen)
            yield* source.release(released)
          }
        }
        equals(yield* collect(source, released, length - released), bytes.subarray(released))
        deepStrictEqual(yield* source.ready(length, 1), { size: 0, last: true })
      }),
    { fastCheck: { numRuns: 60 } }
  )

  it.scoped("reads no more of the stream than is requested", () =>
    Effect.gen(function*() {
      const { state, stream } = chunked(counting(100), [10])
      const source = yield* StreamSource.make(stream)
      assert.strictEqual(state.pulled, 0)
      deepStrictEqual(yield* source.ready(0, 15), { size: 15, last: false })
      assert.strictEqual(state.pulled, 20)
      deepStrictEqual(yield* source.ready(0, 20), { size: 20, last: false })
      assert.strictEqual(state.pulled, 20)
      yield* collect(source, 0, 30)
      assert.strictEqual(state.pulled, 30)
    }))

  it.scoped("reports the end of a stream of unknown length with the next call", () =>
    Effect.gen(function*() {
      const source = yield* StreamSource.make(Stream.make(counting(8)))
      deepStrictEqual(source.length, Option.none())
      deepStrictEqual(yield* source.ready(0, 8), { size: 8, last: false })
      deepStrictEqual(yield* source.ready(8, 8), { size: 0, last: true })
      deepStrictEqual(yield* source.ready(0, 8), { size: 8, last: true })
      assert.strictEqual((yield* Effect.flip(collect(source, 0, 9))).reason, "TooShort")
    }))

  it.scoped("has its given name, and no identity", () =>
    Effect.gen(function*() {
      const source = yield* StreamSource.make(Stream.empty, { name: "standard input", length: 0 })
      assert.strictEqual(source.name, "standard input")
      deepStrictEqual(source.length, Option.some(0))
      deepStrictEqual(source.identity, Option.none())
      assert.isFalse(source.seekable)
    }))

  for (
    const [title, actual, said, reason] of [
      ["less", 9, 10, "TooShort"],
      ["nothing", 0, 10, "TooShort"],
      ["more", 11, 10, "TooLong"],
      ["something instead of nothing", 1, 0, "TooLong"]
    ] as const
  ) {
    it.scoped(`does not return the last bytes of a stream that has ${title}`, () =>
      Effect.gen(function*() {
        const make = StreamSource.make(chunked(counting(actual), [1]).stream, { length: said })
        const source = yield* make
        assert.strictEqual((yield* Effect.flip(source.ready(0, 10))).reason, reason)
        assert.strictEqual((yield* Effect.flip(source.ready(0, 10))).reason, reason)
        const early = Math.min(8, actual, said)
        if (early > 0) {
          equals(yield* collect(source, 0, early), counting(early))
        }
        // The same without an earlier call.
        const other = yield* make
        let handed = 0
        const reading = Stream.runForEach(Pull.toStream(other.read(0, 10)), (chunk) =>
          Effect.sync(() => handed += chunk.length))
        assert.strictEqual((yield* Effect.flip(reading)).reason, said === 0 ? "TooLong" : reason)
        assert.isBelow(handed, Math.max(1, said))
      }))
  }

  it.scoped("fails with Unreadable if the stream fails, and returns the bytes before", () =>
    Effect.gen(function*() {
      const source = yield* StreamSource.make(Stream.concat(Stream.make(counting(5)), Stream.fail(new Broken())))
      deepStrictEqual(yield* source.ready(0, 5), { size: 5, last: false })
      for (const _ of [1, 2]) {
        const error = yield* Effect.flip(source.ready(0, 6))
        assert.strictEqual(error.reason, "Unreadable")
        assert.instanceOf(error.cause, Broken)
      }
      equals(yield* collect(source, 0, 5), counting(5))
    }))

  it.scoped("dies each time if the stream dies", () =>
    Effect.gen(function*() {
      const source = yield* StreamSource.make(Stream.dieMessage("oh"))
      for (const _ of [1, 2]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.catchAll(source.ready(0, 1), () => Effect.void))))
      }
    }))

  it.scoped("refuses to read released bytes again", () =>
    Effect.gen(function*() {
      const source = yield* StreamSource.make(Stream.make(counting(100)))
      yield* source.ready(0, 100)
      yield* source.release(50)
      yield* source.release(20)
      assert.strictEqual((yield* Effect.flip(source.ready(49, 1))).reason, "Spent")
      assert.strictEqual((yield* Effect.flip(collect(source, 49, 1))).reason, "Spent")
      equals(yield* collect(source, 50, 50), counting(100).slice(50))
    }))

  it.scoped("copies bytes, so the stream may reuse the memory of a chunk", () =>
    Effect.gen(function*() {
      const lent = new Uint8Array(4)
      const stream = Stream.map(Stream.rechunk(Stream.range(1, 9), 1), (i) => lent.fill(i))
      const source = yield* StreamSource.make(stream)
      yield* source.ready(0, 36)
      equals(yield* collect(source, 0, 36), Uint8Array.from({ length: 36 }, (_, i) => 1 + Math.floor(i / 4)))
    }))

  it.scoped("loses nothing if a wait is interrupted, and continues with the pull that was running", () =>
    Effect.gen(function*() {
      const waiting = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      let begun = 0
      const source = yield* StreamSource.make(
        Stream.concat(
          Stream.make(counting(5)),
          Stream.fromEffect(
            Effect.sync(() => begun++).pipe(
              Effect.zipRight(Deferred.succeed(waiting, undefined)),
              Effect.zipRight(Deferred.await(go)),
              Effect.as(counting(5))
            )
          )
        )
      )
      for (const start of [() => Effect.asVoid(source.ready(0, 10)), () => Effect.asVoid(collect(source, 0, 10))]) {
        const fiber = yield* Effect.fork(start())
        yield* Deferred.await(waiting)
        yield* Effect.yieldNow()
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      }
      yield* Deferred.succeed(go, undefined)
      deepStrictEqual(yield* source.ready(0, 10), { size: 10, last: false })
      equals(yield* collect(source, 0, 10), Buffer.concat([counting(5), counting(5)]))
      assert.strictEqual(begun, 1)
    }))

  it.effect("stops the stream with the scope, also while it waits for bytes", () =>
    Effect.gen(function*() {
      const log = new Array<string>()
      const waiting = yield* Deferred.make<void>()
      const stream = Stream.acquireRelease(Effect.void, () => Effect.sync(() => log.push("closed"))).pipe(
        Stream.mapEffect(() =>
          Effect.zipRight(Deferred.succeed(waiting, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
          )
        )
      )
      const scope = yield* Scope.make()
      const source = yield* Scope.extend(StreamSource.make(stream), scope)
      const fiber = yield* Effect.fork(Effect.flip(source.ready(0, 1)))
      yield* Deferred.await(waiting)
      yield* Scope.close(scope, Exit.void)
      deepStrictEqual(log, ["interrupted", "closed"])
      yield* Fiber.join(fiber)
      assert.strictEqual((yield* Effect.flip(source.ready(0, 1))).reason, "Spent")
    }))

  it.scoped("offers without a file what its window holds, and never more", () =>
    Effect.gen(function*() {
      const { state, stream } = chunked(counting(100), [10])
      const source = yield* StreamSource.make(stream, { window: 25 })
      for (const at of [0, 25, 50, 75]) {
        deepStrictEqual(yield* source.ready(at, 1000), { size: 25, last: at === 75 && state.pulled > 100 })
        assert.isAtMost(state.pulled, at + 25 + 10)
        yield* source.release(at + 25)
      }
    }))

  it.scoped("has a window of 8 MiB by default", () =>
    Effect.gen(function*() {
      const source = yield* StreamSource.make(Stream.forever(Stream.make(new Uint8Array(mib))))
      deepStrictEqual(yield* source.ready(0, Infinity), { size: 8 * mib, last: false })
    }))
})

it.layer(NodeFileSystem.layer)("StreamSource.makeSpilling", (it) => {
  it.scoped("keeps no more than the window in memory", () =>
    Effect.gen(function*() {
      const place = yield* directory
      const bytes = counting(5 * mib)
      const { stream } = chunked(bytes, [64 * kib, 1, 300 * kib])
      const source = yield* StreamSource.makeSpilling(stream, { window: mib, directory: place })
      yield* source.ready(0, mib / 2)
      deepStrictEqual(onDisk(place), { files: 0, bytes: 0 })
      deepStrictEqual(yield* source.ready(0, 5 * mib), { size: 5 * mib, last: false })
      assert.isAtLeast(onDisk(place).bytes, 4 * mib)
      equals(yield* collect(source, 0, 5 * mib), bytes)
      assert.isTrue(
        Buffer.from(yield* collect(source, 3 * mib + 17, mib)).equals(bytes.subarray(3 * mib + 17, 4 * mib + 17))
      )
    }))

  it.scoped("reuses the space in the file, and truncates it when all of it is released", () =>
    Effect.gen(function*() {
      const place = yield* directory
      const bytes = counting(16 * mib)
      const source = yield* StreamSource.makeSpilling(chunked(bytes, [100 * kib]).stream, {
        window: mib,
        directory: place
      })
      // Some bytes are never released.
      for (let at = 0; at + 3 * mib <= bytes.length; at += mib) {
        yield* source.ready(at, 3 * mib)
        equals(yield* collect(source, at, 3 * mib), bytes.subarray(at, at + 3 * mib))
        assert.isBelow(onDisk(place).bytes, 4 * mib)
        yield* source.release(at + mib)
      }
      yield* source.release(16 * mib)
      deepStrictEqual(onDisk(place), { files: 1, bytes: 0 })
    }))

  it.scoped("lends one buffer for all bytes in the file", () =>
    Effect.gen(function*() {
      const source = yield* StreamSource.makeSpilling(Stream.make(new Uint8Array(64 * mib)), { window: mib })
      yield* source.ready(0, 64 * mib)
      const buffers = new Set<ArrayBufferLike>()
      yield* Stream.runForEach(Pull.toStream(source.read(0, 64 * mib)), (chunk) =>
        Effect.sync(() => buffers.add(chunk.buffer)))
      // The blocks of the window, and one more.
      assert.isAtMost(buffers.size, 5)
    }))

  it.effect("removes the file with the scope, and returns no bytes afterwards", () =>
    Effect.gen(function*() {
      const place = yield* directory
      const scope = yield* Scope.make()
      const source = yield* Scope.extend(
        StreamSource.makeSpilling(Stream.make(counting(mib)), { window: 0, directory: place }),
        scope
      )
      equals(yield* collect(source, 0, 10), counting(10))
      assert.strictEqual(onDisk(place).files, 1)
      yield* Scope.close(scope, Exit.void)
      deepStrictEqual(Fs.readdirSync(place), [])
      assert.strictEqual((yield* Effect.flip(collect(source, 0, 10))).reason, "Spent")
    }).pipe(Effect.scoped))

  it.scoped("closes and removes the file only after the running write has ended", () =>
    Effect.gen(function*() {
      const real = yield* FileSystem.FileSystem
      const place = yield* directory
      const writing = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const log = new Array<string>()
      const fs: FileSystem.FileSystem = {
        ...real,
        open: (path, options) =>
          Effect.map(real.open(path, options), (file) => {
            const writeAll = file.writeAll.bind(file)
            return Object.assign(file, {
              writeAll: (bytes: Uint8Array) =>
                Deferred.succeed(writing, undefined).pipe(
                  Effect.zipRight(Deferred.await(go)),
                  Effect.zipRight(writeAll(bytes)),
                  Effect.tap(() => Effect.sync(() => log.push("written")))
                )
            })
          }).pipe(Effect.tap(() => Effect.addFinalizer(() => Effect.sync(() => log.push("closing")))))
      }
      const scope = yield* Scope.make()
      const source = yield* StreamSource.makeSpilling(Stream.make(counting(mib)), { window: 0, directory: place }).pipe(
        Scope.extend(scope),
        Effect.provideService(FileSystem.FileSystem, fs)
      )
      const fiber = yield* Effect.fork(source.ready(0, mib))
      yield* Deferred.await(writing)
      yield* Fiber.interrupt(fiber)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      deepStrictEqual(log, [])
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(closing)
      assert.strictEqual(log.at(-1), "closing")
      assert.strictEqual(log[0], "written")
      deepStrictEqual(Fs.readdirSync(place), [])
    }))

  for (const method of ["makeTempFileScoped", "open"] as const) {
    it.scoped(`fails with Unreadable if there is no space: ${method}`, () =>
      Effect.gen(function*() {
        const real = yield* FileSystem.FileSystem
        const cause = new SystemError({ module: "FileSystem", method, reason: "Unknown", description: "ENOSPC" })
        const source = yield* StreamSource.makeSpilling(Stream.make(counting(mib)), { window: 10 }).pipe(
          Effect.provideService(FileSystem.FileSystem, { ...real, [method]: () => cause })
        )
        const error = yield* Effect.flip(source.ready(0, mib))
        assert.strictEqual(error.reason, "Unreadable")
        assert.strictEqual(error.cause, cause)
        assert.match(error.message, /temporary file.*ENOSPC/)
      }))
  }
})

describe("StreamSource types", () => {
  it("need a file system only for makeSpilling", () => {
    const inMemory: Effect.Effect<UploadSource.UploadSource, never, Scope.Scope> = StreamSource.make(Stream.empty)
    const spilling: Effect.Effect<UploadSource.UploadSource, never, Scope.Scope | FileSystem.FileSystem> = StreamSource
      .makeSpilling(Stream.empty)
    assert.notStrictEqual(inMemory, spilling)
  })
})
