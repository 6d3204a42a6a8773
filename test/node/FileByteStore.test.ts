/**
 * What files add to the contract: their paths, what an interrupted writer leaves, and errors.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type { Upload } from "effect-tus"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import * as FileConcat from "../../src/node/files/FileConcat.js"
import { idOf, numbered } from "../../src/testing/Fixtures.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import { calls, watching } from "./calls.js"
import { buffers, fails, open } from "./temporary.js"

vi.mock("node:fs", async (original) => (await import("./calls.js")).watch(await original<typeof Fs>()))

const a = idOf("file-a")
const b = idOf("file-b")
const c = idOf("file-c")

const ignored = () => Effect.void

const descriptors = () => Fs.readdirSync("/proc/self/fd").length

const isLinux = process.platform === "linux"

describe("the place of files", () => {
  it.scoped("a file lies under the last two characters of its id", () =>
    Effect.gen(function*() {
      const store = yield* open()
      deepStrictEqual(Fs.readdirSync(store.directory), [])
      yield* store.put(a, 0, numbered(10))
      yield* store.put(b, 0, numbered(10))
      yield* store.put(idOf("another-a"), 0, numbered(10))
      assert.strictEqual(store.pathOf(a), join(store.directory, "-a", a))
      deepStrictEqual(Fs.readdirSync(store.directory).toSorted(), ["-a", "-b"])
      deepStrictEqual(Fs.readdirSync(join(store.directory, "-a")).toSorted(), [a, idOf("another-a")].toSorted())
    }))

  it.scoped("bytes outlive the store", () =>
    Effect.gen(function*() {
      const before = yield* open()
      yield* before.put(a, 0, numbered(10))
      const after = yield* open(before.directory)
      yield* after.put(a, 10, numbered(5, 10))
      deepStrictEqual(before.fileOf(a), numbered(15))
      deepStrictEqual(yield* Stream.runCollect(after.ids), Chunk.of(a))
    }))

  it.scoped("an append behind the end makes no directory", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* fails(store.put(a, 1, numbered(1)), "Corrupt")
      deepStrictEqual(Fs.readdirSync(store.directory), [])
    }))

  it.scoped("an invalid id is refused", () =>
    Effect.gen(function*() {
      const store = yield* open()
      const wrong = [
        "../../../../../tmp/effect-tus-escape",
        "",
        ".",
        "..",
        "a/../../../../../../tmp/effect-tus-x",
        `${a}\0`
      ]
      for (const id of wrong as Array<Upload.UploadId>) {
        deepStrictEqual(store.locate?.(id), Option.none())
        const attempts = [
          store.put(id, 0, numbered(1)),
          store.truncate(id, 0),
          store.sync(id),
          store.concat(id, []),
          store.concat(a, [{ id, length: 0 }]),
          Stream.runDrain(store.read(id, { start: 0, end: 1 })),
          store.remove(id),
          store.size(id)
        ]
        for (const attempt of attempts) {
          const exit = yield* Effect.exit(attempt)
          assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die", `${id}: ${exit}`)
        }
      }
      deepStrictEqual(Fs.readdirSync(store.directory), [])
    }))

  it.scoped("the list skips files that are not uploads", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(1))
      Fs.mkdirSync(join(store.directory, "lost+found"))
      Fs.mkdirSync(join(store.directory, "zz"))
      Fs.writeFileSync(join(store.directory, "README"), "")
      Fs.writeFileSync(join(store.directory, "-a", "short"), "")
      Fs.writeFileSync(join(store.directory, "zz", a), "of another shard")
      Fs.writeFileSync(join(store.directory, "zz", "with.a.dot.in.its.long.namezz"), "")
      deepStrictEqual(yield* Stream.runCollect(store.ids), Chunk.of(a))
    }))

  it.scoped("the list has an upload of which only a broken concatenation is left", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      Fs.renameSync(store.pathOf(a), FileConcat.temporaryOf(store.pathOf(a)))
      yield* store.put(b, 0, numbered(10))
      Fs.copyFileSync(store.pathOf(b), FileConcat.temporaryOf(store.pathOf(b)))
      deepStrictEqual(Array.from(yield* Stream.runCollect(store.ids)).toSorted(), [a, b].toSorted())
      yield* store.remove(a)
      deepStrictEqual(Array.from(yield* Stream.runCollect(store.ids)), [b])
    }))

  it.scoped("the free space is that of the file system", () =>
    Effect.gen(function*() {
      const store = yield* open()
      const { bavail, bsize } = Fs.statfsSync(store.directory)
      const free = yield* Effect.fromNullable(store.free).pipe(Effect.flatten)
      assert.approximately(free, bavail * bsize, 4 * 1024 ** 3)
    }))
})

describe("writes", () => {
  it.scoped("a partial write is continued", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* watching({ limit: 1000 })
      const ends: Array<number> = []
      const batch = Chunk.make(numbered(700), numbered(2300, 700), numbered(0), numbered(1001, 3000))
      const end = yield* store.append(a, 0, Stream.fromChunk(batch), (end) => Effect.sync(() => ends.push(end)))
      assert.strictEqual(end, 4001)
      deepStrictEqual(ends, [1000, 2000, 3000, 4000, 4001])
      assert.isTrue(Buffer.from(numbered(4001)).equals(store.fileOf(a)))
    }))

  it.scoped("a write of 0 bytes is an error, not a loop", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* watching({ limit: 0 })
      yield* fails(store.put(a, 0, numbered(10)), "Write")
    }))

  it.scoped("a call gets at most 1024 buffers or 4 MiB, never nothing, and only one runs at a time", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* watching({})
      const large = numbered(9 * 1024 * 1024 + 1)
      const batches = [
        buffers(3000, numbered(1)),
        Chunk.make(numbered(0)),
        Chunk.make(large),
        buffers(200, large.subarray(0, 65_536))
      ]
      const end = yield* store.append(a, 0, Stream.fromChunks(...batches), ignored)
      assert.strictEqual(end, 3000 + large.length + 200 * 65_536)
      deepStrictEqual(calls.writes.map(({ buffers }) => buffers), [1024, 1024, 952, 1, 1, 1, 64, 64, 64, 8])
      assert.isTrue(calls.writes.every(({ bytes }) => bytes > 0 && bytes <= 4 * 1024 * 1024))
      assert.strictEqual(calls.mostWriting, 1)
      const expected = Buffer.concat([
        Buffer.alloc(3000),
        large,
        ...Array.from({ length: 200 }, () => large.subarray(0, 65_536))
      ])
      assert.isTrue(expected.equals(store.fileOf(a)))
    }))

  it.scoped("a buffer that does not fit into a call is split", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* watching({})
      const buffer = numbered(3 * 1024 * 1024)
      yield* store.append(a, 0, Stream.fromChunk(buffers(3, buffer)), ignored)
      assert.strictEqual(calls.writes.length, 3)
      assert.isTrue(Buffer.concat([buffer, buffer, buffer]).equals(store.fileOf(a)))
    }))

  it.scoped("an interruption in the middle of a large batch leaves no write behind (pains.md M3)", () =>
    Effect.gen(function*() {
      const store = yield* open()
      const started = yield* Deferred.make<void>()
      yield* watching({
        onWrite: (run) => {
          Deferred.unsafeDone(started, Exit.void)
          run()
        }
      })
      let reported = 0
      const batch = buffers(4096, numbered(64 * 1024))
      const fiber = yield* Effect.fork(store.append(a, 0, Stream.fromChunk(batch), (end) => {
        reported = end
        return Effect.void
      }))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(calls.writing, 0)
      const { size } = Fs.statSync(store.pathOf(a))
      const { length } = calls.writes
      assert.isBelow(size, 256 * 1024 * 1024)
      assert.strictEqual(size, reported)
      yield* store.put(b, 0, numbered(10))
      assert.strictEqual(Fs.statSync(store.pathOf(a)).size, size)
      assert.strictEqual(calls.writes.length, length + 1)
    }))

  it.scoped("an interruption waits for the running write, and its bytes are reported", () =>
    Effect.gen(function*() {
      const store = yield* open()
      const held = yield* Deferred.make<() => void>()
      yield* watching({ onWrite: (run) => Deferred.unsafeDone(held, Exit.succeed(run)) })
      const ends: Array<number> = []
      const append = store.append(a, 0, Stream.make(numbered(10)), (end) => Effect.sync(() => ends.push(end)))
      const fiber = yield* Effect.fork(append)
      const write = yield* Deferred.await(held)
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.yieldNow().pipe(Effect.repeatN(100))
      deepStrictEqual(yield* Fiber.poll(interruption), Option.none())
      write()
      yield* Fiber.join(interruption)
      deepStrictEqual(ends, [10])
      deepStrictEqual(store.fileOf(a), numbered(10))
    }))

  it.scoped.runIf(isLinux)(
    "no descriptor of a released upload stays open, however an append, a read or a concat ends",
    () =>
      Effect.gen(function*() {
        const store = yield* open()
        yield* store.put(b, 0, numbered(600 * 1024))
        yield* store.sync(b)
        yield* Stream.runDrain(store.list)
        const before = descriptors()
        const ids = Array.from({ length: 200 }, (_, i) => idOf(`many-${i}`))
        yield* Effect.forEach(
          ids,
          (id, i) => {
            const reading = store.read(b, { start: 0, end: 600 * 1024 })
            const stuck = (append: typeof store.append) =>
              Effect.gen(function*() {
                const written = yield* Deferred.make<void>()
                const bytes = Stream.concat(Stream.make(numbered(10)), Stream.never)
                const fiber = yield* Effect.fork(append(id, 0, bytes, () => Deferred.succeed(written, undefined)))
                yield* Deferred.await(written)
                yield* Fiber.interrupt(fiber)
              })
            const ways: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
              store.put(id, 0, numbered(10)),
              store.append(id, 0, Stream.fail("cut off"), ignored),
              store.append(id, 0, Stream.dieMessage("a bug"), ignored),
              store.append(id, 0, Stream.make(numbered(1)), () => Effect.fail("superseded")),
              store.put(id, 7, numbered(10)),
              stuck(store.append),
              Effect.flatMap(Effect.fork(store.put(id, 0, numbered(10))), Fiber.interrupt),
              Stream.runHead(reading),
              Stream.runForEach(reading, () => Effect.fail("no more")),
              Effect.flatMap(Effect.fork(Stream.runDrain(reading)), Fiber.interrupt),
              store.concat(id, [{ id: b, length: 10 }, { id: b, length: 600 * 1024 }]),
              store.concat(id, [{ id: b, length: 10 }, { id: c, length: 1 }]),
              Effect.flatMap(
                Effect.fork(store.concat(id, [{ id: b, length: 1 }, { id: b, length: 1 }])),
                Fiber.interrupt
              ),
              store.sync(b),
              store.truncate(id, 1)
            ]
            return Effect.exit(ways[i % ways.length] ?? Effect.void)
          },
          { concurrency: 8 }
        )
        yield* Effect.forEach(ids, store.release)
        assert.strictEqual(descriptors(), before)
      })
  )

  it.scoped.runIf(isLinux)(
    "descriptors of unfinished uploads stay open, in limited number, until the store closes",
    () =>
      Effect.gen(function*() {
        const before = descriptors()
        yield* Effect.scoped(Effect.gen(function*() {
          const store = yield* open()
          const ids = Array.from({ length: 600 }, (_, i) => idOf(`many-${i}`))
          yield* Effect.forEach(ids, (id) => store.put(id, 0, numbered(1)), { concurrency: 8 })
          assert.strictEqual(descriptors(), before + 512)
          yield* Effect.forEach(ids, (id) => store.put(id, 1, numbered(1, 1)), { concurrency: 8 })
          yield* Effect.forEach(ids, (id) => Effect.sync(() => deepStrictEqual(store.fileOf(id), numbered(2))))
          assert.strictEqual(descriptors(), before + 512)
        }))
        assert.strictEqual(descriptors(), before)
      })
  )
})

describe("a sync", () => {
  it.scoped.runIf(isLinux)(
    "covers the file, its name, and the name of its shard",
    () =>
      Effect.gen(function*() {
        const store = yield* open()
        yield* store.put(a, 0, numbered(10))
        yield* watching({})
        yield* store.sync(a)
        const shard = join(store.directory, "-a")
        deepStrictEqual(calls.synced.toSorted(), [store.directory, shard, store.pathOf(a)])
        yield* store.put(idOf("other-a"), 0, numbered(10))
        calls.synced.length = 0
        yield* store.sync(idOf("other-a"))
        deepStrictEqual(calls.synced.toSorted(), [shard, store.pathOf(idOf("other-a"))])
      })
  )

  it.scoped.runIf(isLinux)("covers a shard that an earlier store has made", () =>
    Effect.gen(function*() {
      const earlier = yield* open()
      yield* earlier.put(a, 0, numbered(10))
      const store = yield* open(earlier.directory)
      yield* watching({})
      yield* store.sync(a)
      assert.include(calls.synced, store.directory)
    }))

  it.scoped.runIf(isLinux)(
    "covers the directory itself, and all directories made above it",
    () =>
      Effect.gen(function*() {
        const top = yield* directory
        yield* watching({})
        yield* open(join(top, "x", "y", "z"))
        deepStrictEqual(calls.synced.slice(-3), [top, join(top, "x"), join(top, "x", "y")])
      })
  )

  it.scoped.runIf(isLinux)(
    "covers what an earlier store has made and perhaps not synced",
    () =>
      Effect.gen(function*() {
        const top = yield* directory
        Fs.mkdirSync(join(top, "x", "y"), { recursive: true })
        yield* watching({})
        yield* open(join(top, "x", "y", "z"))
        deepStrictEqual(calls.synced.slice(-3), [top, join(top, "x"), join(top, "x", "y")])
        yield* open(join(top, "x", "y", "z"))
        deepStrictEqual(calls.synced.slice(-3), [top, join(top, "x"), join(top, "x", "y")])
      })
  )
})

/** Error codes of systems that cannot sync directories, and error codes that mean lost bytes. */
const none = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF", "EISDIR", "EACCES", "EPERM", "ENOTTY"]
const lost = ["EIO", "ENOSPC", "EDQUOT", "ESTALE"]

describe("a file system that cannot sync directories", () => {
  it.scoped.each(none)(
    "loses no bytes by that, is asked once, and is logged once: %s",
    (code) =>
      Effect.gen(function*() {
        const warnings: Array<unknown> = []
        const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void warnings.push(message)))
        const asked: Array<string> = []
        yield* watching({
          onSync: (call, file) => {
            if (call === "fdatasync") {
              return undefined
            }
            asked.push(file)
            return code
          }
        })
        const store = yield* open()
        yield* Effect.forEach([a, b, c], (id) => store.put(id, 0, numbered(10)))
        asked.length = 0
        yield* Effect.provide(Effect.forEach([a, b, a, c], store.sync), logger)
        deepStrictEqual(calls.synced, [a, b, a, c].map(store.pathOf))
        assert.lengthOf(asked, 1)
        assert.lengthOf(warnings, 1)
        assert.include(String(warnings[0]), `The file system of ${store.directory} cannot sync directories`)
      })
  )

  it.scoped.each(lost)("is not assumed if a sync of a directory reports loss: %s", (code) =>
    Effect.gen(function*() {
      yield* watching({})
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* watching({ onSync: (call) => call === "fsync" ? code : undefined })
      yield* fails(store.sync(a), "Unsynced", code)
      yield* watching({ onSync: (call) => call === "fdatasync" ? code : undefined })
      yield* fails(store.sync(a), "Unsynced", code)
      yield* watching({ onSync: () => undefined })
      yield* store.sync(a)
      assert.include(calls.synced, join(store.directory, "-a"))
    }))

  it.scoped("may be unable to sync files, too: then the error says what to do, and nothing counts as lost", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* watching({ onSync: (call) => call === "fdatasync" ? "EINVAL" : undefined })
      const { message } = yield* fails(store.sync(a), "Write", "EINVAL")
      assert.include(message, `durability "process"`)
    }))
})

describe("a failure", () => {
  it.scoped("for an unusable directory is reported when the layer is built", () =>
    Effect.gen(function*() {
      const file = join(yield* directory, "file")
      Fs.writeFileSync(file, "")
      const onFile = yield* fails(open(file), "Write", "EEXIST")
      assert.include(onFile.message, file)
      const underFile = yield* fails(open(join(file, "under")), "Write", "ENOTDIR")
      assert.include(underFile.message, join(file, "under"))
    }))

  it.scoped("for a directory that may not be written to is reported when the layer is built", () =>
    Effect.gen(function*() {
      // Not even root can create a folder here.
      const error = yield* Effect.flip(open("/sys/kernel/effect-tus"))
      assert.strictEqual(error.reason, "Write")
      assert.include(error.message, "/sys/kernel/effect-tus")
    }))

  it.scoped("counts as an absent upload only if the file is missing", () =>
    Effect.gen(function*() {
      const store = yield* open()
      Fs.writeFileSync(join(store.directory, "-a"), "in the way of the shard")
      yield* fails(store.size(a), "Read", "ENOTDIR")
      yield* fails(store.truncate(a, 0), "Write", "ENOTDIR")
      yield* fails(store.sync(a), "Write", "ENOTDIR")
      yield* fails(store.remove(a), "Write", "ENOTDIR")
      yield* fails(store.put(a, 0, numbered(1)), "Write", "ENOTDIR")
      yield* fails(store.put(a, 1, numbered(1)), "Write", "ENOTDIR")
      yield* fails(store.concat(b, [{ id: a, length: 1 }]), "Read", "ENOTDIR")
      yield* fails(Stream.runDrain(store.read(a, { start: 0, end: 1 })), "Read", "ENOTDIR")
    }))

  it.scoped("in one shard does not affect uploads in the others", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(b, 0, numbered(1))
      Fs.writeFileSync(join(store.directory, "-a"), "in the way of the shard")
      deepStrictEqual(Array.from(yield* Stream.runCollect(store.ids)), [b])
    }))

  it.scoped("to read a shard fails the list, after all other shards", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(b, 0, numbered(1))
      Fs.symlinkSync(join(store.directory, "-a"), join(store.directory, "-a"))
      const found: Array<Upload.UploadId> = []
      const listed = Stream.runForEach(Stream.grouped(store.ids, 256), (ids) => Effect.sync(() => found.push(...ids)))
      yield* fails(listed, "Read", "ELOOP")
      deepStrictEqual(found, [b])
    }))

  it.scoped("for a path with a circle of links is an error, too", () =>
    Effect.gen(function*() {
      const store = yield* open()
      Fs.mkdirSync(join(store.directory, "-a"))
      Fs.symlinkSync(store.pathOf(a), store.pathOf(a))
      yield* fails(store.size(a), "Read", "ELOOP")
      const error = yield* fails(store.put(a, 0, numbered(1)), "Write", "ELOOP")
      assert.include(error.operation, store.pathOf(a))
    }))

  it.scoped("after the directory was removed does not make it again", () =>
    Effect.gen(function*() {
      const store = yield* open()
      Fs.rmdirSync(store.directory)
      yield* fails(store.put(a, 0, numbered(1)), "Write", "ENOENT")
      yield* fails(Stream.runDrain(store.list), "Read", "ENOENT")
      yield* fails(store.free ?? Effect.succeed(0), "Read", "ENOENT")
      assert.isFalse(Fs.existsSync(store.directory))
    }))

  it.scoped("for a file that was removed or cut is reported before more bytes are written", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      Fs.truncateSync(store.pathOf(a), 4)
      yield* fails(store.put(a, 10, numbered(1)), "Corrupt")
      yield* store.put(a, 4, numbered(6, 4))
      deepStrictEqual(store.fileOf(a), numbered(10))
      Fs.rmSync(store.pathOf(a))
      yield* fails(store.put(a, 10, numbered(1)), "Corrupt")
      yield* store.put(a, 0, numbered(10))
      deepStrictEqual(store.fileOf(a), numbered(10))
    }))

  it.scoped("for a file that is removed during a write is reported, and no bytes of it count", () =>
    Effect.gen(function*() {
      const store = yield* open()
      const removed = Effect.sync(() => Fs.rmSync(store.pathOf(a)))
      yield* fails(store.append(a, 0, Stream.make(numbered(10)), () => removed), "Corrupt")
      yield* store.put(a, 0, numbered(10))
      deepStrictEqual(store.fileOf(a), numbered(10))
    }))

  it.scoped("for a shard that was removed is mended: it is made again", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(1))
      yield* store.sync(a)
      Fs.rmSync(join(store.directory, "-a"), { recursive: true })
      yield* store.put(a, 0, numbered(1))
      yield* watching({})
      yield* store.sync(a)
      assert.isTrue(!isLinux || calls.synced.includes(store.directory))
    }))

  it.scoped.runIf(Fs.existsSync("/dev/full"))("for a device without space is NoSpace", () =>
    Effect.gen(function*() {
      const store = yield* open()
      Fs.mkdirSync(join(store.directory, "-a"))
      Fs.symlinkSync("/dev/full", store.pathOf(a))
      yield* fails(store.put(a, 0, numbered(10)), "NoSpace", "ENOSPC")
    }))
})

needs("mount")("a full disk", () => {
  it.scoped(
    "keeps the reported bytes, and uploads continue when there is space again",
    () =>
      Effect.gen(function*() {
        const path = yield* directory
        yield* Effect.acquireRelease(
          // A file system of 1 MiB.
          Effect.sync(() => execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path])),
          () => Effect.sync(() => execFileSync("umount", ["-l", path]))
        )
        const store = yield* open(path)
        yield* store.put(b, 0, numbered(300 * 1024))
        let reported = 0
        const bytes = numbered(1024 * 1024)
        const append = store.append(a, 0, Stream.make(bytes), (end) => Effect.sync(() => (reported = end)))
        yield* fails(append, "NoSpace", "ENOSPC")
        assert.isAbove(reported, 0)
        assert.strictEqual(Fs.statSync(store.pathOf(a)).size, reported)
        assert.isTrue(Buffer.from(bytes.subarray(0, reported)).equals(store.fileOf(a)))
        assert.strictEqual(yield* store.free ?? Effect.succeed(1), 0)

        yield* fails(store.concat(c, [{ id: b, length: 300 * 1024 }, { id: b, length: 1 }]), "NoSpace", "ENOSPC")
        deepStrictEqual(Array.from(yield* Stream.runCollect(store.ids)).toSorted(), [a, b])
        yield* store.remove(b)
        yield* store.put(a, reported, bytes.subarray(reported, reported + 1000))
        assert.isTrue(Buffer.from(bytes.subarray(0, reported + 1000)).equals(store.fileOf(a)))
      })
  )
})
