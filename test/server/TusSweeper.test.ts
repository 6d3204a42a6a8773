import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, RegistryCache, Upload, UploadLock, UploadRegistry, UploadStoreError } from "effect-tus"
import { TusSweeper, UploadEvents } from "effect-tus/server"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import { bytes as size, id, uploadOf } from "../protocol/arbitraries.js"
import { create, head, patch, request } from "../support/memory.js"
import { idOf } from "../support/uploads.js"
import { server } from "./doors.js"

const options = { fence: 1, durable: false }

/** Three bytes without a state. */
const write = (id: Upload.UploadId) =>
  Effect.flatMap(
    ByteStore.ByteStore,
    (bytes) => ByteStore.appendStream(bytes)(id, { at: 0, fence: 1 }, Stream.make(new Uint8Array(3)), () => Effect.void)
  )

/** The orphans that were set aside, in the order of ids. */
const aside = Effect.flatMap(ByteStore.ByteStore, ({ orphans }) =>
  Effect.map(
    Stream.runCollect(orphans?.list ?? Stream.empty),
    (found) => Array.from(found).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  ))

const events: Array<string> = []
const recorded = Layer.succeed(UploadEvents.UploadEvents, {
  publish: ({ _tag, upload }) => Effect.sync(() => events.push(`${_tag} ${upload.id}`))
})

describe("TusSweeper", () => {
  it.effect("removes the state and the bytes of expired unfinished uploads, and never a complete one", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const registry = yield* UploadRegistry.UploadRegistry
      const old = yield* create({ "upload-length": "3" })
      const done = yield* create({ "upload-length": "3" })
      yield* patch(old, 0, "ab")
      yield* patch(done, 0, "abc")
      yield* TestClock.adjust("50 minutes")
      const young = yield* create({ "upload-length": "3" })
      yield* TestClock.adjust("20 minutes")
      assert.strictEqual((yield* head(old)).status, 410)
      yield* sweep()
      deepStrictEqual(
        (yield* Effect.all([head(old), head(done), head(young)])).map(({ status }) => status),
        [404, 200, 200]
      )
      deepStrictEqual(yield* bytes.size(idOf(old)), Option.none())
      deepStrictEqual(yield* bytes.size(idOf(done)), Option.some(3))
      deepStrictEqual((yield* registry.usage).uploads, 2)
      assert.include(events, `Expired ${idOf(old)}`)
    }).pipe(Effect.provide(Layer.provideMerge(server({ expiresAfter: "1 hour" }), recorded))))

  it.effect("an acknowledged byte renews the expiry of an upload", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const path = yield* create({ "upload-length": "9" })
      for (let i = 0; i < 5; i++) {
        yield* TestClock.adjust("50 minutes")
        assert.strictEqual((yield* patch(path, i, "x")).status, 204)
      }
      yield* sweep()
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "5")
    }).pipe(Effect.provide(server({ expiresAfter: "1 hour" }))))

  it.effect("sets aside the bytes of an expired upload if there are more than its state counts", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const path = yield* create({ "upload-length": "9" })
      yield* patch(path, 0, "ab")
      // As in an older copy of a database, with a lower offset.
      yield* ByteStore.appendStream(bytes)(
        idOf(path),
        { at: 2, fence: 1 },
        Stream.make(Uint8Array.of(1, 2)),
        () => Effect.void
      )
      yield* TestClock.adjust("2 hours")
      yield* sweep()
      assert.strictEqual((yield* head(path)).status, 404)
      deepStrictEqual(yield* bytes.size(idOf(path)), Option.none())
      deepStrictEqual((yield* aside).map(({ id, size }) => [id, size]), [[idOf(path), 4]])
    }).pipe(Effect.provide(server({ expiresAfter: "1 hour" }))))

  it.effect("removes a part that had lost its bytes if no client has sent them again", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const part = yield* create({ "upload-length": "2", "upload-concat": "partial" })
      yield* patch(part, 0, "ab")
      yield* bytes.remove(idOf(part), 1)
      const refused = yield* request("POST", "/files", { "upload-concat": `final;${part}` })
      assert.strictEqual(refused.status, 410)
      assert.strictEqual((yield* head(part)).headers["upload-offset"], "0")
      yield* TestClock.adjust("50 minutes")
      yield* sweep()
      assert.strictEqual((yield* head(part)).status, 200)
      yield* TestClock.adjust("20 minutes")
      yield* sweep()
      assert.strictEqual((yield* head(part)).status, 404)
    }).pipe(Effect.provide(server({ expiresAfter: "1 hour" }))))

  it.effect("leaves an upload alone while it is written", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const path = yield* create({ "upload-length": "3" })
      const asked = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const waiting: UploadBody.UploadBody = {
        ...UploadBody.empty,
        pull: Deferred.succeed(asked, undefined).pipe(
          Effect.zipRight(Deferred.await(gate)),
          Effect.zipRight(Effect.fail(Option.none()))
        )
      }
      const running = yield* Effect.fork(patch(path, 0, waiting))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("2 hours")
      yield* sweep()
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(running)).status, 204)
    }).pipe(Effect.provide(server({ expiresAfter: "1 hour" }))))

  it.effect("removes used partial uploads only if it is configured to, and only when every final is complete", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const part = yield* create({ "upload-length": "1", "upload-concat": "partial" })
      const other = yield* create({ "upload-length": "1", "upload-concat": "partial" })
      yield* patch(part, 0, "a")
      yield* create({ "upload-concat": `final;${part}` })
      const waiting = yield* create({ "upload-concat": `final;${part} ${other}` })
      yield* sweep({ removeUsedPartials: true })
      assert.strictEqual((yield* head(part)).status, 200)
      yield* patch(other, 0, "b")
      yield* sweep()
      assert.strictEqual((yield* head(waiting)).headers["upload-offset"], "2")
      assert.strictEqual((yield* head(part)).status, 200)
      yield* sweep({ removeUsedPartials: true })
      deepStrictEqual(
        (yield* Effect.all([head(part), head(other), head(waiting)])).map(({ status }) => status),
        [404, 404, 200]
      )
    }).pipe(Effect.provide(server())))

  it.effect("removes files without a state only if they are empty, and sets all others aside, byte by byte", () =>
    Effect.gen(function*() {
      const { sweepOrphans } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const [empty, stray] = [id("a"), id("b")]
      yield* ByteStore.appendStream(bytes)(empty, { at: 0, fence: 1 }, Stream.empty, () => Effect.void)
      yield* ByteStore.appendStream(bytes)(
        stray,
        { at: 0, fence: 1 },
        Stream.make(Uint8Array.of(1, 2, 3)),
        () => Effect.void
      )
      yield* sweepOrphans()
      deepStrictEqual(yield* Effect.all([bytes.size(empty), bytes.size(stray)]), [Option.none(), Option.none()])
      const [orphan, ...others] = yield* aside
      deepStrictEqual([orphan?.id, orphan?.size, others], [stray, 3, []])
      yield* TestClock.adjust("29 days")
      yield* sweepOrphans()
      assert.strictEqual((yield* aside).length, 1)
      yield* TestClock.adjust("2 days")
      yield* sweepOrphans({ keepOrphans: "32 days" })
      assert.strictEqual((yield* aside).length, 1)
      yield* sweepOrphans()
      deepStrictEqual(yield* aside, [])
    }).pipe(Effect.provide(server())))

  it.effect("puts back bytes that were set aside if a state names them again and lacks exactly these", () =>
    Effect.gen(function*() {
      const { sweepOrphans } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const registry = yield* UploadRegistry.UploadRegistry
      const now = yield* DateTime.now
      const known = (letter: string, length: number) =>
        uploadOf({ id: id(letter), length: Option.some(size(length)), createdAt: now })
          .fill(size(length), { _tag: "Complete", at: now, answer: Option.none() })
      yield* Effect.forEach(["a", "b", "c", "d"], (letter) => write(id(letter)))
      yield* sweepOrphans()
      assert.strictEqual((yield* aside).length, 4)
      yield* registry.create(known("a", 3), options)
      yield* registry.create(known("b", 4), options)
      yield* registry.create(uploadOf({ id: id("c"), createdAt: now }), options)
      yield* registry.create(known("d", 3), options)
      yield* write(id("d"))
      yield* sweepOrphans()
      deepStrictEqual(yield* bytes.size(id("a")), Option.some(3))
      deepStrictEqual(yield* bytes.size(id("b")), Option.none())
      deepStrictEqual(yield* bytes.size(id("c")), Option.none())
      deepStrictEqual((yield* aside).map(({ id }) => id), ["b", "c", "d"].map(id))
    }).pipe(Effect.provide(server())))

  it.effect("does nothing if the bytes belong to another database", () =>
    Effect.gen(function*() {
      const bytes = yield* ByteStore.ByteStore
      const registry = yield* UploadRegistry.UploadRegistry
      const path = yield* create({ "upload-length": "3" })
      yield* patch(path, 0, "ab")
      yield* bytes.remove(idOf(path), 1)
      yield* write(id("a"))
      const named = (told: string) =>
        TusSweeper.make.pipe(
          Effect.provideService(UploadRegistry.UploadRegistry, {
            ...registry,
            identity: { get: Effect.succeedSome({ name: "one", isTold: true }), set: () => Effect.void }
          }),
          Effect.provideService(ByteStore.ByteStore, {
            ...bytes,
            identity: { get: Effect.succeedSome(told), set: () => Effect.void, place: "here" }
          }),
          Effect.flatMap(({ sweepOrphans }) => sweepOrphans())
        )
      yield* named("another")
      deepStrictEqual(yield* bytes.size(id("a")), Option.some(3))
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "2")
      yield* named("one")
      deepStrictEqual(yield* bytes.size(id("a")), Option.none())
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "0")
    }).pipe(Effect.provide(server())))

  it.effect("leaves bytes where they are if the store cannot set them aside", () =>
    Effect.gen(function*() {
      const bytes = yield* ByteStore.ByteStore
      const { sweepOrphans } = yield* Effect.provideService(TusSweeper.make, ByteStore.ByteStore, {
        ...bytes,
        orphans: undefined
      })
      yield* write(id("a"))
      yield* sweepOrphans()
      deepStrictEqual(yield* bytes.size(id("a")), Option.some(3))
    }).pipe(Effect.provide(server())))

  it.effect("sets aside bytes without a state, and sets unfinished states back to the bytes that are stored", () =>
    Effect.gen(function*() {
      const { sweepOrphans } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const stray = Upload.UploadId.make("0123456789abcdef0123456789abcdef")
      yield* write(stray)
      const lost = yield* create({ "upload-length": "3" })
      yield* patch(lost, 0, "ab")
      yield* bytes.remove(idOf(lost), 1)
      const moved = yield* create({ "upload-length": "1" })
      yield* patch(moved, 0, "a")
      yield* bytes.remove(idOf(moved), 1)
      const cut = yield* create({ "upload-length": "3" })
      yield* patch(cut, 0, "ab")
      yield* bytes.truncate(idOf(cut), { at: 1, fence: 1 })
      yield* sweepOrphans()
      deepStrictEqual(yield* bytes.size(stray), Option.none())
      deepStrictEqual(
        (yield* Effect.all([head(lost), head(moved), head(cut)])).map(({ headers }) => headers["upload-offset"]),
        ["0", "1", "1"]
      )
      assert.strictEqual((yield* patch(lost, 0, "abc")).status, 204)
      assert.strictEqual((yield* patch(cut, 1, "bc")).status, 204)
    }).pipe(Effect.provide(server())))

  it.effect("leaves young bytes without a state alone where other processes write, too", () =>
    Effect.gen(function*() {
      const memory = yield* ByteStore.ByteStore
      const { sweepOrphans } = yield* Effect.provideService(TusSweeper.make, ByteStore.ByteStore, {
        ...memory,
        isShared: true
      })
      const stray = Upload.UploadId.make("0123456789abcdef0123456789abcdef")
      yield* write(stray)
      yield* TestClock.adjust("23 hours")
      yield* sweepOrphans()
      deepStrictEqual(yield* memory.size(stray), Option.some(3))
      yield* TestClock.adjust("1 hour")
      yield* sweepOrphans()
      deepStrictEqual(yield* memory.size(stray), Option.none())
      deepStrictEqual((yield* aside).map(({ id }) => id), [stray])
    }).pipe(Effect.provide(server())))

  it.effect("leaves alone bytes whose state is being written, and bytes whose state is found after all", () =>
    Effect.gen(function*() {
      const bytes = yield* ByteStore.ByteStore
      const lock = yield* UploadLock.UploadLock
      const registry = yield* UploadRegistry.UploadRegistry
      // A query for all uploads may be outdated for each of them.
      const { sweepOrphans } = yield* Effect.provideService(TusSweeper.make, UploadRegistry.UploadRegistry, {
        ...registry,
        absent: Effect.succeed
      })
      const [creating, created] = [id("a"), id("b")]
      yield* write(creating)
      yield* write(created)
      yield* registry.create(uploadOf({ id: created }), { fence: 1, durable: false })
      yield* lock.withLock(creating, () => sweepOrphans())
      deepStrictEqual(
        yield* Effect.all([bytes.size(creating), bytes.size(created)]),
        [Option.some(3), Option.some(3)]
      )
      yield* sweepOrphans()
      deepStrictEqual(
        yield* Effect.all([bytes.size(creating), bytes.size(created)]),
        [Option.none(), Option.some(3)]
      )
    }).pipe(Effect.provide(server())))

  it.effect("leaves alone an upload that has received other bytes meanwhile", () =>
    Effect.gen(function*() {
      const registry = yield* UploadRegistry.UploadRegistry
      const { sweepOrphans } = yield* Effect.provideService(TusSweeper.make, UploadRegistry.UploadRegistry, {
        ...registry,
        withBytes: (page) =>
          Effect.map(registry.withBytes(page), (found) => found.map(({ id }) => ({ id, offset: size(9) })))
      })
      const path = yield* create({ "upload-length": "9" })
      yield* patch(path, 0, "ab")
      yield* sweepOrphans()
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "2")
    }).pipe(Effect.provide(server())))

  it.effect("looks for orphans without filling the cache of states", () =>
    Effect.gen(function*() {
      const registry = yield* UploadRegistry.UploadRegistry
      const asked: Array<string> = []
      const states = RegistryCache.make({
        ...registry,
        get: (id) => Effect.zipRight(Effect.sync(() => asked.push(id)), registry.get(id))
      }, { capacity: 4 })
      const { sweepOrphans } = yield* Effect.provideService(TusSweeper.make, UploadRegistry.UploadRegistry, states)
      for (const letter of ["a", "b", "c", "d", "e", "f"]) {
        const upload = uploadOf({ id: id(letter) })
        yield* write(upload.id)
        yield* states.create(letter < "c" ? upload.fill(size(3), { _tag: "Finishing" }) : upload.cut(3), options)
      }
      yield* sweepOrphans()
      deepStrictEqual(asked, [])
      yield* Effect.forEach(["e", "f"], (letter) => states.get(id(letter)))
      deepStrictEqual(asked, [])
    }).pipe(Effect.provide(server())))

  it.live("lets other fibers run between pages", () =>
    Effect.gen(function*() {
      const registry = yield* UploadRegistry.UploadRegistry
      let turn = 0
      const turns: Array<string> = []
      const noted = <A>(what: string, self: Effect.Effect<A, UploadStoreError.UploadStoreError>) =>
        Effect.zipRight(Effect.sync(() => turns.push(`${what} ${turn}`)), self)
      const { sweepOrphans } = yield* Effect.provideService(TusSweeper.make, UploadRegistry.UploadRegistry, {
        ...registry,
        withBytes: (page) => noted("begun", registry.withBytes(page)),
        absent: (ids) => noted("missing", registry.absent(ids))
      })
      for (let n = 0; n < 600; n++) {
        const upload = uploadOf({ id: id(String(n)), length: Option.none() }).cut(3)
        yield* write(upload.id)
        yield* registry.create(upload, options)
      }
      const others = setInterval(() => turn++, 0)
      yield* Effect.ensuring(sweepOrphans(), Effect.sync(() => clearInterval(others)))
      assert.strictEqual(turns.length, 6)
      assert.strictEqual(new Set(turns).size, 6)
    }).pipe(Effect.provide(server())))

  it.effect("sweeps only in its turn, keeps the turn during a sweep, and says once that it cannot ask", () =>
    Effect.gen(function*() {
      const registry = yield* UploadRegistry.UploadRegistry
      const answers = [false, true, "down", "down", true]
      const seen: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const logger = Logger.make(({ message }) => {
        seen.push(String(message))
      })
      const takeTurn = (work: string, length: Duration.Duration) =>
        Effect.suspend(() => {
          if (work === "orphans") {
            return Effect.succeed(false)
          }
          const answer = answers.shift() ?? true
          seen.push(`${answer} ${Duration.format(length)}`)
          return typeof answer === "boolean"
            ? Effect.succeed(answer)
            : new UploadStoreError.UploadStoreError({ reason: "Read", operation: "ask", cause: new Error(answer) })
        })
      yield* Layer.build(TusSweeper.layer()).pipe(
        Effect.provideService(UploadRegistry.UploadRegistry, {
          ...registry,
          takeTurn,
          absent: () => Effect.dieMessage("expected no sweep of orphans"),
          expired: () => Effect.as(Effect.zipRight(Effect.sync(() => seen.push("sweep")), Deferred.await(gate)), [])
        }),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      yield* TestClock.adjust("75 seconds")
      deepStrictEqual(seen, ["false 30s", "true 30s", "sweep", "down 30s", "no sweep of expired uploads: ask: down"])
      seen.length = 0
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("2 minutes")
      deepStrictEqual(seen, ["down 30s", "true 30s", "sweep"])
    }).pipe(Effect.scoped, Effect.provide(server())))

  it.effect("sweeps at once, and then by its schedule", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      yield* Layer.build(TusSweeper.layer())
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual((yield* head(path)).status, 200)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* head(path)).status, 404)
    }).pipe(Effect.scoped, Effect.provide(server({ expiresAfter: "1 hour" }))))
})
