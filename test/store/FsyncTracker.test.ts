import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { bytes, id, now, uploadOf } from "../protocol/arbitraries.js"

type Bytes = ByteStore.ByteStore["Type"]
type Registry = UploadRegistry.UploadRegistry["Type"]
type Store = UploadStore.UploadStore["Type"]

const upload = uploadOf({ id: id("a"), length: Option.some(bytes(10)) })
const at = (offset: number) => upload.grow(offset, upload.length, Option.none())
const full = upload.fill(bytes(10), { _tag: "Complete", at: now, answer: Option.none() })
const broken = new UploadStoreError.UploadStoreError({ reason: "Unsynced", operation: "break" })

/** A store in memory, with some parts replaced. */
const open = (
  change: { readonly bytes?: Partial<Bytes>; readonly registry?: (registry: Registry) => Partial<Registry> } = {},
  durability: (typeof UploadStore.Durability)["Service"] = "completion"
) =>
  Effect.gen(function*() {
    const within = yield* ByteStore.ByteStore
    const registry = yield* UploadRegistry.UploadRegistry
    const store = yield* UploadStore.make.pipe(
      Effect.provideService(ByteStore.ByteStore, { ...within, sync: () => Effect.void, ...change.bytes }),
      Effect.provideService(UploadRegistry.UploadRegistry, { ...registry, ...change.registry?.(registry) }),
      Effect.provideService(UploadStore.Durability, durability)
    )
    return { store, bytes: within, registry }
  }).pipe(Effect.provide([ByteStore.layerMemory, UploadRegistry.layerMemory]))

/** An upload with bytes up to `offset`. */
const grown = (store: Store, offset: number) =>
  Effect.gen(function*() {
    const entry = yield* store.create(upload, 1)
    yield* write(store, entry, offset)
    return yield* store.commit(entry, at(offset))
  })

const write = (store: Store, entry: UploadRegistry.StoredUpload, end: number) =>
  Effect.scoped(
    Effect.flatMap(
      Stream.toPull(Stream.make(new Uint8Array(end - entry.upload.offset))),
      (pull) => Effect.map(store.write(entry, pull, () => Effect.void), ({ end }) => end)
    )
  )

/** Its offset, its synced bytes and its version. */
const stateOf = ({ get }: Pick<Registry, "get">) =>
  Effect.map(get(upload.id), (found) => {
    const { synced, upload, version } = Option.getOrThrow(found)
    return [Number(upload.offset), synced, version]
  })

/** Fails the first `times` times. */
const failing = (times: number, error = broken) => {
  let left = times
  return Effect.suspend(() => (left-- > 0 ? error : Effect.void))
}

describe("FsyncTracker", () => {
  it.effect("a sync beside a writer is recorded by the next commit of the writer, and not by a commit of its own", () =>
    Effect.gen(function*() {
      const { registry, store } = yield* open()
      const entry = yield* grown(store, 3)
      assert.isTrue(yield* store.sync(upload.id))
      deepStrictEqual(yield* stateOf(registry), [3, 0, 2])
      yield* store.commit(entry, at(5))
      deepStrictEqual(yield* stateOf(registry), [5, 3, 3])
    }))

  it.effect("a sync without a writer is recorded once, and the bytes are not synced again", () =>
    Effect.gen(function*() {
      let syncs = 0
      const { registry, store } = yield* open({ bytes: { sync: () => Effect.sync(() => void syncs++) } })
      yield* grown(store, 3)
      yield* store.sync(upload.id)
      yield* store.sync(upload.id)
      yield* store.recordSync(upload.id, 2)
      yield* store.recordSync(upload.id, 2)
      yield* store.sync(upload.id)
      deepStrictEqual(yield* stateOf(registry), [3, 3, 3])
      assert.strictEqual(syncs, 1)
    }))

  it.effect("bytes count as synced only if they were there when the sync began", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const sync = () => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate))
      const { registry, store } = yield* open({ bytes: { sync } })
      const entry = yield* grown(store, 3)
      const syncing = yield* Effect.fork(store.sync(upload.id))
      yield* Deferred.await(begun)
      yield* store.commit(entry, at(6))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(syncing)
      yield* store.recordSync(upload.id, 2)
      deepStrictEqual(yield* stateOf(registry), [6, 3, 4])
    }))

  it.effect("bytes of a weaker durability are synced by the first commit under a stronger one", () =>
    Effect.gen(function*() {
      let syncs = 0
      const { registry, store } = yield* open({ bytes: { sync: () => Effect.sync(() => void syncs++) } }, "always")
      const entry = yield* registry.create(at(3), { fence: 1, durable: false })
      yield* store.commit(yield* store.commit(entry, at(3)), at(3))
      deepStrictEqual([...(yield* stateOf(registry)), syncs], [3, 3, 3, 1])
    }))

  it.effect("a sync that fails before the completion sets the upload back, and the bytes have to be written again", () =>
    Effect.gen(function*() {
      const sync = failing(1)
      const { registry, store } = yield* open({ bytes: { sync: () => sync } })
      const entry = yield* grown(store, 3)
      deepStrictEqual(yield* Effect.flip(store.commit(entry, full)), broken)
      deepStrictEqual(yield* stateOf(registry), [0, 0, 3])
      assert.strictEqual((yield* Effect.flip(store.commit(entry, full)))._tag, "Superseded")
      const again = yield* store.get(upload.id)
      yield* write(store, again, 10)
      assert.isFalse((yield* store.commit(again, full)).upload.isOpen)
    }))

  it.effect("a sync that cannot be started loses nothing, and may be tried again", () =>
    Effect.gen(function*() {
      const sync = failing(2, new UploadStoreError.UploadStoreError({ reason: "Write", operation: "open" }))
      const { registry, store } = yield* open({ bytes: { sync: () => sync } })
      const entry = yield* grown(store, 3)
      assert.isTrue(yield* store.sync(upload.id))
      yield* write(store, entry, 10)
      assert.strictEqual((yield* Effect.flip(store.commit(entry, full)))._tag, "UploadStoreError")
      deepStrictEqual(yield* stateOf(registry), [3, 0, 2])
      yield* store.commit(entry, full)
      deepStrictEqual(yield* stateOf(registry), [10, 10, 3])
    }))

  it.effect("a failed sync sets the upload back to the last successful one", () =>
    Effect.gen(function*() {
      let syncs = 0
      const sync = () => Effect.suspend(() => (++syncs === 2 ? broken : Effect.void))
      const { registry, store } = yield* open({ bytes: { sync } }, "always")
      const entry = yield* grown(store, 3)
      yield* write(store, entry, 6)
      yield* Effect.flip(store.commit(entry, at(6)))
      deepStrictEqual(yield* stateOf(registry), [3, 3, 3])
      assert.strictEqual((yield* Effect.flip(store.commit(entry, at(6))))._tag, "Superseded")
    }))

  it.effect("after a failed sync beside a writer nothing is committed before the upload is set back", () =>
    Effect.gen(function*() {
      const sync = failing(1)
      const { registry, store } = yield* open({ bytes: { sync: () => sync } })
      const entry = yield* grown(store, 3)
      assert.isFalse(yield* store.sync(upload.id))
      assert.isFalse(yield* store.sync(upload.id))
      assert.strictEqual((yield* Effect.flip(store.commit(entry, at(5))))._tag, "UploadStoreError")
      deepStrictEqual(yield* stateOf(registry), [0, 0, 3])
    }))

  it.effect("a failed sync without a writer sets the upload back when it is recorded", () =>
    Effect.gen(function*() {
      const sync = failing(1)
      const { registry, store } = yield* open({ bytes: { sync: () => sync } })
      yield* grown(store, 3)
      yield* store.sync(upload.id)
      yield* store.recordSync(upload.id, 2)
      deepStrictEqual(yield* stateOf(registry), [0, 0, 3])
      yield* store.recordSync(upload.id, 2)
      deepStrictEqual(yield* stateOf(registry), [0, 0, 3])
    }))

  it.effect("if an upload cannot be set back, its bytes are truncated, none are written, and the set-back is tried again", () =>
    Effect.gen(function*() {
      const sync = failing(1)
      const outage = failing(1)
      const { bytes, registry, store } = yield* open({
        bytes: { sync: () => sync },
        registry: ({ commit }) => ({
          commit: (entry, next, options) =>
            next.offset < entry.upload.offset
              ? Effect.zipRight(outage, commit(entry, next, options))
              : commit(entry, next, options)
        })
      })
      const entry = yield* grown(store, 3)
      yield* Effect.flip(store.commit(entry, full))
      deepStrictEqual(yield* stateOf(registry), [3, 0, 2])
      deepStrictEqual(yield* bytes.size(upload.id), Option.some(0))
      yield* Effect.flip(write(store, yield* store.get(upload.id), 10))
      deepStrictEqual(yield* stateOf(registry), [0, 0, 3])
      assert.strictEqual(yield* write(store, yield* store.get(upload.id), 10), 10)
    }))

  it.effect("a sync that began before a set-back does not count for bytes written afterwards", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const [first, second] = [yield* Deferred.make<void, typeof broken>(), yield* Deferred.make<void>()]
      let syncs = 0
      const sync = () =>
        Effect.suspend(() =>
          ++syncs === 1
            ? Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(first))
            : Deferred.await(second)
        )
      const { registry, store } = yield* open({ bytes: { sync } })
      const entry = yield* grown(store, 3)
      const completing = yield* Effect.fork(Effect.flip(store.commit(entry, full)))
      yield* Deferred.await(begun)
      const syncing = yield* Effect.fork(store.sync(upload.id))
      yield* Effect.yieldNow()
      yield* Deferred.fail(first, broken)
      yield* Fiber.join(completing)
      const again = yield* store.get(upload.id)
      yield* write(store, again, 5)
      yield* store.commit(again, at(5))
      yield* Deferred.succeed(second, undefined)
      yield* Fiber.join(syncing)
      yield* store.recordSync(upload.id, 2)
      deepStrictEqual([...(yield* stateOf(registry)), syncs], [5, 0, 4, 2])
    }))

  it.effect("a commit waits for the running sync, because after a failed fsync the next one may report success", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      let syncs = 0
      const sync = () =>
        Effect.suspend(() =>
          ++syncs === 1
            ? Deferred.succeed(begun, undefined).pipe(Effect.zipRight(Deferred.await(gate)), Effect.zipRight(broken))
            : Effect.void
        )
      const { registry, store } = yield* open({ bytes: { sync } })
      const entry = yield* grown(store, 3)
      const syncing = yield* Effect.fork(store.sync(upload.id))
      yield* Deferred.await(begun)
      const completing = yield* Effect.fork(Effect.flip(store.commit(entry, full)))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(gate, undefined)
      assert.isFalse(yield* Fiber.join(syncing))
      assert.strictEqual((yield* Fiber.join(completing))._tag, "UploadStoreError")
      deepStrictEqual(yield* stateOf(registry), [0, 0, 3])
    }))

  it.effect("a full upload of a weaker durability is synced before its completion is decided, or is open again", () =>
    Effect.gen(function*() {
      const sync = failing(1)
      const { registry, store } = yield* open({ bytes: { sync: () => sync } })
      const finishing = upload.fill(bytes(10), { _tag: "Finishing" })
      const entry = yield* registry.create(finishing, { fence: 1, durable: false })
      deepStrictEqual(yield* Effect.flip(store.secure(entry)), broken)
      const again = yield* store.get(upload.id)
      deepStrictEqual([again.upload.completion._tag, again.upload.offset], ["Open", 0])
      yield* write(store, again, 10)
      const secured = yield* store.secure(yield* store.commit(again, finishing))
      deepStrictEqual([secured.upload.completion._tag, secured.synced, secured.version], ["Finishing", 10, 3])
    }))

  it.effect("a sync that fails when all bytes are already synced takes nothing back", () =>
    Effect.gen(function*() {
      const [begun, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      let syncs = 0
      const { registry, store } = yield* open({
        bytes: { sync: () => Effect.suspend(() => (++syncs === 2 ? broken : Effect.void)) },
        registry: ({ commit }) => ({
          commit: (entry, next, options) =>
            Effect.zipRight(
              Effect.when(
                Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate)),
                () => next.completion._tag === "Finishing"
              ),
              commit(entry, next, options)
            )
        })
      })
      const entry = yield* grown(store, 3)
      const finishing = yield* Effect.fork(store.commit(entry, upload.fill(bytes(10), { _tag: "Finishing" })))
      yield* Deferred.await(begun)
      assert.isFalse(yield* store.sync(upload.id))
      yield* Deferred.succeed(gate, undefined)
      yield* store.commit(yield* finishing, full)
      yield* store.recordSync(upload.id, 2)
      deepStrictEqual([...(yield* stateOf(registry)), syncs], [10, 10, 4, 2])
    }))

  it.effect("makeDurable does nothing at durability \"process\"", () =>
    Effect.gen(function*() {
      const { registry, store } = yield* open({ bytes: { sync: () => broken } }, "process")
      const entry = yield* registry.create(upload.fill(bytes(10), { _tag: "Finishing" }), { fence: 1, durable: false })
      deepStrictEqual(yield* store.secure(entry), entry)
    }))

  it.effect("an upload that is removed during its sync is released afterwards", () =>
    Effect.gen(function*() {
      const released: Array<string> = []
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const { store } = yield* open({
        bytes: {
          sync: () => Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(gate)),
          release: (id) => Effect.sync(() => released.push(id))
        }
      })
      const entry = yield* grown(store, 3)
      const syncing = yield* Effect.fork(store.sync(upload.id))
      yield* Deferred.await(begun)
      yield* store.remove(entry)
      yield* Deferred.succeed(gate, undefined)
      assert.isTrue(yield* Fiber.join(syncing))
      deepStrictEqual(released, [upload.id])
    }))

  for (const [left, durable] of [[2, true], [3, true], [4, false]] as const) {
    it.effect(`lost bytes count no more, and the commit is durable unless some of the rest is not synced: ${left} of 5 are left, 3 were synced`, () =>
      Effect.gen(function*() {
        const lasting: Array<boolean> = []
        const { bytes: within, registry, store } = yield* open({
          registry: ({ commit }) => ({
            commit: (entry, next, options) => {
              lasting.push(options.durable)
              return commit(entry, next, options)
            }
          })
        })
        const entry = yield* grown(store, 3)
        yield* store.sync(upload.id)
        yield* write(store, entry, 5)
        yield* store.commit(entry, at(5))
        yield* within.truncate(upload.id, { at: left, fence: 1 })
        deepStrictEqual(yield* store.recover(upload.id, 1), Option.some(left))
        deepStrictEqual((yield* stateOf(registry)).slice(0, 2), [left, Math.min(left, 3)])
        assert.strictEqual(lasting.at(-1), durable)
        deepStrictEqual(yield* store.recover(upload.id, 1), Option.none())
      }))
  }
})
