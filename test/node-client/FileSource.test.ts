import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Pull } from "effect-tus"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import type * as UploadSource from "../../src/client/sources/UploadSource.js"
import * as FileSource from "../../src/node-client/FileSource.js"
import { watching } from "../node/calls.js"
import { directory } from "../support/directory.js"

vi.mock("node:fs", async (original) => (await import("../node/calls.js")).watch(await original<typeof Fs>()))

const mib = 1024 * 1024

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) % 251)

/** A file of `length` bytes with a date in the past. */
const file = (length: number) =>
  Effect.map(directory, (directory) => {
    const path = join(directory, "file")
    Fs.writeFileSync(path, counting(length))
    Fs.utimesSync(path, 1000, 1000)
    return path
  })

const reading = (source: UploadSource.UploadSource, offset: number, size: number) =>
  Pull.toStream(source.read(offset, size))

const collect = (source: UploadSource.UploadSource, offset: number, size: number) =>
  Effect.map(
    Stream.runFold(
      reading(source, offset, size),
      new Array<Uint8Array>(),
      (all, chunk) => [...all, Uint8Array.from(chunk)]
    ),
    (chunks) => new Uint8Array(Buffer.concat(chunks))
  )

const atOnce = ({ bytes }: UploadSource.UploadSource, offset: number, size: number) =>
  bytes === undefined ? Effect.dieMessage("cannot") : bytes(offset, size)

/** How many descriptors of this process are open on this file. */
const descriptors = (path: string) =>
  Fs.readdirSync("/proc/self/fd").filter((fd) =>
    Fs.existsSync(`/proc/self/fd/${fd}`) && Fs.readlinkSync(`/proc/self/fd/${fd}`) === path
  ).length

/** An error of the system. */
const systemError = (code: string, words: string, call: string) =>
  Object.assign(new Error(`${code}: ${words}, ${call}`), { code })

describe("FileSource", () => {
  it.scoped("has the identity of its path, size and date", () =>
    Effect.gen(function*() {
      const path = yield* file(10)
      const source = yield* FileSource.make(path)
      assert.strictEqual(source.name, path)
      assert.isTrue(source.seekable)
      deepStrictEqual(source.length, Option.some(10))
      deepStrictEqual(source.identity, Option.some({ name: path, size: 10, modified: Option.some(1_000_000) }))
      deepStrictEqual(yield* source.ready(8, 100), { size: 2, last: true })
    }))

  it.scoped("reads an empty file", () =>
    Effect.gen(function*() {
      const source = yield* FileSource.make(yield* file(0))
      deepStrictEqual(yield* source.ready(0, 100), { size: 0, last: true })
      assert.strictEqual((yield* collect(source, 0, 0)).length, 0)
    }))

  const length = mib + 321

  it.scoped.prop(
    "reads any range",
    [FastCheck.nat(length), FastCheck.nat(length)],
    ([a, b]) =>
      Effect.gen(function*() {
        const [start, end] = a < b ? [a, b] : [b, a]
        const source = yield* FileSource.make(yield* file(length))
        const bytes = yield* collect(source, start, end - start)
        assert.isTrue(Buffer.from(bytes).equals(counting(length).subarray(start, end)))
      }),
    { fastCheck: { numRuns: 20 } }
  )

  it.scoped("reads several ranges at once", () =>
    Effect.gen(function*() {
      const source = yield* FileSource.make(yield* file(3 * mib))
      const parts = yield* Effect.forEach([0, 1, 2], (i) => collect(source, i * mib, mib), { concurrency: 3 })
      assert.isTrue(Buffer.concat(parts).equals(counting(3 * mib)))
    }))

  it.scoped("lends one buffer for the whole reading", () =>
    Effect.gen(function*() {
      const path = join(yield* directory, "large")
      Fs.writeFileSync(path, "")
      Fs.truncateSync(path, 64 * mib)
      const source = yield* FileSource.make(path)
      const buffers = new Set<ArrayBufferLike>()
      const sizes = new Set<number>()
      yield* Stream.runForEach(reading(source, 0, 64 * mib), (chunk) =>
        Effect.sync(() => {
          buffers.add(chunk.buffer)
          sizes.add(chunk.length)
        }))
      assert.strictEqual(buffers.size, 1)
      deepStrictEqual(Array.from(sizes), [2 * mib])
      const [small] = Chunk.toReadonlyArray(yield* Stream.runCollect(reading(source, 5, 100)))
      assert.strictEqual(small?.buffer.byteLength, 100)
    }))

  it.scoped("refuses a missing file", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(FileSource.make(join(yield* directory, "nothing")))
      assert.strictEqual(error.reason, "Missing")
      assert.match(error.message, /nothing: there is no such file$/)
    }))

  it.scoped("refuses a directory", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(FileSource.make(yield* directory))
      assert.strictEqual(error.reason, "NotAFile")
      assert.match(error.message, /it is a directory$/)
    }))

  it.scoped("refuses a FIFO without waiting for a writer, and names StreamSource", () =>
    Effect.gen(function*() {
      const path = join(yield* directory, "fifo")
      execFileSync("mkfifo", [path])
      const error = yield* Effect.flip(FileSource.make(path))
      assert.strictEqual(error.reason, "NotAFile")
      assert.match(error.message, /FIFO.*upload it as a stream$/)
    }))

  it.effect.skipIf(!Fs.existsSync("/proc/self/status"))(
    "refuses a file whose content is generated while it is read",
    () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(FileSource.make("/proc/self/status"))).reason, "NotAFile")
        assert.strictEqual((yield* Effect.flip(FileSource.make("/dev/null"))).reason, "NotAFile")
      })
  )

  it.scoped("refuses an invalid path", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(FileSource.make("a\0b"))).reason, "Unreadable")
    }))

  // oxlint-disable-next-line unicorn/consistent-function-scoping
  const later = (path: string) => Fs.utimesSync(path, 2000, 2000)

  const changes: ReadonlyArray<
    readonly [
      title: string,
      change: (path: string) => void,
      onNextBlock: UploadSource.SourceError["reason"] | undefined,
      onNextReading: UploadSource.SourceError["reason"]
    ]
  > = [
    ["grew", (path) => Fs.appendFileSync(path, "more"), "Changed", "Changed"],
    [
      "grew and kept its date",
      (path) => {
        Fs.appendFileSync(path, "more")
        Fs.utimesSync(path, 1000, 1000)
      },
      "Changed",
      "Changed"
    ],
    ["was cut", (path) => Fs.truncateSync(path, 10), "TooShort", "TooShort"],
    [
      "was cut and kept its date",
      (path) => {
        Fs.truncateSync(path, 10)
        Fs.utimesSync(path, 1000, 1000)
      },
      "TooShort",
      "TooShort"
    ],
    ["was emptied", (path) => Fs.truncateSync(path, 0), "TooShort", "TooShort"],
    [
      "was rewritten",
      (path) => {
        Fs.writeFileSync(path, counting(8 * mib).toReversed())
        later(path)
      },
      "Changed",
      "Changed"
    ],
    [
      "was replaced by one of another date",
      (path) => {
        Fs.writeFileSync(`${path}.new`, counting(8 * mib))
        Fs.renameSync(`${path}.new`, path)
      },
      // The open file is still the one that was promised.
      undefined,
      "Changed"
    ],
    ["was removed", (path) => Fs.rmSync(path), undefined, "Missing"],
    [
      "became a directory",
      (path) => {
        Fs.rmSync(path)
        Fs.mkdirSync(path)
      },
      undefined,
      "Changed"
    ]
  ]

  for (const [title, change, onNextBlock, onNextReading] of changes) {
    it.scoped(`returns no byte of a file that ${title} before it is read`, () =>
      Effect.gen(function*() {
        const path = yield* file(8 * mib)
        const source = yield* FileSource.make(path)
        change(path)
        let chunks = 0
        const error = yield* Effect.flip(
          Stream.runForEach(reading(source, 0, 8 * mib), () => Effect.sync(() => chunks++))
        )
        assert.strictEqual(error.reason, onNextReading)
        assert.strictEqual(chunks, 0)
        assert.strictEqual(error.source, path)
      }))

    it.scoped(`returns no bytes at once of a file that ${title} before they are read`, () =>
      Effect.gen(function*() {
        const path = yield* file(100)
        const source = yield* FileSource.make(path)
        change(path)
        const error = yield* Effect.flip(atOnce(source, 0, 100))
        assert.strictEqual(error.reason, onNextReading)
        assert.strictEqual(descriptors(path), 0)
      }))

    it.scoped(`returns no bytes of another version of a file that ${title} while it is read`, () =>
      Effect.gen(function*() {
        const path = yield* file(8 * mib)
        const source = yield* FileSource.make(path)
        const seen = new Array<Uint8Array>()
        const all = Stream.runForEach(reading(source, 0, 8 * mib), (chunk) =>
          Effect.sync(() => {
            seen.push(Uint8Array.from(chunk))
            if (seen.length === 2) {
              change(path)
            }
          }))
        const error = yield* Effect.flip(Effect.zipRight(all, Effect.fail(undefined)))
        assert.strictEqual(error?.reason, onNextBlock)
        const bytes = Buffer.concat(seen)
        assert.strictEqual(bytes.length, onNextBlock === undefined ? 8 * mib : 4 * mib)
        assert.isTrue(bytes.equals(counting(8 * mib).subarray(0, bytes.length)))
        assert.strictEqual(descriptors(path), 0)
      }))
  }

  // oxlint-disable-next-line unicorn/consistent-function-scoping
  const replace = (path: string, bytes: Uint8Array) => {
    Fs.writeFileSync(`${path}.new`, bytes)
    Fs.utimesSync(`${path}.new`, 1000, 1000)
    Fs.renameSync(`${path}.new`, path)
  }

  it.scoped("does not depend on the inode number, which may differ each time", () =>
    Effect.gen(function*() {
      let number = 0
      yield* watching({
        onStat: (stats) => Object.assign(stats, { ino: stats.ino + ++number, dev: stats.dev + ++number })
      })
      const source = yield* FileSource.make(yield* file(3 * mib))
      for (const [offset, size] of [[0, 3 * mib], [10, mib], [2 * mib, mib]] as const) {
        const bytes = yield* collect(source, offset, size)
        assert.isTrue(Buffer.from(bytes).equals(counting(3 * mib).subarray(offset, offset + size)))
      }
      assert.isAbove(number, 10)
    }))

  const numbers: Readonly<Record<string, (stats: Fs.Stats) => Fs.Stats>> = {
    "": (stats) => stats,
    ", with the same inode number": (stats) => Object.assign(stats, { ino: 7, dev: 7 })
  }

  it.scoped.each(Object.entries(numbers))(
    "continues with a copy that replaced it, and refuses another file of the same size and date%s",
    ([, onStat]) =>
      Effect.gen(function*() {
        yield* watching({ onStat })
        const path = yield* file(3 * mib)
        const source = yield* FileSource.make(path)
        yield* collect(source, 0, mib)
        replace(path, counting(3 * mib))
        assert.isTrue(Buffer.from(yield* collect(source, mib, mib)).equals(counting(3 * mib).subarray(mib, 2 * mib)))
        deepStrictEqual(yield* atOnce(source, mib, mib + 9), counting(3 * mib).slice(mib, 2 * mib + 9))
        replace(path, counting(3 * mib).toReversed())
        yield* Effect.flip(atOnce(source, 2 * mib, 9))
        const error = yield* Effect.flip(Effect.asVoid(collect(source, 2 * mib, mib)))
        assert.strictEqual(error.reason, "Changed")
        assert.match(error.message, /another file has replaced it$/)
        assert.strictEqual(descriptors(path), 0)
      })
  )

  it.scoped("closes the file when the reading ends, fails or is interrupted", () =>
    Effect.gen(function*() {
      const path = yield* file(8 * mib)
      const source = yield* FileSource.make(path)
      assert.strictEqual(descriptors(path), 0)
      yield* Stream.runDrain(reading(source, 0, 8 * mib))
      assert.strictEqual(descriptors(path), 0)
      yield* Stream.runDrain(Stream.take(reading(source, 0, 8 * mib), 1))
      assert.strictEqual(descriptors(path), 0)
      yield* Effect.flip(Stream.runForEach(reading(source, 0, 8 * mib), () => Effect.fail("enough")))
      assert.strictEqual(descriptors(path), 0)
      const reached = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        Stream.runForEach(reading(source, 0, 8 * mib), () =>
          Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never))
      )
      yield* Deferred.await(reached)
      assert.strictEqual(descriptors(path), 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(descriptors(path), 0)
    }))

  it.scoped("closes the file only after a running read has ended", () =>
    Effect.gen(function*() {
      const path = yield* file(100)
      const begun = yield* Deferred.make<() => void>()
      yield* watching({ onRead: (run) => Deferred.unsafeDone(begun, Effect.succeed(run)) })
      const source = yield* FileSource.make(path)
      const fiber = yield* Effect.fork(Stream.runDrain(reading(source, 0, 100)))
      const go = yield* Deferred.await(begun)
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      assert.strictEqual(descriptors(path), 1)
      go()
      assert.strictEqual((yield* Fiber.join(interrupted))._tag, "Failure")
      assert.strictEqual(descriptors(path), 0)
    }))

  it.scoped("continues after a read that returns fewer bytes than requested", () =>
    Effect.gen(function*() {
      yield* watching({ readLimit: 7 })
      const source = yield* FileSource.make(yield* file(100))
      deepStrictEqual(yield* collect(source, 3, 50), counting(100).slice(3, 53))
      const other = yield* FileSource.make(yield* file(100))
      deepStrictEqual(yield* atOnce(other, 3, 50), counting(100).slice(3, 53))
    }))

  it.scoped("fails with TooShort if the bytes end before the size that the system reports", () =>
    Effect.gen(function*() {
      yield* watching({ readLimit: 0 })
      const source = yield* FileSource.make(yield* file(100))
      assert.strictEqual((yield* Effect.flip(atOnce(source, 0, 100))).reason, "TooShort")
      assert.strictEqual((yield* Effect.flip(collect(source, 0, 100))).reason, "TooShort")
    }))

  it.scoped("fails with Unreadable if a read fails", () =>
    Effect.gen(function*() {
      const cause = systemError("EIO", "i/o error", "read")
      yield* watching({ readError: cause })
      const path = yield* file(100)
      const source = yield* FileSource.make(path)
      for (const reading of [collect(source, 0, 100), atOnce(source, 0, 100)]) {
        const error = yield* Effect.flip(reading)
        assert.strictEqual(error.reason, "Unreadable")
        assert.strictEqual(error.cause, cause)
        assert.match(error.message, /it cannot be read: i\/o error$/)
        assert.strictEqual(descriptors(path), 0)
      }
    }))

  it.scoped("fails with Unreadable from the start if it may not be opened", () =>
    Effect.gen(function*() {
      const path = yield* file(100)
      // A file that everybody may read is not asked about.
      Fs.chmodSync(path, 0o600)
      const cause = systemError("EACCES", "permission denied", `access '${path}'`)
      yield* watching({ accessError: cause })
      const error = yield* Effect.flip(FileSource.make(path))
      assert.strictEqual(error.reason, "Unreadable")
      assert.strictEqual(error.cause, cause)
      assert.match(error.message, /it cannot be read: permission denied$/)
    }))
})
