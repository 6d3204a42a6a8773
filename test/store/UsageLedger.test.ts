import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload, UploadRegistry, Usage, UsageLedger } from "effect-tus"
import { UploadRegistrySuite } from "effect-tus/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { bytes, id, uploadOf } from "../protocol/arbitraries.js"

UploadRegistrySuite.suite("a registry behind a ledger", Layer.provide(UsageLedger.layer, UploadRegistry.layerMemory))

const options = { fence: 1, durable: false }

const open = (letter: string, owner: string, length: number) =>
  uploadOf({ id: id(letter), owner: Option.some(owner), length: Option.some(bytes(length)) })

/** A rule that grants so many bytes. */
const exactly = (size: number): UsageLedger.Rule<never> => ({
  decide: () => Either.right(size),
  most: { bytes: Infinity, open: Infinity }
})

/** The facts that a rule gets, which grants nothing. */
const told = <A, E>(ask: (rule: UsageLedger.Rule<UsageLedger.Facts>) => Effect.Effect<A, E>) =>
  Effect.map(
    Effect.flip(ask({ ...exactly(0), decide: Either.left })),
    (facts) => facts as unknown as UsageLedger.Facts
  )
const factsOf = (ledger: UsageLedger.UsageLedger["Type"], upload: Upload.Upload) =>
  told((rule) => ledger.reserve(upload, upload, rule))

/** Its usage, and what a rule gets to know of it. */
const ofOwner = (ledger: UsageLedger.UsageLedger["Type"], owner: string) =>
  Effect.gen(function*() {
    const { usage } = yield* told((rule) => ledger.reserve({ id: id("z"), owner: Option.some(owner) }, undefined, rule))
    deepStrictEqual(yield* ledger.usageOf(Option.some(owner)), { bytes: usage.bytes, open: usage.open })
    return usage
  })

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
      deepStrictEqual(yield* ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 10 })
      deepStrictEqual(yield* ofOwner(ledger, "bob"), Usage.nothing)
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
      deepStrictEqual(yield* ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 10 })
    })
  )

  effect(
    "holds what is about to be created, and counts it once",
    Effect.gen(function*() {
      const { ledger, registry } = yield* opened
      const upload = open("a", "ann", 10)
      const held = yield* ledger.reserve(upload, undefined, exactly(10))
      const expected = { bytes: 10, open: 1, outstanding: 10 }
      deepStrictEqual(yield* ofOwner(ledger, "ann"), expected)
      yield* registry.create(upload, options)
      deepStrictEqual(yield* ofOwner(ledger, "ann"), expected)
      yield* held.release
      deepStrictEqual(yield* ofOwner(ledger, "ann"), expected)
      deepStrictEqual(yield* factsOf(ledger, upload), { usage: expected, total: expected, taken: expected })
    })
  )

  effect(
    "gives back what came to nothing",
    Effect.gen(function*() {
      const { ledger } = yield* opened
      yield* (yield* ledger.reserve(open("a", "ann", 10), undefined, exactly(10))).release
      const other = uploadOf({ id: id("b"), owner: Option.some("ann") })
      yield* (yield* ledger.reserve(other, undefined, exactly(0))).release
      deepStrictEqual(yield* ofOwner(ledger, "ann"), Usage.nothing)
      deepStrictEqual((yield* factsOf(ledger, open("z", "ann", 1))).total, Usage.nothing)
    })
  )

  effect(
    "holds what an upload may grow to, of which less and less is to come",
    Effect.gen(function*() {
      const { ledger, registry } = yield* opened
      const upload = uploadOf({ id: id("a"), owner: Option.some("ann") })
      const entry = yield* registry.create(upload, options)
      const held = yield* ledger.reserve(upload, upload, exactly(10))
      deepStrictEqual(yield* ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 10 })
      const grown = yield* registry.commit(entry, upload.grow(4, Option.none(), Option.none()), options)
      deepStrictEqual(yield* ofOwner(ledger, "ann"), { bytes: 10, open: 1, outstanding: 6 })
      assert.strictEqual(yield* held.grow(exactly(12)), 12)
      deepStrictEqual(yield* ofOwner(ledger, "ann"), { bytes: 12, open: 1, outstanding: 8 })
      deepStrictEqual((yield* told(held.grow)).taken, { bytes: 12, open: 1, outstanding: 8 })
      yield* held.release
      deepStrictEqual(yield* ofOwner(ledger, "ann"), { bytes: 4, open: 1, outstanding: 0 })
      yield* registry.remove(grown, options)
      deepStrictEqual(yield* ofOwner(ledger, "ann"), Usage.nothing)
      deepStrictEqual((yield* factsOf(ledger, open("z", "ann", 1))).total, Usage.nothing)
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
        const holds = new Map<string, UsageLedger.Reservation>()
        for (const { act, letter, owner, size } of steps) {
          const found = yield* registry.get(id(letter))
          if (act === "release") {
            yield* holds.get(letter)?.release ?? Effect.void
            holds.delete(letter)
          } else if (act === "resize") {
            yield* holds.get(letter)?.grow(exactly(20 + size)) ?? Effect.void
          } else if (Option.isNone(found)) {
            if (act === "create") {
              yield* registry.create(open(letter, owner, 20), options)
            }
          } else {
            const entry = found.value
            const { upload } = entry
            const left = 20 - upload.offset
            if (act === "hold" && !holds.has(letter)) {
              holds.set(letter, yield* ledger.reserve(upload, upload, exactly(20 + size)))
            } else if (act === "remove") {
              yield* holds.get(letter)?.release ?? Effect.void
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
        yield* Effect.forEach(holds.values(), ({ release }) => release)
        const usageByOwner = yield* registry.usageByOwner
        for (const owner of ["ann", "bob"]) {
          const stored = usageByOwner.find((usage) => Option.contains(usage.owner, owner))
          const { bytes, open, outstanding } = stored ?? Usage.nothing
          deepStrictEqual(yield* ofOwner(ledger, owner), { bytes, open, outstanding })
        }
      }).pipe(Effect.provide(UploadRegistry.layerMemory))
  )
})
