import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  ByteStore,
  HashFunctions,
  Refusal,
  RegistryCache,
  Upload,
  UploadLock,
  UploadRegistry,
  UploadStore,
  UploadStoreError
} from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import { TusServer, TusSweeper, UploadEvents, UploadHooks } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import { bodyOf, create, head, patch, request } from "../support/memory.js"
import { idOf } from "../support/uploads.js"
import { memory, server } from "./doors.js"

const content = (path: string, length: number) =>
  Effect.flatMap(ByteStore.ByteStore, (bytes) =>
    bytes.read(idOf(path), { start: 0, end: length }).pipe(
      Stream.decodeText(),
      Stream.mkString
    ))

/** Lets fibers in the background run. */
const settled = Effect.repeatN(Effect.yieldNow(), 100)

const hooked = (onComplete: UploadHooks.Hooks["onComplete"]) =>
  Layer.provide(server(), Layer.succeed(UploadHooks.UploadHooks, { onComplete })).pipe(Layer.provideMerge(memory))

describe("completion", () => {
  it.effect("the hook runs once, however often the last request is repeated", () => {
    let runs = 0
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      yield* patch(path, 0, "abc")
      yield* patch(path, 3, "")
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "3")
      assert.strictEqual(runs, 1)
      const empty = yield* create({ "upload-length": "0" })
      yield* patch(empty, 0, "")
      assert.strictEqual(runs, 2)
    }).pipe(Effect.provide(hooked(() => Effect.sync(() => void runs++))))
  })

  it.effect("a rejection by the hook is stored, and answers every later request until the upload is terminated", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      const refused = yield* patch(path, 0, "abc")
      deepStrictEqual([refused.status, refused.body], [422, "a virus\n"])
      assert.strictEqual((yield* head(path)).status, 422)
      assert.strictEqual((yield* patch(path, 3, "")).status, 422)
      assert.strictEqual((yield* request("DELETE", path)).status, 204)
      assert.strictEqual((yield* head(path)).status, 404)
    }).pipe(Effect.provide(hooked(() => new Refusal.UploadRejected({ status: 422, reason: "a virus" })))))

  it.effect("a hook that crashed runs again, at a later request or in the next process", () => {
    let runs = 0
    const crashing = hooked(() => (++runs < 3 ? Effect.die("boom") : Effect.void))
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      assert.strictEqual((yield* patch(path, 0, "abc")).status, 500)
      assert.strictEqual((yield* head(path)).status, 423)
      assert.strictEqual((yield* patch(path, 3, "")).status, 500)
      // A new process on the same store.
      yield* Layer.build(
        Layer.fresh(TusServer.layer).pipe(
          Layer.provide(Layer.succeed(UploadHooks.UploadHooks, { onComplete: () => Effect.sync(() => void runs++) }))
        )
      )
      yield* settled
      assert.strictEqual((yield* head(path)).status, 200)
      assert.strictEqual(runs, 3)
    }).pipe(Effect.scoped, Effect.provide(crashing))
  })

  it.effect("the hook does not run for partial uploads, but for their final", () => {
    const seen: Array<string> = []
    return Effect.gen(function*() {
      const part = yield* create({ "upload-length": "3", "upload-concat": "partial" })
      yield* patch(part, 0, "abc")
      const final = yield* create({ "upload-concat": `final;${part}` })
      deepStrictEqual(seen, [idOf(final)])
    }).pipe(Effect.provide(hooked(({ id }) => Effect.sync(() => void seen.push(id)))))
  })

  it.effect("each event is published once", () => {
    const events: Array<string> = []
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      yield* patch(path, 0, "ab")
      yield* patch(path, 2, "c")
      yield* patch(path, 3, "")
      yield* request("DELETE", path)
      deepStrictEqual(events, ["Created", "Progress", "Completed", "Terminated"])
    }).pipe(Effect.provide(Layer.provide(
      server(),
      Layer.succeed(UploadEvents.UploadEvents, { publish: ({ _tag }) => Effect.sync(() => void events.push(_tag)) })
    )))
  })
})

describe("concatenation-unfinished", () => {
  it.effect("a final completes with the last of its parts, in the requested order", () =>
    Effect.gen(function*() {
      const a = yield* create({ "upload-length": "3", "upload-concat": "partial" })
      const b = yield* create({ "upload-defer-length": "1", "upload-concat": "partial" })
      const final = yield* create({ "upload-concat": `final;${b} ${a} ${b}` })
      const waiting = (yield* head(final)).headers
      assert.isUndefined(waiting["upload-offset"])
      assert.isUndefined(waiting["upload-length"])
      yield* patch(b, 0, "de", { "upload-length": "2" })
      yield* settled
      const known = (yield* head(final)).headers
      assert.isUndefined(known["upload-offset"])
      assert.strictEqual(known["upload-length"], "7")
      yield* patch(a, 0, "abc")
      yield* settled
      assert.strictEqual((yield* head(final)).headers["upload-offset"], "7")
      assert.strictEqual(yield* content(final, 7), "deabcde")
    }).pipe(Effect.provide(server())))

  it.effect("a waiting final exists as long as its parts, and is removed when one of them is gone", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const a = yield* create({ "upload-length": "9", "upload-concat": "partial" })
      const final = yield* create({ "upload-concat": `final;${a}` })
      for (let offset = 0; offset < 5; offset++) {
        yield* TestClock.adjust("50 minutes")
        yield* patch(a, offset, "x")
        yield* sweep()
      }
      assert.strictEqual((yield* head(final)).status, 200)
      yield* TestClock.adjust("2 hours")
      yield* sweep()
      deepStrictEqual([(yield* head(a)).status, (yield* head(final)).status], [404, 404])
    }).pipe(Effect.provide(server({ expiresAfter: "1 hour" }))))

  it.effect("a waiting final is removed when its parts together exceed the maximum size", () =>
    Effect.gen(function*() {
      const parts = { "upload-defer-length": "1", "upload-concat": "partial" }
      const [a, b] = [yield* create(parts), yield* create(parts)]
      const final = yield* create({ "upload-concat": `final;${a} ${b}` })
      yield* patch(a, 0, "abc", { "upload-length": "3" })
      assert.strictEqual((yield* head(final)).status, 200)
      yield* patch(b, 0, "def", { "upload-length": "3" })
      yield* settled
      assert.strictEqual((yield* head(final)).status, 404)
    }).pipe(Effect.provide(server({ maxSize: 5 }))))

  it.effect("a final whose assembly was lost in a crash is assembled by the next process", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(memory)
      const process = <A, E>(use: Effect.Effect<A, E, TusServer.TusServer>) =>
        Effect.scoped(Effect.flatMap(Layer.build(TusServer.layer), (server) => Effect.provide(use, server))).pipe(
          Effect.provide(context)
        )
      const final = yield* process(Effect.gen(function*() {
        const a = yield* create({ "upload-length": "1", "upload-concat": "partial" })
        const final = yield* create({ "upload-concat": `final;${a}` })
        // The part becomes complete without this server, as if another process had ended right after its commit.
        const registry = yield* Effect.provide(UploadRegistry.UploadRegistry, context)
        const bytes = yield* Effect.provide(ByteStore.ByteStore, context)
        const entry = Option.getOrThrow(yield* registry.get(idOf(a)))
        yield* ByteStore.appendStream(bytes)(
          idOf(a),
          { at: 0, fence: 1 },
          Stream.make(new Uint8Array([97])),
          () => Effect.void
        )
        const full = entry.upload.fill(Upload.Bytes.make(1), {
          _tag: "Complete",
          at: entry.upload.createdAt,
          answer: Option.none()
        })
        yield* registry.commit(entry, full, { fence: entry.fence, durable: false })
        return final
      }))
      const after = yield* process(Effect.zipRight(settled, head(final)))
      assert.strictEqual(after.headers["upload-offset"], "1")
    }).pipe(Effect.scoped))

  it.effect("a part that completes reads only the next missing part of each waiting final, not all of its parts", () => {
    let reads = 0
    const counted = Layer.map(UploadRegistry.layerMemory, (context) => {
      const registry = Context.get(context, UploadRegistry.UploadRegistry)
      const get: typeof registry.get = (id) => Effect.suspend(() => (reads++, registry.get(id)))
      return Context.add(context, UploadRegistry.UploadRegistry, { ...registry, get })
    })
    return Effect.gen(function*() {
      const parts = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => create({ "upload-length": "1", "upload-concat": "partial" })
      )
      const finals = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => create({ "upload-concat": `final;${parts.join(" ")}` })
      )
      for (const part of parts.slice(1).toReversed()) {
        const before = reads
        yield* patch(part, 0, "x")
        yield* Effect.repeatN(Effect.yieldNow(), 200)
        assert.isAtMost(reads - before, finals.length + 5)
      }
      yield* patch(parts[0] ?? "", 0, "x")
      yield* Effect.repeatN(Effect.yieldNow(), 200)
      for (const final of finals) {
        assert.strictEqual((yield* head(final)).headers["upload-offset"], "20")
      }
    }).pipe(Effect.provide(
      TusServer.layer.pipe(
        Layer.provideMerge(Layer.merge(UploadStore.layer, UploadLock.layerMemory)),
        Layer.provideMerge(Layer.merge(counted, ByteStore.layerMemory)),
        Layer.provideMerge(NodeHashFunctions.layer)
      )
    ))
  })

  it.effect("an assembly stops for a DELETE of the final, and the parts stay", () => {
    const stopped: Array<string> = []
    const slow = Layer.map(ByteStore.layerMemory, (context) => {
      const bytes = Context.get(context, ByteStore.ByteStore)
      return Context.add(context, ByteStore.ByteStore, {
        ...bytes,
        concat: (id) => Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped.push(id)))
      })
    })
    return Effect.gen(function*() {
      const part = yield* create({ "upload-length": "1", "upload-concat": "partial" })
      const final = yield* create({ "upload-concat": `final;${part}` })
      yield* patch(part, 0, "x")
      yield* settled
      assert.strictEqual((yield* request("DELETE", final)).status, 204)
      deepStrictEqual(stopped, [idOf(final)])
      assert.strictEqual((yield* head(part)).headers["upload-offset"], "1")
      const again = yield* Effect.fork(create({ "upload-concat": `final;${part}` }))
      yield* settled
      assert.isTrue(Option.isNone(yield* Fiber.poll(again)))
      return again
    }).pipe(
      // The end of the server does not wait for an assembly: the final is open, and its assembly starts again.
      (use) => serving(use),
      Effect.flatMap((again) => Effect.map(Fiber.join(again), (final) => assert.match(final, /^\/files\//))),
      Effect.provide(
        Layer.merge(UploadStore.layer, UploadLock.layerMemory).pipe(
          Layer.provideMerge(Layer.merge(UploadRegistry.layerMemory, slow)),
          Layer.provideMerge(NodeHashFunctions.layer)
        )
      )
    )
  })
})

const failing = (reason: UploadStoreError.UploadStoreError["reason"], failAt: number) => {
  let writes = 0
  return Layer.effect(
    ByteStore.ByteStore,
    Effect.map(ByteStore.ByteStore, (store) => ({
      ...store,
      append: (id, at, pull, onWritten) =>
        ByteStore.appendStream(store)(
          id,
          at,
          Stream.repeatEffectChunkOption(pull).pipe(
            Stream.rechunk(1),
            Stream.tap(() => Effect.sync(() => void writes++))
          ),
          (end) =>
            Effect.flatMap(onWritten(end), () =>
              writes === failAt
                ? Effect.fail(new UploadStoreError.UploadStoreError({ reason, operation: "write" }))
                : Effect.void)
        ).pipe(Effect.catchAll((error) => Effect.fail(error as UploadStoreError.UploadStoreError)))
    } as ByteStore.ByteStore["Type"]))
  ).pipe(Layer.provide(ByteStore.layerMemory))
}
const on = (bytes: Layer.Layer<ByteStore.ByteStore>) =>
  TusServer.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory)),
    Layer.provideMerge(Layer.mergeAll(UploadRegistry.layerMemory, bytes))
  )

const unreadable = new UploadStoreError.UploadStoreError({ reason: "Read", operation: "get" })

describe("a store that fails", () => {
  for (const [reason, status] of [["NoSpace", 507], ["Write", 500]] as const) {
    it.effect(`${reason} is ${status}, the bytes that were written are kept, and the upload continues afterwards`, () =>
      Effect.gen(function*() {
        const path = yield* create({ "upload-length": "6" })
        assert.strictEqual((yield* patch(path, 0, "abc")).status, status)
        const offset = Number((yield* head(path)).headers["upload-offset"])
        assert.strictEqual(offset, 3)
        assert.strictEqual((yield* patch(path, offset, "def")).status, 204)
        assert.strictEqual(yield* content(path, 6), "abcdef")
      }).pipe(Effect.provide(on(failing(reason, 1)))))
  }

  it.effect("a registry that cannot be read is 500, and not 404", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* head("/files/0123456789abcdef0123456789abcdef")).status, 500)
      assert.strictEqual((yield* patch("/files/0123456789abcdef0123456789abcdef", 0, "x")).status, 500)
    }).pipe(Effect.provide(
      TusServer.layer.pipe(
        Layer.provide(Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory)),
        Layer.provide(ByteStore.layerMemory),
        Layer.provide(
          Layer.effect(
            UploadRegistry.UploadRegistry,
            Effect.map(UploadRegistry.UploadRegistry, (registry) => ({
              ...registry,
              get: () => unreadable,
              claim: () => unreadable
            }))
          ).pipe(Layer.provide(UploadRegistry.layerMemory))
        )
      )
    )))
})

describe("Tus-Extension", () => {
  it.effect("offers checksum only if sha1 is among the hash functions, as the protocol demands", () =>
    Effect.gen(function*() {
      const { headers } = yield* request("OPTIONS", "/files")
      assert.notMatch(headers["tus-extension"] ?? "", /checksum/)
      assert.isUndefined(headers["tus-checksum-algorithm"])
    }).pipe(Effect.provide(
      Layer.provideMerge(TusServer.layer, memory).pipe(
        Layer.provide(
          Layer.succeed(
            HashFunctions.HashFunctions,
            new Map([["md5", noHasher]] as const)
          )
        )
      )
    )))
})

describe("a second writer that no lock holds back", () => {
  it.effect("is detected by its commit: the slower one gets 423 and changes nothing", () =>
    Effect.gen(function*() {
      const registry = yield* UploadRegistry.UploadRegistry
      const path = yield* create({ "upload-length": "6" })
      const body = bodyOf("abc")
      // Another process, with locks of its own, is faster.
      const overtake = Effect.gen(function*() {
        const entry = Option.getOrThrow(yield* registry.get(idOf(path)))
        const next = entry.upload.grow(1, entry.upload.length, Option.none())
        yield* registry.commit(entry, next, { fence: entry.fence, durable: false })
      })
      const overtaking = yield* Effect.once(overtake)
      const overtaken: UploadBody.UploadBody = {
        ...body,
        pull: Effect.zipRight(Effect.ignore(overtaking), body.pull)
      }
      const contended = yield* patch(path, 0, overtaken)
      assert.strictEqual(contended.status, 423)
      assert.match(contended.body ?? "", /ask where it stands/)
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "1")
    }).pipe(Effect.provide(server())))
})

describe("an uncommitted byte", () => {
  it.effect("is cut off before the next append", () =>
    Effect.gen(function*() {
      const bytes = yield* ByteStore.ByteStore
      const path = yield* create({ "upload-length": "6" })
      yield* patch(path, 0, "abc")
      yield* ByteStore.appendStream(bytes)(
        idOf(path),
        { at: 3, fence: 1 },
        Stream.make(new TextEncoder().encode("GARBAGE")),
        () => Effect.void
      )
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "3")
      yield* patch(path, 3, "d")
      yield* patch(path, 4, "ef")
      assert.strictEqual(yield* content(path, 6), "abcdef")
      deepStrictEqual(yield* bytes.size(idOf(path)), Option.some(6))
    }).pipe(Effect.provide(server())))

  it.effect("a long body is committed every second while it arrives", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "100" })
      let sent = 0
      const trickle: UploadBody.UploadBody = UploadBody.fromPull(
        Effect.suspend(() =>
          Effect.as(Effect.sleep("400 millis"), { bytes: new Uint8Array(1), n: ++sent }).pipe(
            Effect.map(({ bytes }) => Chunk.of(bytes))
          )
        ),
        {}
      )
      const fiber = yield* Effect.fork(patch(path, 0, trickle))
      yield* TestClock.adjust("3 seconds")
      const offset = Number((yield* head(path)).headers["upload-offset"])
      assert.isAtLeast(offset, 5)
      assert.isAtMost(offset, sent)
      trickle.stop("Disconnected")
      yield* TestClock.adjust("1 second")
      yield* fiber.await
      assert.isAtLeast(Number((yield* head(path)).headers["upload-offset"]), offset)
    }).pipe(Effect.provide(server())))
})

/** A server that knows the states of its uploads without reading them. */
const cached = TusServer.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory)),
  Layer.provideMerge(Layer.provide(RegistryCache.layer(), UploadRegistry.layerMemory)),
  Layer.provideMerge(ByteStore.layerMemory)
)

describe("an append at an offset that is not committed yet", () => {
  it.effect("is not refused by the state that is: it waits for the writer, and goes on behind its bytes", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "6" })
      const fiber = yield* Effect.fork(patch(path, 0, hanging("abc")))
      yield* TestClock.adjust("100 millis")
      const next = yield* Effect.fork(patch(path, 3, "def"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* next.await.pipe(Effect.flatten)).status, 204)
      assert.strictEqual((yield* fiber.await.pipe(Effect.flatten)).status, 423)
      assert.strictEqual((yield* patch(path, 3, "def")).status, 409)
    }).pipe(Effect.provide(cached)))
})

const noHasher = (): HashFunctions.Hasher => ({ update: () => {}, digest: () => new Uint8Array(16), copy: noHasher })

/** A body: `text` has arrived, and nothing follows. */
const hanging = (text: string) => {
  const first = bodyOf(text)
  return UploadBody.fromPull(Effect.orElse(first.pull, () => Effect.never), {})
}

const serving = <A, E, R>(use: Effect.Effect<A, E, R>, hooks: UploadHooks.Hooks = {}) =>
  Effect.scoped(
    Effect.flatMap(
      Layer.build(Layer.provide(TusServer.layer, Layer.succeed(UploadHooks.UploadHooks, hooks))),
      (server) => Effect.provide(use, server)
    )
  )

describe("a server that stops", () => {
  it.effect("cuts off running bodies and commits them before the store closes, through every door", () =>
    Effect.gen(function*() {
      const [path, answering] = yield* serving(Effect.gen(function*() {
        const path = yield* create({ "upload-length": "9" })
        const answering = yield* Effect.forkDaemon(patch(path, 0, hanging("abc")))
        yield* settled
        return [path, answering] as const
      }))
      const registry = yield* UploadRegistry.UploadRegistry
      const entry = yield* registry.get(idOf(path))
      deepStrictEqual(Option.map(entry, ({ upload }) => Number(upload.offset)), Option.some(3))
      const { body, status } = yield* Fiber.join(answering)
      assert.strictEqual(status, 503)
      assert.match(body ?? "", /stands at 3/)
    }).pipe(Effect.provide(memory)))

  it.effect("waits ten seconds for a hook, and logs that it does not wait longer", () => {
    const logged: Array<string> = []
    return Effect.gen(function*() {
      const ending = yield* Effect.fork(serving(
        Effect.gen(function*() {
          const path = yield* create({ "upload-length": "3" })
          yield* Effect.forkDaemon(patch(path, 0, "abc"))
          yield* settled
        }),
        { onComplete: () => Effect.never }
      ))
      yield* TestClock.adjust("9 seconds")
      assert.isNull(ending.unsafePoll())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(ending)
      deepStrictEqual(logged, ["1 requests did not end within 10s"])
    }).pipe(
      Effect.provide(memory),
      Effect.provide(Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logged.push(String(message)))))
    )
  })
})
