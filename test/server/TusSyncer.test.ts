import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, Upload, UploadLock, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import { TusServer, TusSyncer, UploadHooks } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import { create, head, patch } from "../support/memory.js"
import { idOf } from "../support/uploads.js"

type Sync = ByteStore.ByteStore["Type"]["sync"]

const broken = new UploadStoreError.UploadStoreError({ reason: "Unsynced", operation: "sync" })
const works: Sync = () => Effect.void

/** A server whose byte store syncs in this way. */
const server = (sync: Sync) =>
  TusServer.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory)),
    Layer.provideMerge(UploadRegistry.layerMemory),
    Layer.provideMerge(
      Layer.effect(ByteStore.ByteStore, Effect.map(ByteStore.ByteStore, (bytes) => ({ ...bytes, sync })))
    ),
    Layer.provide(ByteStore.layerMemory)
  )

/** The acknowledged bytes, and those that are known to be synced. */
const stateOf = (path: string) =>
  Effect.map(
    Effect.flatMap(UploadRegistry.UploadRegistry, ({ get }) => Effect.flatten(get(idOf(path)))),
    ({ synced, upload: { offset } }) => [Number(offset), synced]
  )

/** Three bytes: the first comes at once, and the body does not end before the gate opens. */
const slow = Effect.gen(function*() {
  const [asked, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  let sent = 0
  const pull = Effect.suspend(() => {
    const next = Effect.succeed(Chunk.of(new Uint8Array(1)))
    sent++
    return sent === 1
      ? next
      : Effect.zipRight(
        Deferred.succeed(asked, undefined),
        Effect.zipRight(Deferred.await(gate), sent <= 3 ? next : Effect.fail(Option.none()))
      )
  })
  return { asked: Deferred.await(asked), open: Deferred.succeed(gate, undefined), body: UploadBody.fromPull(pull, {}) }
})

describe("TusSyncer", () => {
  it.effect("syncs acknowledged bytes every 30 seconds, and once more when it stops", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const path = yield* create({ "upload-length": "9" })
      yield* Layer.buildWithScope(TusSyncer.layer(), scope)
      yield* TestClock.adjust("1 second")
      yield* patch(path, 0, "ab")
      yield* TestClock.adjust("28 seconds")
      deepStrictEqual(yield* stateOf(path), [2, 0])
      yield* TestClock.adjust("2 seconds")
      deepStrictEqual(yield* stateOf(path), [2, 2])
      yield* patch(path, 2, "c")
      yield* Scope.close(scope, Exit.void)
      deepStrictEqual(yield* stateOf(path), [3, 3])
    }).pipe(Effect.provide(server(works))))

  it.effect("delays the end of the server no longer than its limit, except for a sync that has begun", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const paths = yield* Effect.replicateEffect(create({ "upload-length": "9" }), 40)
      yield* Effect.forEach(paths, (path) => patch(path, 0, "ab"))
      yield* Layer.buildWithScope(TusSyncer.layer({ syncDeadline: "4 seconds" }), scope)
      const ending = yield* Effect.fork(Scope.close(scope, Exit.void))
      // One of the first round ends after 3 seconds, sixteen of the last after 6, and sixteen more after 9.
      yield* Effect.repeatN(TestClock.adjust("1 second"), 9)
      yield* Fiber.join(ending)
      const states = yield* Effect.forEach(paths, stateOf)
      assert.strictEqual(states.filter(([, synced]) => synced === 2).length, 33)
    }).pipe(Effect.provide(server(() => Effect.sleep("3 seconds")))))

  it.effect("syncs nothing if nothing has to survive a power cut", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "9" })
      yield* patch(path, 0, "ab")
      yield* Effect.scoped(Layer.build(TusSyncer.layer()))
      deepStrictEqual(yield* stateOf(path), [2, 0])
    }).pipe(Effect.provide(server(works)), Effect.provideService(UploadStore.Durability, "process")))

  it.effect("does not interrupt a writer, whose next commit records the sync", () =>
    Effect.gen(function*() {
      const { sync } = yield* TusSyncer.make
      const { asked, body, open } = yield* slow
      const path = yield* create({ "upload-length": "9" })
      yield* patch(path, 0, "ab")
      const writer = yield* Effect.fork(patch(path, 2, body))
      yield* asked
      yield* sync(1)
      deepStrictEqual(yield* stateOf(path), [2, 0])
      yield* open
      assert.strictEqual((yield* Fiber.join(writer)).status, 204)
      deepStrictEqual(yield* stateOf(path), [5, 2])
    }).pipe(Effect.provide(server(works))))

  it.effect("stops a writer whose bytes are lost, and sets the upload back: the client finds a lower offset", () =>
    Effect.gen(function*() {
      const { sync } = yield* TusSyncer.make
      const { asked, body } = yield* slow
      const path = yield* create({ "upload-length": "9" })
      yield* patch(path, 0, "ab")
      const writer = yield* Effect.fork(patch(path, 2, body))
      yield* asked
      yield* sync(1)
      assert.strictEqual((yield* Fiber.join(writer)).status, 500)
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "0")
      deepStrictEqual(yield* stateOf(path), [0, 0])
    }).pipe(Effect.provide(server(() => broken))))

  it.effect("an upload that cannot be synced does not delay the others", () => {
    const bad = new Set<string>()
    return Effect.gen(function*() {
      const { sync } = yield* TusSyncer.make
      const paths = yield* Effect.replicateEffect(create({ "upload-length": "9" }), 3)
      yield* Effect.forEach(paths, (path) => patch(path, 0, "ab"))
      const [first, second, third] = paths.map(idOf).toSorted()
      bad.add(second ?? "")
      yield* sync(1)
      deepStrictEqual(yield* Effect.forEach([first, second, third], (id) => stateOf(id ?? "")), [[2, 2], [0, 0], [
        2,
        2
      ]])
    }).pipe(Effect.provide(server((id) => bad.has(id) ? broken : Effect.void)))
  })
})

describe("a checkpoint whose fsync failed", () => {
  it.effect("is not retried, because its bytes may be lost", () => {
    let syncs = 0
    return Effect.gen(function*() {
      const { asked, body, open } = yield* slow
      const path = yield* create({ "upload-length": "9" })
      const writer = yield* Effect.fork(patch(path, 0, body))
      yield* asked
      yield* TestClock.adjust("2 seconds")
      yield* open
      assert.strictEqual((yield* Fiber.join(writer)).status, 500)
      assert.strictEqual(syncs, 1)
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "0")
    }).pipe(
      Effect.provide(server(() => Effect.suspend(() => (++syncs === 1 ? broken : Effect.void)))),
      Effect.provideService(UploadStore.Durability, "always")
    )
  })
})

describe("an upload that was finishing under a weaker durability", () => {
  it.effect("is shown to the hook after its bytes are synced, and is open again if they are lost", () => {
    let syncs = 0
    let shown = 0
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      const { commit, get } = yield* UploadRegistry.UploadRegistry
      const entry = yield* Effect.flatten(get(idOf(path)))
      const full = entry.upload.fill(Upload.Bytes.make(3), { _tag: "Finishing" })
      yield* commit(entry, full, { fence: 1, durable: false })
      assert.strictEqual((yield* patch(path, 3, "")).status, 500)
      deepStrictEqual([syncs, shown, ...(yield* stateOf(path))], [1, 0, 0, 0])
      assert.strictEqual((yield* patch(path, 0, "abc")).status, 204)
      deepStrictEqual([syncs, shown, ...(yield* stateOf(path))], [2, 1, 3, 3])
    }).pipe(
      Effect.provide(server(() => Effect.suspend(() => (++syncs === 1 ? broken : Effect.void)))),
      Effect.provideService(UploadHooks.UploadHooks, { onComplete: () => Effect.sync(() => void shown++) })
    )
  })
})
