import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload, UploadRegistry, Usage, UsageLedger } from "effect-tus"
import { UploadRegistrySuite } from "effect-tus/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { bytes, id, uploadOf } from "../protocol/arbitraries.js"

UploadRegistrySuite.suite("a registry behind a ledger", Layer.provide(UsageLedger.layer, UploadRegistry.layerMemory))

const options = { fence: 1, durable: false }

const open = (letter: string, owner: string, length: number) =>
  uploadOf({ id: id(letter), owner: Option.some(owner), length: Option.some(bytes(length)) })

const ofOwner = (ledger: UsageLedger.UsageLedger["Type"], owner: string) => ledger.usageOf(Option.some(owner))

const opened = Effect.gen(function*() {
  const context = yield* Effect.flatMap(UploadRegistry.UploadRegistry, UsageLedger.make)
  return {
    registry: Context.get(context, UploadRegistry.UploadRegistry),
    ledger: Context.get(context, UsageLedger.UsageLedger)
  }
})

const effect = <E>(title: string, test: Effect.Effect<void, E, UploadRegistry.UploadRegistry>) =>
  it.effect(title, () => Effect.provide(test, UploadRegistry.layerMemory))

describe("the ledger", () => {
  effect(
    "knows what was there before",
    Effect.gen(function*() {
      const stored = yield* UploadRegistry.UploadRegistry
      yield* stored.create(open("a", "ann", 10), options)
      const { ledger } = yield* opened
      deepStrictEqual(ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 10 })
      deepStrictEqual(ofOwner(ledger, "bob"), Usage.nothing)
    })
  )

  effect(
    "counts nothing that did not take effect",
    Effect.gen(function*() {
      const { ledger, registry } = yield* opened
      const entry = yield* registry.create(open("a", "ann", 10), options)
      yield* Effect.flip(registry.create(open("a", "ann", 10), options))
      yield* Effect.flip(registry.commit({ ...entry, version: 7 }, entry.upload, options))
      yield* Effect.flip(registry.remove({ ...entry, version: 7 }, options))
      deepStrictEqual(ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 10 })
    })
  )

  effect(
    "holds what is about to be created, and counts it once",
    Effect.gen(function*() {
      const { ledger, registry } = yield* opened
      const upload = open("a", "ann", 10)
      const hold = ledger.hold(upload, undefined, 10)
      const expected = { bytes: 10, open: 1, outstanding: 10 }
      deepStrictEqual(ofOwner(ledger, "ann"), expected)
      yield* registry.create(upload, options)
      deepStrictEqual(ofOwner(ledger, "ann"), expected)
      hold.release()
      deepStrictEqual([ofOwner(ledger, "ann"), ledger.total()], [expected, expected])
    })
  )

  effect(
    "gives back what came to nothing",
    Effect.gen(function*() {
      const { ledger } = yield* opened
      ledger.hold(open("a", "ann", 10), undefined, 10).release()
      ledger.hold(uploadOf({ id: id("b"), owner: Option.some("ann") }), undefined, 0).release()
      deepStrictEqual([ofOwner(ledger, "ann"), ledger.total()], [Usage.nothing, Usage.nothing])
    })
  )

  effect(
    "holds what an upload may grow to, of which less and less is to come",
    Effect.gen(function*() {
      const { ledger, registry } = yield* opened
      const upload = uploadOf({ id: id("a"), owner: Option.some("ann") })
      const entry = yield* registry.create(upload, options)
      const hold = ledger.hold(upload, upload, 10)
      deepStrictEqual(ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 10 })
      const grown = yield* registry.commit(entry, upload.grow(4, Option.none(), Option.none()), options)
      deepStrictEqual(ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 6 })
      hold.resize(12)
      deepStrictEqual(ofOwner(ledger, "ann"), { bytes: 12, open: 1, outstanding: 8 })
      deepStrictEqual(hold.taken(), { bytes: 12, open: 1, outstanding: 8 })
      hold.release()
      deepStrictEqual(ofOwner(ledger, "ann"), { bytes: 4, open: 1, outstanding: 0 })
      yield* registry.remove(grown, options)
      deepStrictEqual([ofOwner(ledger, "ann"), ledger.total()], [Usage.nothing, Usage.nothing])
    })
  )

  const step = FastCheck.record({
    letter: FastCheck.constantFrom("a", "b", "c"),
    owner: FastCheck.constantFrom("ann", "bob"),
    act: FastCheck.constantFrom("create", "grow", "fill", "remove", "hold", "resize", "release"),
    size: FastCheck.nat(20)
  })

  it.effect.prop(
    "has the sums of the registry, after any sequence of operations",
    [FastCheck.array(step, { maxLength: 40 })],
    ([steps]) =>
      Effect.gen(function*() {
        const { ledger, registry } = yield* opened
        const holds = new Map<string, UsageLedger.Hold>()
        for (const { act, letter, owner, size } of steps) {
          const found = yield* registry.get(id(letter))
          if (act === "release") {
            holds.get(letter)?.release()
            holds.delete(letter)
          } else if (act === "resize") {
            holds.get(letter)?.resize(20 + size)
          } else if (Option.isNone(found)) {
            if (act === "create") {
              yield* registry.create(open(letter, owner, 20), options)
            }
          } else {
            const entry = found.value
            const { upload } = entry
            const left = 20 - upload.offset
            if (act === "hold" && !holds.has(letter)) {
              holds.set(letter, ledger.hold(upload, upload, 20 + size))
            } else if (act === "remove") {
              holds.get(letter)?.release()
              holds.delete(letter)
              yield* registry.remove(entry, options)
            } else if (upload.isOpen && act === "grow" && left > 1) {
              yield* registry.commit(
                entry,
                upload.grow(Math.min(size, left - 1), upload.length, Option.none()),
                options
              )
            } else if (upload.isOpen && act === "fill") {
              yield* registry.commit(entry, upload.fill(Upload.Bytes.make(20), { _tag: "Finishing" }), options)
            }
          }
        }
        holds.forEach(({ release }) => release())
        const usageByOwner = yield* registry.usageByOwner
        for (const owner of ["ann", "bob"]) {
          const stored = usageByOwner.find((usage) => Option.contains(usage.owner, owner))
          const { bytes, open, outstanding } = stored ?? Usage.nothing
          deepStrictEqual(ofOwner(ledger, owner), { bytes, open, outstanding })
        }
      }).pipe(Effect.provide(UploadRegistry.layerMemory))
  )
})
