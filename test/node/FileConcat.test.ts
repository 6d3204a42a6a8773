/**
 * Assembling files beside other file operations: Node has four threads for all of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type { Upload } from "effect-tus"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import * as FileConcat from "../../src/node/files/FileConcat.js"
import { idOf, numbered } from "../../src/testing/Fixtures.js"
import { calls, watching } from "./calls.js"
import { buffers, fails, open } from "./temporary.js"

vi.mock("node:fs", async (original) => (await import("./calls.js")).watch(await original<typeof Fs>()))

const a = idOf("file-a")
const b = idOf("file-b")
const c = idOf("file-c")

const ignored = () => Effect.void

const used = () => {
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}

describe("a concatenated file", () => {
  it.scoped("that a crash left unfinished is not listed, and does not disturb the next attempt", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* store.put(c, 0, numbered(1))
      const leftover = `${store.pathOf(c)}.concat`
      Fs.writeFileSync(leftover, numbered(1000, 3))
      deepStrictEqual(Array.from(yield* Stream.runCollect(store.ids)).toSorted(), [a, c])
      yield* store.concat(c, [{ id: a, length: 5 }, { id: a, length: 2 }])
      deepStrictEqual(store.fileOf(c), Uint8Array.from([0, 1, 2, 3, 4, 0, 1]))
      Fs.writeFileSync(leftover, numbered(1000, 3))
      yield* store.concat(c, [])
      deepStrictEqual(store.fileOf(c), numbered(0))
      assert.isFalse(Fs.existsSync(leftover))
    }))

  it.scoped("that a crash left unfinished is removed with its upload", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(c, 0, numbered(1))
      Fs.writeFileSync(`${store.pathOf(c)}.concat`, numbered(1000))
      yield* store.remove(c)
      deepStrictEqual(Fs.readdirSync(join(store.directory, "-c")), [])
    }))

  it.scoped("is unchanged after a failure at the last moment, and nothing else is left", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* store.put(c, 0, numbered(3))
      yield* watching({ renameError: Object.assign(new Error("EIO: i/o error"), { code: "EIO" }) })
      yield* fails(store.concat(c, [{ id: a, length: 10 }, { id: a, length: 10 }]), "Write", "EIO")
      deepStrictEqual(Fs.readdirSync(join(store.directory, "-c")), [c])
      deepStrictEqual(store.fileOf(c), numbered(3))
    }))

  it.scoped("is unchanged after an interruption, and nothing else is left", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* store.put(c, 0, numbered(3))
      const held = yield* Deferred.make<() => void>()
      yield* watching({ onWrite: (run) => Deferred.unsafeDone(held, Exit.succeed(run)) })
      const concat = store.concat(c, [{ id: a, length: 10 }, { id: a, length: 10 }])
      const fiber = yield* Effect.fork(concat)
      const write = yield* Deferred.await(held)
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.yieldNow()
      write()
      yield* Fiber.join(interruption)
      deepStrictEqual(Fs.readdirSync(join(store.directory, "-c")), [c])
      deepStrictEqual(store.fileOf(c), numbered(3))
    }))

  it.scoped("is complete even if a write was partial", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* store.put(b, 0, numbered(2500, 10))
      yield* watching({ limit: 1000 })
      yield* store.concat(c, [{ id: a, length: 10 }, { id: b, length: 2500 }])
      assert.isTrue(Buffer.from(numbered(2510)).equals(store.fileOf(c)))
    }))

  it.scoped("is refused before anything is copied if a part is too short", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* store.put(b, 0, numbered(10))
      yield* watching({})
      yield* fails(store.concat(c, [{ id: a, length: 10 }, { id: a, length: 10 }, { id: b, length: 11 }]), "Corrupt")
      deepStrictEqual(calls.writes, [])
    }))

  it.scoped("is refused if a part is cut meanwhile", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(a, 0, numbered(10))
      yield* store.put(b, 0, numbered(10))
      yield* watching({
        onRead: (run) => {
          Fs.truncateSync(store.pathOf(b), 4)
          run()
        }
      })
      yield* fails(store.concat(c, [{ id: a, length: 10 }, { id: b, length: 10 }]), "Corrupt")
      deepStrictEqual(Fs.readdirSync(join(store.directory, "-c")), [])
    }))

  it.scoped("of 256 MiB needs at most 32 MiB of memory", () =>
    Effect.gen(function*() {
      const store = yield* open()
      const half = 128 * 1024 * 1024
      const batch = buffers(16, numbered(64 * 1024))
      const bytes = Stream.repeatEffectChunk(Effect.succeed(batch)).pipe(Stream.take(half / (64 * 1024)))
      yield* store.append(a, 0, bytes, ignored)
      yield* store.append(b, 0, bytes, ignored)
      let most = 0
      yield* watching({
        onRead: (run) => {
          most = Math.max(most, used())
          run()
        }
      })
      const before = used()
      yield* store.concat(c, [{ id: a, length: half }, { id: b, length: half }])
      assert.strictEqual(Fs.statSync(store.pathOf(c)).size, 2 * half)
      assert.isAbove(most, 0)
      assert.isBelow(most - before, 32 * 1024 * 1024)
    }))
})

const mebibyte = 1024 * 1024
const part = idOf("part")
const finals = Array.from({ length: 20 }, (_, i) => idOf(`final-${i}`))

/** Without copy-on-write clones. */
const copying = watching({ cloneError: "ENOTSUP" })

const parts = (
  ...lengths: ReadonlyArray<number>
): ReadonlyArray<{ readonly id: Upload.UploadId; readonly length: number }> =>
  lengths.map((length) => ({ id: part, length }))

describe("several concatenations", () => {
  it.scoped("share one thread and run in pieces, also their syncs", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(part, 0, numbered(3 * mebibyte))
      yield* copying
      const assemble = (final: Upload.UploadId) =>
        Effect.zipRight(store.concat(final, parts(3 * mebibyte, mebibyte)), store.sync(final))
      yield* Effect.forEach(finals, assemble, { concurrency: "unbounded" })
      assert.strictEqual(calls.mostLong, 1)
      assert.isAtMost(Math.max(...calls.writes.map(({ bytes }) => bytes)), 4 * mebibyte)
      const expected = Buffer.concat([numbered(3 * mebibyte), numbered(mebibyte)])
      for (const final of finals) {
        assert.isTrue(expected.equals(store.fileOf(final)))
      }
      assert.isTrue(finals.every((final) => calls.synced.includes(store.pathOf(final))))
    }))

  it.scoped("take turns: a small one does not wait for the end of a large one", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(part, 0, numbered(8 * mebibyte))
      yield* copying
      const ended: Array<string> = []
      const assemble = (name: string, length: number) =>
        Effect.tap(store.concat(idOf(name), parts(length)), () => Effect.sync(() => ended.push(name)))
      yield* Effect.all([assemble("large", 8 * mebibyte), assemble("larger", 8 * mebibyte), assemble("small", 1000)], {
        concurrency: "unbounded"
      })
      assert.strictEqual(ended[0], "small")
    }))

  it.scoped("share the blocks of their first part if the file system can clone, and copy only the others", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(part, 0, numbered(1000))
      yield* watching({})
      yield* store.concat(idOf("cloned"), parts(1000, 10))
      deepStrictEqual(calls.copies, [Fs.constants.COPYFILE_FICLONE_FORCE])
      deepStrictEqual(store.fileOf(idOf("cloned")), Uint8Array.from([...numbered(1000), ...numbered(10)]))
      deepStrictEqual(calls.writes.map(({ bytes }) => bytes), [10])
    }))

  it.scoped("can be interrupted between two pieces, leave nothing, and are started again", () =>
    Effect.gen(function*() {
      const store = yield* open()
      yield* store.put(part, 0, numbered(4 * mebibyte))
      yield* copying
      const held = yield* Deferred.make<() => void>()
      yield* watching({ onWrite: (run) => Deferred.unsafeDone(held, Exit.succeed(run)) })
      const assembling = yield* Effect.fork(store.concat(idOf("final"), parts(4 * mebibyte)))
      const run = yield* Deferred.await(held)
      const interrupting = yield* Effect.fork(Fiber.interrupt(assembling))
      yield* Effect.yieldNow()
      assert.isTrue(Option.isNone(yield* Fiber.poll(interrupting)))
      run()
      yield* Fiber.join(interrupting)
      assert.strictEqual(calls.writes.length, 1)
      assert.isFalse(Fs.existsSync(FileConcat.temporaryOf(store.pathOf(idOf("final")))))
      assert.isTrue(Option.isNone(yield* store.size(idOf("final"))))
      calls.onWrite = (write) => write()
      yield* store.concat(idOf("final"), parts(4 * mebibyte))
      assert.isTrue(Buffer.from(numbered(4 * mebibyte)).equals(store.fileOf(idOf("final"))))
    }))
})
