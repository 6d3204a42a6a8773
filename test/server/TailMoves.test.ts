/**
 * What becomes of a complete upload whose bytes are in the registry.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, Pull, UploadLock, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import { TusServer, TusSweeper, UploadEvents } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { numbered } from "../../src/testing/Fixtures.js"
import * as States from "../../src/testing/registry/States.js"
import { eventually } from "../support/eventually.js"
import { logged, untilLogged } from "../support/logged.js"

const full = States.complete(1, { length: 10 })
const { id } = full

interface Disk {
  /** Takes half of the bytes, and then fails with this reason. */
  readonly fails: "NoSpace" | "Write" | undefined
  /** Runs when bytes are appended, and nobody knows yet. */
  readonly meanwhile: Effect.Effect<void>
}

const on = (disk: Disk) => (context: Context.Context<ByteStore.ByteStore>) => {
  const bytes = Context.get(context, ByteStore.ByteStore)
  return Context.make(ByteStore.ByteStore, {
    ...bytes,
    append: (id, place, pull, onWritten) =>
      disk.fails !== undefined
        ? Effect.zipRight(
          bytes.append(id, place, Pull.whole(Chunk.of(numbered(5))), onWritten),
          new UploadStoreError.UploadStoreError({ reason: disk.fails, operation: "append" })
        )
        : Effect.tap(bytes.append(id, place, pull, onWritten), () => disk.meanwhile)
  })
}

/** A server with such an upload, and the events that it publishes. */
const serving = (smallUploads: (typeof UploadStore.SmallUploads)["Service"]) =>
  Effect.gen(function*() {
    const told: Array<string> = []
    const disk: { -readonly [K in keyof Disk]: Disk[K] } = { fails: undefined, meanwhile: Effect.void }
    const publish = ({ _tag }: UploadEvents.Event) => Effect.sync(() => void told.push(_tag))
    const backends = yield* Layer.build(
      Layer.merge(UploadRegistry.layerMemory, Layer.map(ByteStore.layerMemory, on(disk)))
    )
    yield* Context.get(backends, UploadRegistry.UploadRegistry).create(full, {
      ...States.fence(0),
      tail: numbered(10)
    })
    const lock = yield* Layer.build(Layer.provide(UploadLock.layerMemory, Layer.succeedContext(backends)))
    const serve = Layer.build(TusServer.layer.pipe(
      Layer.provideMerge(UploadStore.layer),
      Layer.provide(Layer.succeed(UploadStore.SmallUploads, smallUploads)),
      Layer.provide(Layer.succeed(UploadEvents.UploadEvents, { publish })),
      Layer.provideMerge(Layer.succeedContext(Context.merge(backends, lock)))
    ))
    const size = Effect.map(Context.get(backends, ByteStore.ByteStore).size(id), Option.getOrElse(() => 0))
    return { disk, lock: Context.get(lock, UploadLock.UploadLock), serve, size, told }
  })

const put = (store: UploadStore.UploadStore["Type"], tail: Uint8Array) =>
  store.commit(UploadRegistry.draft(full.cut(0), 1), full, tail)

describe("the tail of a complete upload", () => {
  it.scopedLive("moves at the start of a server, which waits for whoever holds the upload", () =>
    Effect.gen(function*() {
      const { lock, serve, size, told } = yield* serving("background")
      const entered = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      yield* Effect.fork(
        lock.withLock(id, () => Effect.zipRight(Deferred.succeed(entered, undefined), Deferred.await(goOn)))
      )
      yield* Deferred.await(entered)
      yield* serve
      yield* Effect.sleep(20)
      deepStrictEqual([yield* size, told], [0, []])
      yield* Deferred.succeed(goOn, undefined)
      yield* eventually(() => told.length > 0)
      deepStrictEqual([yield* size, told], [10, ["Completed"]])
    }))

  it.scopedLive.each([["NoSpace", 0], ["Write", 5]] as const)(
    "moves with a sweep of the same server if it could not move at the start (%s), and leaves %i bytes until then",
    ([reason, left]) =>
      Effect.gen(function*() {
        const { disk, serve, size, told } = yield* serving("background")
        disk.fails = reason
        const lines: Array<string> = []
        const server = yield* Effect.provide(serve, logged(lines))
        yield* untilLogged(lines, /stays in the registry until a later sweep/)
        deepStrictEqual([yield* size, told], [left, []])
        disk.fails = undefined
        const { sweep } = yield* Effect.provide(TusSweeper.make, server)
        yield* sweep()
        deepStrictEqual([yield* size, told], [10, ["Completed"]])
      })
  )

  it.scopedLive("stays if its mover stood still, has lost the lock, and its bytes were swept", () =>
    Effect.gen(function*() {
      const { disk, lock, serve, size } = yield* serving("registry")
      const server = yield* serve
      const store = Context.get(server, UploadStore.UploadStore)
      const { sweepOrphans } = yield* Effect.provide(TusSweeper.make, server)
      const entry = yield* lock.withLock(id, ({ fence }) => store.claim(id, fence))
      disk.meanwhile = sweepOrphans()
      assert.strictEqual((yield* Effect.flip(store.moveTail(entry)))._tag, "Superseded")
      assert.strictEqual(yield* size, 0)
      const [bytes] = yield* Stream.runCollect(store.read(id, { start: 0, end: 10 }))
      deepStrictEqual(bytes, numbered(10))
    }))

  it.scopedLive("stays where the registry is to keep it, and nobody hears of it again", () =>
    Effect.gen(function*() {
      const { serve, size, told } = yield* serving("registry")
      const server = Context.get(yield* serve, TusServer.TusServer)
      yield* server.finishPending(id)
      yield* server.locate(id)
      deepStrictEqual([yield* size, told], [0, []])
    }))

  it.scopedLive("is read again where another process may have replaced it", () =>
    Effect.gen(function*() {
      const registry = yield* UploadRegistry.UploadRegistry
      const bytes = yield* ByteStore.ByteStore
      const make = UploadStore.make.pipe(
        Effect.provideService(UploadRegistry.UploadRegistry, registry),
        Effect.provideService(ByteStore.ByteStore, { ...bytes, isShared: true }),
        Effect.provideService(UploadStore.SmallUploads, "background")
      )
      const [one, other] = [yield* make, yield* make]
      yield* other.remove(yield* put(one, numbered(10)))
      const tail = numbered(10).toReversed()
      const entry = yield* put(other, tail)
      deepStrictEqual(Array.from(yield* Stream.runCollect(one.read(id, { start: 0, end: 10 }))), [tail])
      yield* one.moveTail(entry)
      deepStrictEqual(Array.from(yield* Stream.runCollect(bytes.read(id, { start: 0, end: 10 }))), [tail])
    }).pipe(Effect.provide([UploadRegistry.layerMemory, ByteStore.layerMemory])))

  it.scopedLive("moves once, however many ask for it", () =>
    Effect.gen(function*() {
      const { serve, size, told } = yield* serving("byteStore")
      const server = Context.get(yield* serve, TusServer.TusServer)
      yield* Effect.forEach(Array.from({ length: 9 }), () => Effect.zip(server.finishPending(id), server.locate(id)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(yield* size, 10)
      deepStrictEqual(told, ["Completed"])
    }))
})
