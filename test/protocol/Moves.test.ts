import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, type Upload, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import * as Moves from "../../src/protocol/Moves.js"
import { bytes, id, now, uploadOf } from "./arbitraries.js"
import { draw, isOfRules } from "./moves.js"

const complete: Upload.Completion = { _tag: "Complete", at: now, answer: Option.none() }
const rejected: Upload.Completion = { _tag: "Rejected", status: 422, reason: "no" }

const open = (kind: "Whole" | "Partial") => uploadOf({ kind: { _tag: kind }, length: Option.some(bytes(4)) })
const begun = open("Whole").grow(2, Option.some(bytes(4)), Option.none())
const finishing = open("Whole").fill(bytes(4), { _tag: "Finishing" })
const part = open("Partial").fill(bytes(4), complete)

/** A store on a disk that can fail. `made` collects the moves that the store commits. */
const onDisk = Effect.gen(function*() {
  const made = new Set<Moves.Move>()
  const disk = { fails: false }
  const memory = yield* ByteStore.ByteStore
  const registry = yield* UploadRegistry.UploadRegistry
  const store = (durability: (typeof UploadStore.Durability)["Service"]) =>
    UploadStore.make.pipe(
      Effect.provideService(UploadRegistry.UploadRegistry, {
        ...registry,
        commit: (entry, next, options) =>
          Effect.tap(registry.commit(entry, next, options), () =>
            Effect.sync(() => {
              const move = Moves.between(Option.some(entry.upload), Option.some(next))
              made.add(Option.getOrThrow(move))
            }))
      }),
      Effect.provideService(ByteStore.ByteStore, {
        ...memory,
        sync: () =>
          Effect.suspend(() =>
            disk.fails
              ? new UploadStoreError.UploadStoreError({ reason: "Unsynced", operation: "fail" })
              : Effect.void
          )
      }),
      Effect.provideService(UploadStore.Durability, durability)
    )
  return { bytes: memory, disk, made, stores: { careless: yield* store("process"), careful: yield* store("always") } }
}).pipe(Effect.provide([ByteStore.layerMemory, UploadRegistry.layerMemory]))

/** Stores an upload with its bytes, without an fsync. */
const put = (store: UploadStore.UploadStore["Type"], upload: Upload.Upload) =>
  Effect.gen(function*() {
    const entry = UploadRegistry.draft(uploadOf({ ...upload, offset: bytes(0), completion: { _tag: "Open" } }), 1)
    const pull = yield* Stream.toPull(Stream.make(new Uint8Array(upload.offset)))
    yield* store.write(entry, pull, () => Effect.void)
    return yield* store.commit(entry, upload)
  }).pipe(Effect.scoped)

describe("Moves", () => {
  it("are drawn in the architecture page", () => {
    const page = readFileSync(new URL("../../src/README.md", import.meta.url), "utf8")
    assert.include(page, draw(Moves.moves))
  })

  const illegal: ReadonlyArray<readonly [title: string, before: Upload.Upload | undefined, after: Upload.Upload]> = [
    ["a rejection although no hook ran", open("Whole"), finishing.fill(bytes(4), rejected)],
    ["a rejection after an acceptance", finishing.fill(bytes(4), complete), finishing.fill(bytes(4), rejected)],
    ["an acceptance after a rejection", finishing.fill(bytes(4), rejected), finishing.fill(bytes(4), complete)],
    ["a second completion", part, part],
    ["a complete file that loses bytes", finishing.fill(bytes(4), complete), open("Whole")],
    ["a part that is rejected", part.fill(bytes(4), { _tag: "Finishing" }), part.fill(bytes(4), rejected)],
    ["a new upload that is rejected", undefined, finishing.fill(bytes(4), rejected)]
  ]
  for (const [title, before, after] of illegal) {
    it(`have no row for ${title}`, () => {
      deepStrictEqual(Moves.between(Option.fromNullable(before), Option.some(after)), Option.none())
    })
  }

  it.effect("that the rules alone do not make happen when a disk fails or with another durability", () =>
    Effect.gen(function*() {
      const { bytes: disk, disk: faults, made, stores: { careful, careless } } = yield* onDisk
      // One fsync before the hook succeeds, one fails, and one fails while bytes are missing.
      yield* careful.secure(yield* put(careless, uploadOf({ ...finishing, id: id("a") })))
      faults.fails = true
      yield* Effect.flip(careful.secure(yield* put(careless, uploadOf({ ...finishing, id: id("b") }))))
      const entry = yield* put(careless, uploadOf({ ...begun, id: id("c") }))
      yield* Effect.flip(careful.commit(entry, entry.upload.grow(0, entry.upload.length, Option.none())))
      // The bytes of a complete part have gone.
      yield* put(careless, uploadOf({ ...part, id: id("d") }))
      yield* disk.truncate(id("d"), { at: 1, fence: 1 })
      deepStrictEqual(yield* careless.recover(id("d"), 1), Option.some(1))
      deepStrictEqual(Moves.moves.filter((move) => made.has(move)), Moves.moves.filter((move) => !isOfRules(move)))
    }))
})
