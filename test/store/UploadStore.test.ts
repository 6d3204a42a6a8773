import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadRegistry, UploadStore } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { bytes, id, now, uploadOf } from "../protocol/arbitraries.js"

type Durability = (typeof UploadStore.Durability)["Service"]

const upload = uploadOf({ id: id("a"), length: Option.some(bytes(10)) })
const grown = upload.grow(5, upload.length, Option.none())
const full = upload.fill(bytes(10), { _tag: "Complete", at: now, answer: Option.none() })
const empty = uploadOf({
  id: id("b"),
  length: Option.some(bytes(0)),
  completion: { _tag: "Complete", at: now, answer: Option.none() }
})

/** Runs `use` on a store with this durability, and returns the calls to registry and byte store in order. */
const steps = (
  durability: Durability,
  use: (store: UploadStore.UploadStore["Type"]) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function*() {
    const told: Array<string> = []
    const say = (what: string) => Effect.sync(() => told.push(what))
    const layerBytes = Layer.effect(
      ByteStore.ByteStore,
      Effect.map(ByteStore.ByteStore, (store) => ({
        ...store,
        append: (...parameters) => Effect.zipRight(say("write"), store.append(...parameters)),
        sync: () => say("sync"),
        condemn: () => say("condemn"),
        spare: () => say("spare"),
        remove: () => say("delete"),
        release: () => say("release")
      } satisfies ByteStore.ByteStore["Type"]))
    )
    const layerRegistry = Layer.effect(
      UploadRegistry.UploadRegistry,
      Effect.map(UploadRegistry.UploadRegistry, (registry) => ({
        ...registry,
        create: (upload, options) =>
          Effect.zipRight(say(options.durable ? "create durably" : "create"), registry.create(upload, options)),
        commit: (entry, next, options) =>
          Effect.zipRight(say(options.durable ? "commit durably" : "commit"), registry.commit(entry, next, options)),
        remove: (entry, options) =>
          Effect.zipRight(say(options.durable ? "remove durably" : "remove"), registry.remove(entry, options))
      } satisfies UploadRegistry.UploadRegistry["Type"]))
    )
    yield* Effect.flatMap(UploadStore.UploadStore, use).pipe(
      Effect.provide(UploadStore.layer),
      Effect.provide([layerBytes, layerRegistry]),
      Effect.provide([ByteStore.layerMemory, UploadRegistry.layerMemory]),
      Effect.provideService(UploadStore.Durability, durability)
    )
    return told
  })

const grows = (store: UploadStore.UploadStore["Type"]) =>
  Effect.flatMap(store.create(upload, 1), (entry) => store.commit(entry, grown))

const completes = (store: UploadStore.UploadStore["Type"]) =>
  Effect.flatMap(store.create(upload, 1), (entry) => store.commit(entry, full))

const goes = (store: UploadStore.UploadStore["Type"]) =>
  Effect.flatMap(store.create(upload, 1), (entry) => store.remove(entry))

const goesComplete = (store: UploadStore.UploadStore["Type"]) =>
  Effect.flatMap(completes(store), (entry) => store.remove(entry))

const isAskedToGo = (store: UploadStore.UploadStore["Type"]) =>
  Effect.flatMap(store.create(upload, 1), (entry) => store.remove(entry, { by: "client" }))

/** The removal fails: the fence is too low. */
const cannotGo = (store: UploadStore.UploadStore["Type"]) =>
  Effect.flatMap(
    store.create(upload, 2),
    (entry) => Effect.flip(store.remove({ ...entry, fence: 1 }, { by: "client" }))
  )

const isEmpty = (store: UploadStore.UploadStore["Type"]) => store.create(empty, 1)

describe("UploadStore", () => {
  const table: ReadonlyArray<readonly [Durability, string, Parameters<typeof steps>[1], ReadonlyArray<string>]> = [
    ["process", "an upload that grows", grows, ["create", "commit"]],
    ["completion", "an upload that grows", grows, ["create", "commit"]],
    ["always", "an upload that grows", grows, ["create durably", "sync", "commit durably"]],
    ["process", "an upload that is completed", completes, ["create", "commit", "release"]],
    ["completion", "an upload that is completed", completes, ["create", "sync", "commit durably", "release"]],
    ["always", "an upload that is completed", completes, ["create durably", "sync", "commit durably", "release"]],
    ["process", "an upload of no bytes", isEmpty, ["write", "create", "release"]],
    ["completion", "an upload of no bytes", isEmpty, ["write", "sync", "create durably", "release"]],
    ["always", "an upload of no bytes", isEmpty, ["write", "sync", "create durably", "release"]],
    ["process", "an unfinished upload that is removed", goes, ["create", "remove", "delete"]],
    ["completion", "an unfinished upload that is removed", goes, ["create", "remove", "delete"]],
    ["process", "one whose client asks for it", isAskedToGo, ["create", "condemn", "remove", "delete", "spare"]],
    ["process", "one whose client asks in vain", cannotGo, ["create", "condemn", "remove", "spare"]],
    ["always", "an unfinished upload that is removed", goes, ["create durably", "remove durably", "delete"]],
    ["process", "a complete upload that is removed", goesComplete, ["create", "commit", "release", "remove", "delete"]],
    ["completion", "a complete upload that is removed", goesComplete, [
      "create",
      "sync",
      "commit durably",
      "release",
      "remove durably",
      "delete"
    ]]
  ]
  for (const [durability, title, use, expected] of table) {
    it.effect(`${title}, at durability ${durability}: ${expected.join(", ")}`, () =>
      Effect.map(steps(durability, use), (told) => deepStrictEqual(told, [...expected])))
  }
})

const write = (bytes: ByteStore.ByteStore["Type"], size: number) =>
  ByteStore.appendStream(bytes)(
    id("a"),
    { at: 0, fence: 1 },
    Stream.make(new Uint8Array(size).fill(7)),
    () => Effect.void
  )

/** Writes `size` bytes without a state, vacates the id, and returns what is stored then and what was set aside. */
const vacated = (size: number | undefined, orphans = true) =>
  Effect.gen(function*() {
    const kept = yield* ByteStore.ByteStore
    const bytes = orphans ? kept : { ...kept, orphans: undefined }
    yield* size === undefined ? Effect.void : write(bytes, size)
    const store = yield* Effect.provideService(UploadStore.make, ByteStore.ByteStore, bytes)
    const isFree = yield* store.vacate(id("a"))
    const aside = yield* Stream.runCollect(kept.orphans?.list ?? Stream.empty)
    return { isFree, stored: yield* bytes.size(id("a")), aside: Array.from(aside, ({ id, size }) => [id, size]) }
  }).pipe(Effect.provide([ByteStore.layerMemory, UploadRegistry.layerMemory]))

describe("an id that was used before", () => {
  it.effect("is free if nothing or an empty file is stored under it", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* vacated(undefined), { isFree: true, stored: Option.none(), aside: [] })
      deepStrictEqual(yield* vacated(0), { isFree: true, stored: Option.some(0), aside: [] })
    }))

  it.effect("is free if the bytes stored under it were set aside", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* vacated(3), { isFree: true, stored: Option.none(), aside: [[id("a"), 3]] })
    }))

  it.effect("is not free if the bytes cannot be set aside, and they stay", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* vacated(3, false), { isFree: false, stored: Option.some(3), aside: [] })
    }))
})
