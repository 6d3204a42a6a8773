/**
 * What becomes of a complete upload whose bytes are in the registry.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import { TusServer, TusSweeper, UploadEvents } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { numbered } from "../../src/testing/Fixtures.js"
import * as States from "../../src/testing/registry/States.js"

const full = States.complete(1, { length: 10 })
const { id } = full

const failingWhile = (fails: () => boolean) => (context: Context.Context<ByteStore.ByteStore>) => {
  const bytes = Context.get(context, ByteStore.ByteStore)
  return Context.make(ByteStore.ByteStore, {
    ...bytes,
    append: (id, place, pull, onWritten) =>
      fails()
        ? new UploadStoreError.UploadStoreError({ reason: "Write", operation: "append" })
        : bytes.append(id, place, pull, onWritten)
  })
}

/** A server with such an upload, and the events that it publishes. */
const serving = (smallUploads: (typeof UploadStore.SmallUploads)["Service"]) =>
  Effect.gen(function*() {
    const told: Array<string> = []
    const disk = { fails: false }
    const publish = ({ _tag }: UploadEvents.Event) => Effect.sync(() => void told.push(_tag))
    const backends = yield* Layer.build(
      Layer.merge(UploadRegistry.layerMemory, Layer.map(ByteStore.layerMemory, failingWhile(() => disk.fails)))
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
      yield* Effect.repeat(Effect.sleep(1), { until: () => told.length > 0 })
      deepStrictEqual([yield* size, told], [10, ["Completed"]])
    }))

  it.scopedLive("moves with a sweep of the same server if it could not move at the start", () =>
    Effect.gen(function*() {
      const { disk, serve, size, told } = yield* serving("background")
      disk.fails = true
      const server = yield* serve
      yield* Effect.sleep(20)
      deepStrictEqual([yield* size, told], [0, []])
      disk.fails = false
      const { sweep } = yield* Effect.provide(TusSweeper.make, server)
      yield* sweep()
      deepStrictEqual([yield* size, told], [10, ["Completed"]])
    }))

  it.scopedLive("stays where the registry is to keep it, and nobody hears of it again", () =>
    Effect.gen(function*() {
      const { serve, size, told } = yield* serving("registry")
      const server = Context.get(yield* serve, TusServer.TusServer)
      yield* server.finishPending(id)
      yield* server.locate(id)
      deepStrictEqual([yield* size, told], [0, []])
    }))

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
