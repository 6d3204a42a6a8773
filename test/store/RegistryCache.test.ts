import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { RegistryCache, UploadRegistry, UploadStoreError } from "effect-tus"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { bytes, id, now, uploadOf } from "../protocol/arbitraries.js"

const options = { fence: 1, durable: false }
const upload = uploadOf({ id: id("a"), length: Option.some(bytes(10)) })
const grown = upload.grow(5, upload.length, Option.some(now))

type Registry = UploadRegistry.UploadRegistry["Type"]

/**
 * A cache in front of a registry in memory, with some methods replaced, and the ids that were read from the registry.
 */
const open = (change: (registry: Registry) => Partial<Registry> = () => ({}), capacity?: number) =>
  Effect.map(UploadRegistry.UploadRegistry, (registry) => {
    const asked: Array<string> = []
    const changed = { ...registry, ...change(registry) }
    const behind: Registry = {
      ...changed,
      get: (id) => Effect.zipRight(Effect.sync(() => asked.push(id)), changed.get(id))
    }
    return { asked, registry, states: RegistryCache.make(behind, { capacity }) }
  }).pipe(Effect.provide(UploadRegistry.layerMemory))

describe("RegistryCache", () => {
  it.effect("returns from memory what was read or written through it", () =>
    Effect.gen(function*() {
      const { asked, registry, states } = yield* open()
      const created = yield* states.create(upload, options)
      deepStrictEqual(yield* states.get(upload.id), Option.some(created))
      const committed = yield* states.commit(created, grown, options)
      deepStrictEqual(yield* states.get(upload.id), Option.some(committed))
      deepStrictEqual(asked, [])
      deepStrictEqual(yield* registry.get(upload.id), Option.some(committed))
    }))

  it.effect("reads an unknown upload once, and never caches its absence", () =>
    Effect.gen(function*() {
      const { asked, registry, states } = yield* open()
      deepStrictEqual(yield* states.get(upload.id), Option.none())
      const created = yield* registry.create(upload, options)
      deepStrictEqual(yield* states.get(upload.id), Option.some(created))
      deepStrictEqual(yield* states.get(upload.id), Option.some(created))
      assert.strictEqual(asked.length, 2)
    }))

  it.effect("forgets a removed upload", () =>
    Effect.gen(function*() {
      const { states } = yield* open()
      const created = yield* states.create(upload, options)
      yield* states.remove(created, options)
      deepStrictEqual(yield* states.get(upload.id), Option.none())
    }))

  it.effect("reads again after a failed write, whether that took effect or not", () =>
    Effect.gen(function*() {
      const error = new UploadStoreError.UploadStoreError({ reason: "Write", operation: "commit" })
      const { states } = yield* open((registry) => ({
        commit: (entry, next, options) => Effect.zipRight(registry.commit(entry, next, options), error)
      }))
      const created = yield* states.create(upload, options)
      deepStrictEqual(yield* Effect.flip(states.commit(created, grown, options)), error)
      deepStrictEqual(Option.map(yield* states.get(upload.id), (entry) => entry.upload), Option.some(grown))
    }))

  it.effect("does not cache a read that a write has overtaken", () =>
    Effect.gen(function*() {
      const read = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const { registry, states } = yield* open((registry) => ({
        get: (id) =>
          registry.get(id).pipe(
            Effect.zipLeft(Deferred.succeed(read, undefined)),
            Effect.zipLeft(Deferred.await(gate))
          )
      }))
      const created = yield* registry.create(upload, options)
      const reader = yield* Effect.fork(states.get(upload.id))
      yield* Deferred.await(read)
      const committed = yield* states.commit(created, grown, options)
      yield* Deferred.succeed(gate, undefined)
      deepStrictEqual(yield* Fiber.join(reader), Option.some(created))
      deepStrictEqual(yield* states.get(upload.id), Option.some(committed))
      yield* states.remove(committed, options)
      deepStrictEqual(yield* states.get(upload.id), Option.none())
    }))

  it.effect("waits for a write whose caller is interrupted", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const { states } = yield* open((registry) => ({
        commit: (entry, next, options) =>
          Deferred.succeed(begun, undefined).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.zipRight(registry.commit(entry, next, options))
          )
      }))
      const created = yield* states.create(upload, options)
      const writer = yield* Effect.fork(states.commit(created, grown, options))
      yield* Deferred.await(begun)
      const interruption = yield* Effect.fork(Fiber.interrupt(writer))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interruption)
      deepStrictEqual(Option.map(yield* states.get(upload.id), (entry) => entry.upload), Option.some(grown))
    }))

  it.effect("holds no more than its capacity, and at least half of it are the most recently used", () =>
    Effect.gen(function*() {
      const { asked, states } = yield* open(undefined, 4)
      yield* Effect.forEach([..."abc"], (letter) => states.create(uploadOf({ id: id(letter) }), options))
      yield* states.get(id("a"))
      yield* Effect.forEach([..."de"], (letter) => states.create(uploadOf({ id: id(letter) }), options))
      yield* Effect.forEach([..."edb"], (letter) => states.get(id(letter)))
      deepStrictEqual(asked, [id("b")])
    }))

  it.effect("a stored final answer counts as one more state per KiB, until it is forgotten", () =>
    Effect.gen(function*() {
      const answer = Option.some({ headers: { "x-a": "b" }, body: "a".repeat(1025) })
      const full = upload.fill(bytes(10), { _tag: "Complete", at: now, answer })
      const askedAfter = Effect.fnUntraced(function*(letters: string, isForgotten: boolean) {
        const { asked, states } = yield* open(undefined, 8)
        const created = yield* states.create(full, options)
        yield* isForgotten ? states.remove(created, options) : Effect.void
        yield* Effect.forEach([...letters], (letter) => states.create(uploadOf({ id: id(letter) }), options))
        yield* states.get(id("b"))
        return asked
      })
      deepStrictEqual(yield* askedAfter("bcdef", false), [id("b")])
      deepStrictEqual(yield* askedAfter("bcdef", true), [])
    }))

  it.effect("caches nothing at capacity 0", () =>
    Effect.gen(function*() {
      const { asked, states } = yield* open(undefined, 0)
      yield* states.create(upload, options)
      yield* states.get(upload.id)
      deepStrictEqual(asked, [upload.id])
    }))

  it.effect("forgets removed uploads and failed writes in both of its halves", () =>
    Effect.gen(function*() {
      const error = new UploadStoreError.UploadStoreError({ reason: "Write", operation: "commit" })
      const { asked, states } = yield* open((registry) => ({
        commit: (entry, next, options) => Effect.zipRight(registry.commit(entry, next, options), error)
      }), 4)
      const created = yield* states.create(upload, options)
      yield* states.create(uploadOf({ id: id("b") }), options)
      deepStrictEqual(yield* Effect.flip(states.commit(created, grown, options)), error)
      const committed = Option.getOrThrow(yield* states.get(upload.id))
      deepStrictEqual(committed.upload, grown)
      yield* states.create(uploadOf({ id: id("c") }), options)
      yield* states.remove(committed, options)
      deepStrictEqual(yield* states.get(upload.id), Option.none())
      deepStrictEqual(asked, [upload.id, upload.id])
    }))
})
