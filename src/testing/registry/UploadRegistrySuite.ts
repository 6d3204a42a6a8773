/**
 * The contract of every `UploadRegistry`. Run it over a layer of your own; each test builds the layer anew, and expects
 * it to be empty.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Uploads from "../../protocol/Upload.js"
import * as Registries from "../../store/UploadRegistry.js"
import * as StoreErrors from "../../store/UploadStoreError.js"
import { patience } from "../Fixtures.js"
import * as Later from "../Later.js"
import { at, complete, type Details, fence, id, open, same } from "./States.js"
import * as TailSuite from "./TailSuite.js"

type Upload = Uploads.Upload
type UploadId = Uploads.UploadId
type UploadRegistry = Registries.UploadRegistry
const { Bytes, Upload, UploadId } = Uploads
const { UploadRegistry } = Registries
const { Superseded } = StoreErrors

/**
 * Declares the tests in the file that calls it, under `name`. If the layer cannot be built, every test fails.
 *
 * @example
 * ```ts
 * import { UploadRegistry } from "effect-tus"
 * import { UploadRegistrySuite } from "effect-tus/testing"
 *
 * UploadRegistrySuite.suite("my registry", UploadRegistry.layerMemory) // your layer
 * ```
 */
export const suite = (name: string, layer: Layer.Layer<UploadRegistry, unknown>): void => {
  const test = <A, E>(title: string, self: (registry: UploadRegistry["Type"]) => Effect.Effect<A, E>) =>
    it.effect(title, () => Effect.provide(Effect.flatMap(UploadRegistry, self), layer))

  const law = <A, E>(
    title: string,
    arbitrary: FastCheck.Arbitrary<A>,
    self: (registry: UploadRegistry["Type"], value: A) => Effect.Effect<void, E>
  ) =>
    it.effect.prop(
      title,
      [arbitrary],
      ([value]) => Effect.provide(Effect.flatMap(UploadRegistry, (registry) => self(registry, value)), layer),
      { fastCheck: { numRuns: 20 } }
    )

  describe(name, patience, () => {
    TailSuite.suite(layer)

    describe("create", () => {
      test("stores the upload as version 1 with the fence of its writer", (registry) =>
        Effect.gen(function*() {
          const created = yield* registry.create(open(1), { fence: 7, durable: false })
          same(created, { upload: open(1), version: 1, fence: 7, stored: 0, synced: 0 })
          same(yield* stored(registry, 1), created)
        }))

      test("refuses an id that exists, and leaves its upload unchanged", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1, { offset: 3 }), fence(1))
          yield* superseded(registry.create(open(1, { offset: 4 }), fence(2)))
          same(yield* stored(registry, 1), first)
        }))

      test("lets one of many concurrent creations of an id win", (registry) =>
        Effect.gen(function*() {
          const results = yield* atOnce(Arr.range(0, 49), (n) => registry.create(open(1, { offset: n }), fence(1)))
          const [lost, won] = Arr.separate(results)
          assert.strictEqual(won.length, 1)
          lost.forEach((error) => assert.instanceOf(error, Superseded))
          same(yield* stored(registry, 1), won[0])
        }))

      test("stores the final answer for a client that lost it, up to 64 KiB", (registry) =>
        Effect.gen(function*() {
          const answers = [{ headers: { "x-scan": "clean" }, body: "€".repeat(21_000) }, { headers: {}, body: "" }]
          for (const [n, answer] of answers.entries()) {
            const completion = { _tag: "Complete", at: at(2), answer: Option.some(answer) } as const
            const entry = yield* registry.create(complete(n, { completion: { _tag: "Finishing" } }), fence(1))
            const committed = yield* registry.commit(entry, complete(n, { completion }), fence(1))
            same(yield* stored(registry, n), committed)
            same(committed.upload.completion, completion)
          }
        }))

      law("keeps whatever state an upload is in", manyUploads, (registry, uploads) =>
        Effect.gen(function*() {
          yield* atOnce(uploads, (upload) => registry.create(upload, fence(1)))
          for (const upload of uploads) {
            same(
              yield* registry.get(upload.id),
              Option.some({ upload, version: 1, fence: 1, stored: upload.offset, synced: 0 })
            )
          }
        }))
    })

    test("stores uploads of any dialect, and checks only that the offset is within the length", (registry) =>
      Effect.gen(function*() {
        const upload = new Upload({
          ...open(1, { offset: 99, expiresAt: at(5) }),
          offset: Bytes.make(100),
          dialect: "ietf"
        })
        const entry = yield* registry.create(upload, fence(1))
        same(yield* stored(registry, 1), entry)
        same(Arr.getRights(yield* registry.list({ limit: 9 })), [upload])
        deepStrictEqual(yield* registry.usage, { uploads: 1, bytes: 100 })
        deepStrictEqual(yield* expired(registry, 5), [id(1)])
        same(yield* registry.commit(entry, upload, fence(2)), { ...entry, version: 2, fence: 2 })
      }))

    describe("get", () => {
      test("finds nothing if nothing was created", (registry) =>
        Effect.gen(function*() {
          yield* registry.create(open(1), fence(1))
          assert.isTrue(Option.isNone(yield* registry.get(id(2))))
        }))

      test("finds nothing after a removal", (registry) =>
        Effect.gen(function*() {
          yield* registry.remove(yield* registry.create(open(1), fence(1)), fence(1))
          assert.isTrue(Option.isNone(yield* registry.get(id(1))))
        }))
    })

    describe("getAll", () => {
      test("finds each upload in the order of the ids, and none where there is none", (registry) =>
        Effect.gen(function*() {
          yield* Effect.forEach([1, 2, 3], (n) => registry.create(open(n, { offset: n }), fence(1)))
          const found = yield* registry.getAll([3, 9, 1].map(id))
          deepStrictEqual(found.map(Option.map(({ upload }) => [upload.id, upload.offset])), [
            Option.some([id(3), 3]),
            Option.none(),
            Option.some([id(1), 1])
          ])
          deepStrictEqual(yield* registry.getAll([]), [])
        }))

      test("finds hundreds of uploads", (registry) =>
        Effect.gen(function*() {
          yield* atOnce(Arr.range(0, 599), (n) => registry.create(open(n), fence(1)))
          const found = yield* registry.getAll(Arr.range(0, 600).map(id))
          deepStrictEqual(
            found.map(Option.map(({ upload }) => upload.id)),
            [...Arr.range(0, 599).map((n) => Option.some(id(n))), Option.none()]
          )
        }))
    })

    describe("get", () => {
      test("reads the state when it runs, as often as it runs", (registry) =>
        Effect.gen(function*() {
          const get = registry.get(id(1))
          deepStrictEqual(yield* get, Option.none())
          const entry = yield* registry.create(open(1), fence(1))
          same(yield* get, Option.some(entry))
          const [again, claim] = [registry.get(id(1)), registry.claim(id(1), 5)]
          const committed = yield* registry.commit(entry, open(1, { offset: 3 }), fence(2))
          same(yield* get, Option.some(committed))
          same(yield* again, Option.some(committed))
          same(yield* claim, Option.some({ ...committed, fence: 5 }))
        }))

      test("is what the registry knows without a wait, if it knows the state", (registry) =>
        Effect.gen(function*() {
          const check = Effect.gen(function*() {
            const known = registry.known?.(id(1))
            if (known !== undefined) {
              same(yield* registry.get(id(1)), Option.some(known))
            }
          })
          yield* check
          const entry = yield* registry.create(open(1), fence(1))
          yield* check
          const committed = yield* registry.commit(entry, open(1, { offset: 3 }), fence(2))
          yield* check
          yield* registry.remove(committed, fence(3))
          yield* check
        }))
    })

    describe("claim", () => {
      test("loads the state under the new fence, and finds nothing where there is nothing", (registry) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1, { offset: 3 }), fence(1))
          same(Option.getOrThrow(yield* registry.claim(id(1), 5)), { ...entry, fence: 5 })
          same(yield* stored(registry, 1), { ...entry, fence: 5 })
          assert.isTrue(Option.isNone(yield* registry.claim(id(2), 5)))
        }))

      test("makes every later write under a lower fence fail", (registry) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1, { offset: 3 }), fence(1))
          const claimed = Option.getOrThrow(yield* registry.claim(id(1), 5))
          yield* superseded(registry.commit(entry, open(1, { offset: 4 }), fence(4)))
          yield* superseded(registry.remove(entry, fence(4)))
          yield* superseded(registry.claim(id(1), 4))
          same(yield* stored(registry, 1), claimed)
          assert.strictEqual((yield* registry.commit(claimed, open(1, { offset: 4 }), fence(5))).upload.offset, 4)
        }))

      test("may be repeated", (registry) =>
        Effect.gen(function*() {
          yield* registry.create(open(1), fence(1))
          const claimed = yield* registry.claim(id(1), 5)
          deepStrictEqual(yield* registry.claim(id(1), 5), claimed)
        }))
    })

    describe("absent", () => {
      test("returns the ids that name no upload", (registry) =>
        Effect.gen(function*() {
          yield* registry.create(open(1), fence(1))
          yield* registry.create(complete(2), fence(1))
          yield* registry.remove(yield* registry.create(open(3), fence(1)), fence(1))
          deepStrictEqual([...(yield* registry.absent([1, 2, 3, 4].map(id)))].toSorted(byCode), [id(3), id(4)])
          deepStrictEqual(yield* registry.absent([id(1)]), [])
        }))

      test("returns nothing for no ids", (registry) =>
        Effect.map(registry.absent([]), (ids) => deepStrictEqual(ids, [])))

      test("accepts a page of ids", (registry) =>
        Effect.gen(function*() {
          yield* atOnce(Arr.range(1, 256), (n) => registry.create(open(2 * n), fence(1)))
          const asked = Arr.range(1, 256).map((n) => id(n))
          deepStrictEqual(
            [...(yield* registry.absent(asked))].toSorted(byCode),
            asked.filter((_, i) => i % 2 === 0)
          )
        }))
    })

    describe("commit", () => {
      test("replaces the entry, and increments its version", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(1))
          const second = yield* registry.commit(first, open(1, { offset: 5 }), fence(2))
          same(second, { upload: open(1, { offset: 5 }), version: 2, fence: 2, stored: 5, synced: 0 })
          const third = yield* registry.commit(second, open(1, { offset: 6 }), fence(2))
          same(third, { upload: open(1, { offset: 6 }), version: 3, fence: 2, stored: 6, synced: 0 })
          same(yield* stored(registry, 1), third)
        }))

      test("leaves all other uploads unchanged", (registry) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1), fence(1))
          const other = yield* registry.create(open(2), fence(1))
          yield* registry.commit(entry, open(1, { offset: 5 }), fence(1))
          same(yield* stored(registry, 2), other)
        }))

      test("is refused, and changes nothing, if the stored version is later", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(1))
          const second = yield* registry.commit(first, open(1, { offset: 5 }), fence(1))
          yield* superseded(registry.commit(first, open(1, { offset: 9 }), fence(1)))
          same(yield* stored(registry, 1), second)
        }))

      test("is refused, and changes nothing, if the stored version is earlier", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(1))
          yield* superseded(registry.commit({ ...first, version: 2 }, open(1, { offset: 9 }), fence(1)))
          same(yield* stored(registry, 1), first)
        }))

      test("is refused, and changes nothing, if the stored fence is above that of the writer", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(5))
          yield* superseded(registry.commit(first, open(1, { offset: 9 }), fence(4)))
          same(yield* stored(registry, 1), first)
        }))

      test("is refused after a removal, and does not bring the upload back", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(1))
          yield* registry.remove(first, fence(1))
          yield* superseded(registry.commit(first, open(1, { offset: 9 }), fence(2)))
          assert.isTrue(Option.isNone(yield* registry.get(id(1))))
          deepStrictEqual((yield* registry.usage).uploads, 0)
        }))

      test("is refused for an upload that was never created, and does not create it", (registry) =>
        Effect.gen(function*() {
          yield* superseded(registry.commit({ ...Registries.draft(open(1), 1), version: 1 }, open(1), fence(1)))
          assert.isTrue(Option.isNone(yield* registry.get(id(1))))
        }))

      test("lets 200 concurrent commits to different uploads through", (registry) =>
        Effect.gen(function*() {
          const uploads = Arr.range(1, 200)
          const entries = yield* Effect.forEach(uploads, (n) => registry.create(open(n), fence(n)), everyone)
          yield* Effect.forEach(
            entries,
            (entry, i) => registry.commit(entry, open(i + 1, { offset: i % 100 }), fence(1000 + i)),
            everyone
          )
          for (const n of uploads) {
            same(yield* stored(registry, n), {
              upload: open(n, { offset: (n - 1) % 100 }),
              version: 2,
              fence: 999 + n,
              stored: (n - 1) % 100,
              synced: 0
            })
          }
        }))

      test("lets one of 50 concurrent commits to the same entry through", (registry) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1), fence(1))
          const results = yield* atOnce(
            Arr.range(1, 50),
            (n) => registry.commit(entry, open(1, { offset: n }), fence(1))
          )
          const [lost, won] = Arr.separate(results)
          assert.strictEqual(won.length, 1)
          lost.forEach((error) => assert.instanceOf(error, Superseded))
          same(yield* stored(registry, 1), won[0])
        }))

      test("survives, if durable, together with other commits at the same time", (registry) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1), { fence: 1, durable: true })
          const next = yield* registry.commit(entry, open(1, { offset: 5 }), { fence: 1, durable: true })
          same(yield* stored(registry, 1), next)
          yield* registry.remove(next, { fence: 1, durable: true })
          assert.isTrue(Option.isNone(yield* registry.get(id(1))))
        }))

      test("stores the synced bytes that the writer knows, keeps them otherwise, and none behind the offset", (registry) =>
        Effect.gen(function*() {
          const moves = [
            [4, 4, 4],
            [9, undefined, 4],
            [9, 7, 7],
            [6, undefined, 6],
            [8, 9, 8]
          ] as const
          let entry = yield* registry.create(open(1, { offset: 3 }), { fence: 1, durable: false, synced: 3 })
          assert.strictEqual(entry.synced, 3)
          for (const [offset, synced, expected] of moves) {
            entry = yield* registry.commit(entry, open(1, { offset }), { fence: 1, durable: false, synced })
            assert.strictEqual(entry.synced, expected)
            same(yield* stored(registry, 1), entry)
          }
        }))

      law(
        "keeps whatever state follows another",
        tuple(anyUpload, anyUpload),
        (registry, [before, after]) =>
          Effect.gen(function*() {
            const next = new Upload({ ...after, id: before.id })
            const entry = yield* registry.create(before, fence(1))
            yield* registry.commit(entry, next, fence(Number.MAX_SAFE_INTEGER))
            same(
              yield* registry.get(before.id),
              Option.some({ upload: next, version: 2, fence: Number.MAX_SAFE_INTEGER, stored: next.offset, synced: 0 })
            )
          })
      )
    })

    describe("remove", () => {
      test("removes the upload and no other", (registry) =>
        Effect.gen(function*() {
          const other = yield* registry.create(open(2), fence(1))
          yield* registry.remove(yield* registry.create(open(1), fence(1)), fence(2))
          deepStrictEqual(yield* registry.absent([id(1), id(2)]), [id(1)])
          same(yield* stored(registry, 2), other)
        }))

      test("is refused, and changes nothing, if the stored version differs", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(1))
          const second = yield* registry.commit(first, open(1, { offset: 5 }), fence(1))
          yield* superseded(registry.remove(first, fence(1)))
          same(yield* stored(registry, 1), second)
        }))

      test("is refused, and changes nothing, if the stored fence is above that of the writer", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(5))
          yield* superseded(registry.remove(first, fence(4)))
          same(yield* stored(registry, 1), first)
        }))

      test("is refused after a removal", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(1))
          yield* registry.remove(first, fence(1))
          yield* superseded(registry.remove(first, fence(1)))
        }))

      test("lets one of a concurrent removal and commit through", (registry) =>
        Effect.gen(function*() {
          const entries = yield* Effect.forEach(Arr.range(1, 20), (n) => registry.create(open(n), fence(1)), everyone)
          const results = yield* Effect.forEach(
            entries,
            (entry, i) => {
              const commit = registry.commit(entry, open(i + 1, { offset: 5 }), fence(1))
              const remove = registry.remove(entry, fence(1))
              return atOnce(i % 2 === 0 ? [commit, remove] : [remove, commit], (self) => self)
            },
            everyone
          )
          results.forEach((both) => assert.strictEqual(both.filter(Either.isRight).length, 1))
        }))
    })

    describe("create, commit and remove", () => {
      law(
        "do nothing before they run, in whatever order they are made and run",
        manyWrites,
        (registry, writes) =>
          Effect.gen(function*() {
            const model = new Map<number, Modelled>()
            /** The last state of each upload that a writer has heard of. */
            const heard = new Map<number, Registries.StoredUpload>()
            yield* Later.run(writes, (write, nth) => {
              const { n } = write
              const entry = heard.get(n) ?? Registries.created(open(n), fence(1))
              const made = makeWrite(registry, write, entry, nth)
              return Effect.gen(function*() {
                const written = yield* Effect.either(made)
                assert.strictEqual(Either.isRight(written), succeeds(model, write, entry, nth))
                if (Either.isRight(written) && written.right !== undefined) {
                  heard.set(n, written.right)
                }
                for (const n of few) {
                  const found = Option.map(yield* registry.get(id(n)), ({ fence, upload: { offset }, version }) => ({
                    offset: Number(offset),
                    version,
                    fence
                  }))
                  deepStrictEqual(found, Option.fromNullable(model.get(n)))
                }
              })
            })
          })
      )
    })

    describe("expired", () => {
      test("lists unfinished uploads that have expired, to the millisecond", (registry) =>
        Effect.gen(function*() {
          yield* registry.create(open(1, { expiresAt: at(999) }), fence(1))
          yield* registry.create(open(2, { expiresAt: at(1000) }), fence(1))
          yield* registry.create(open(3, { expiresAt: at(1001) }), fence(1))
          yield* registry.create(open(4), fence(1))
          deepStrictEqual(yield* expired(registry, 1000), [id(1), id(2)])
          deepStrictEqual(yield* expired(registry, 998), [])
        }))

      test("lists no full upload, and none whose expiry was renewed", (registry) =>
        Effect.gen(function*() {
          const [full, renewed] = yield* Effect.all([
            registry.create(open(1, { expiresAt: at(1000) }), fence(1)),
            registry.create(open(2, { expiresAt: at(1000) }), fence(1))
          ])
          yield* registry.commit(full, complete(1), fence(1))
          yield* registry.commit(renewed, open(2, { expiresAt: at(2000) }), fence(1))
          deepStrictEqual(yield* expired(registry, 1999), [])
          deepStrictEqual(yield* expired(registry, 2000), [id(2)])
        }))

      test("lists uploads page by page, ordered by expiry and then by id", (registry) =>
        Effect.gen(function*() {
          yield* atOnce(shuffled, (n) => registry.create(open(n, { expiresAt: at(5000 - n % 3) }), fence(1)))
          const found = Array.from(
            yield* Stream.runCollect(
              Registries.pages((page: Registries.Page<Registries.Due>) => registry.expired(at(9999), page), 7)
            )
          )
          const expected = [2, 1, 0].flatMap((rest) => shuffled.filter((n) => n % 3 === rest).map(id).toSorted(byCode))
          deepStrictEqual(found.map((due) => due.id), expected)
          same(found.map(({ expiresAt }) => expiresAt), shuffled.map((n) => at(5000 - n % 3)).toSorted(DateTime.Order))
        }))
    })

    describe("pending", () => {
      test("lists open finals and finishing uploads, and no others", (registry) =>
        Effect.gen(function*() {
          const all = [
            open(1),
            open(2, { kind: partial }),
            open(3, { kind: finalOf(2) }),
            complete(4),
            complete(5, { kind: finalOf(2) }),
            complete(6, { completion: { _tag: "Finishing" } }),
            complete(7, { completion: { _tag: "Finishing" }, kind: finalOf(2) }),
            complete(8, { completion: { _tag: "Rejected", status: 422, reason: "a virus" } })
          ]
          yield* atOnce(all, (upload) => registry.create(upload, fence(1)))
          deepStrictEqual(yield* registry.pending({ limit: 9 }), [id(3), id(6), id(7)])
        }))

      test("no longer lists an upload after its completion", (registry) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1, { kind: finalOf(9) }), fence(1))
          yield* registry.commit(entry, complete(1, { kind: finalOf(9) }), fence(1))
          deepStrictEqual(yield* registry.pending({ limit: 9 }), [])
        }))

      test("lists uploads page by page", (registry) =>
        Effect.gen(function*() {
          yield* atOnce(shuffled, (n) => registry.create(open(n, { kind: finalOf(9) }), fence(1)))
          yield* paged(registry.pending, shuffled)
        }))
    })

    describe("unsynced", () => {
      test("lists unfinished uploads with unsynced bytes, and no others", (registry) =>
        Effect.gen(function*() {
          const all = [open(1, { offset: 5 }), open(2), complete(3), open(4, { kind: partial, offset: 5 })]
          yield* atOnce(all, (upload) => registry.create(upload, fence(1)))
          yield* registry.create(open(5, { offset: 5 }), { fence: 1, durable: false, synced: 5 })
          deepStrictEqual(yield* registry.unsynced({ limit: 9 }), [id(1), id(4)])
        }))

      test("no longer lists an upload that is synced, set back or complete, and lists one that grows again", (registry) =>
        Effect.gen(function*() {
          const [synced, back, full, grown] = yield* Effect.all([
            registry.create(open(1, { offset: 5 }), fence(1)),
            registry.create(open(2, { offset: 5 }), fence(1)),
            registry.create(open(3, { offset: 5 }), fence(1)),
            registry.create(open(4, { offset: 5 }), { fence: 1, durable: false, synced: 5 })
          ])
          yield* registry.commit({ ...synced, synced: 5 }, synced.upload, fence(1))
          yield* registry.commit(back, open(2), fence(1))
          yield* registry.commit(full, complete(3), fence(1))
          yield* registry.commit(grown, open(4, { offset: 6 }), fence(1))
          deepStrictEqual(yield* registry.unsynced({ limit: 9 }), [id(4)])
        }))

      test("lists uploads page by page", (registry) =>
        Effect.gen(function*() {
          yield* atOnce(shuffled, (n) => registry.create(open(n, { offset: 1 }), fence(1)))
          yield* paged(registry.unsynced, shuffled)
        }))
    })

    describe("finalsOf", () => {
      test("lists the open finals of the part, each once", (registry) =>
        Effect.gen(function*() {
          const all = [
            open(1, { kind: finalOf(7) }),
            open(2, { kind: finalOf(8, 7, 9, 7) }),
            open(3, { kind: finalOf(8, 9) }),
            complete(4, { kind: finalOf(7) }),
            open(7, { kind: partial })
          ]
          yield* atOnce(all, (upload) => registry.create(upload, fence(1)))
          deepStrictEqual([...(yield* registry.finalsOf(id(7)))].toSorted(), [id(1), id(2)])
          deepStrictEqual(yield* registry.finalsOf(id(6)), [])
        }))

      test("no longer lists a final that is complete or removed", (registry) =>
        Effect.gen(function*() {
          const [first, second] = yield* Effect.all([
            registry.create(open(1, { kind: finalOf(7) }), fence(1)),
            registry.create(open(2, { kind: finalOf(7) }), fence(1))
          ])
          yield* registry.commit(first, complete(1, { kind: first.upload.kind }), fence(1))
          deepStrictEqual(yield* registry.finalsOf(id(7)), [id(2)])
          yield* registry.remove(second, fence(1))
          deepStrictEqual(yield* registry.finalsOf(id(7)), [])
        }))

      test("forgets the parts that a final no longer names", (registry) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1, { kind: finalOf(7, 8) }), fence(1))
          const next = yield* registry.commit(entry, open(1, { kind: finalOf(8, 9) }), fence(1))
          deepStrictEqual(yield* registry.finalsOf(id(7)), [])
          deepStrictEqual(yield* registry.finalsOf(id(8)), [id(1)])
          deepStrictEqual(yield* registry.finalsOf(id(9)), [id(1)])
          yield* registry.commit(next, open(1), fence(1))
          deepStrictEqual(yield* registry.finalsOf(id(9)), [])
        }))

      test("works for a final of very many parts", (registry) =>
        Effect.gen(function*() {
          const [first, ...rest] = Arr.makeBy(20_000, (n) => 10_000 + n)
          const upload = open(1, { kind: finalOf(first, ...rest) })
          yield* registry.create(upload, fence(1))
          same((yield* stored(registry, 1)).upload, upload)
          deepStrictEqual(yield* registry.finalsOf(id(10_000)), [id(1)])
          deepStrictEqual(yield* registry.finalsOf(id(29_999)), [id(1)])
        }))
    })

    describe("consumedParts", () => {
      const part = complete(1, { kind: partial })
      const final = { kind: finalOf(2, 1) }

      test("lists a complete part of a complete final", (registry) =>
        Effect.map(usedUpAmong(registry, [part, complete(5, final)]), (ids) => deepStrictEqual(ids, [id(1)])))

      test("does not list it before a final is complete", (registry) =>
        Effect.map(usedUpAmong(registry, [part, open(5, final)]), (ids) => deepStrictEqual(ids, [])))

      test("does not list it while another final with it is unfinished", (registry) =>
        Effect.gen(function*() {
          deepStrictEqual(yield* usedUpAmong(registry, [part, complete(5, final), open(6, final)]), [])
          const waiting = yield* stored(registry, 6)
          yield* registry.commit(waiting, complete(6, { ...final, completion: { _tag: "Finishing" } }), fence(1))
          deepStrictEqual(yield* registry.consumedParts({ limit: 9 }), [])
          yield* registry.commit(yield* stored(registry, 6), complete(6, final), fence(1))
          deepStrictEqual(yield* registry.consumedParts({ limit: 9 }), [id(1)])
        }))

      test("may be removed unless another final needs it", (registry) =>
        Effect.gen(function*() {
          const unneeded = { ...fence(1), unlessNamed: true }
          yield* usedUpAmong(registry, [part, complete(5, final), open(6, final)])
          const entry = yield* stored(registry, 1)
          yield* superseded(registry.remove(entry, unneeded))
          const waiting = yield* stored(registry, 6)
          yield* registry.commit(waiting, complete(6, { ...final, completion: { _tag: "Finishing" } }), fence(1))
          yield* superseded(registry.remove(entry, unneeded))
          yield* registry.commit(yield* stored(registry, 6), complete(6, final), fence(1))
          yield* registry.remove(entry, unneeded)
          deepStrictEqual(yield* registry.get(id(1)), Option.none())
        }))

      test("lists no part without a final, or whose final was removed", (registry) =>
        Effect.gen(function*() {
          deepStrictEqual(yield* usedUpAmong(registry, [part, complete(5, { kind: finalOf(2) })]), [])
          yield* registry.remove(yield* registry.create(complete(6, final), fence(1)), fence(1))
          deepStrictEqual(yield* registry.consumedParts({ limit: 9 }), [])
        }))

      test("lists no unfinished part, and no other kind of upload", (registry) =>
        Effect.map(
          usedUpAmong(registry, [open(1, { kind: partial }), complete(2), complete(5, final)]),
          (ids) => deepStrictEqual(ids, [])
        ))

      test("lists parts page by page", (registry) =>
        Effect.gen(function*() {
          const [first, ...rest] = shuffled
          yield* registry.create(complete(9000, { kind: finalOf(first, ...rest) }), fence(1))
          yield* atOnce(shuffled, (n) => registry.create(complete(n, { kind: partial }), fence(1)))
          yield* paged(registry.consumedParts, shuffled)
        }))
    })

    describe("withBytes", () => {
      test("lists unfinished uploads with bytes, and their number, and no others", (registry) =>
        Effect.gen(function*() {
          const all = [open(1, { offset: 5 }), open(2), complete(3), open(4, { kind: partial, offset: 1 })]
          yield* atOnce(all, (upload) => registry.create(upload, fence(1)))
          yield* registry.create(open(5, { offset: 7 }), { fence: 1, durable: true })
          yield* registry.create(complete(6, { completion: { _tag: "Finishing" } }), fence(1))
          deepStrictEqual(yield* begun(registry, { limit: 9 }), [[id(1), 5], [id(4), 1], [id(5), 7]])
        }))

      test("lists the current offset, and no upload that is set back to 0, complete or removed", (registry) =>
        Effect.gen(function*() {
          const [grown, back, full, gone] = yield* Effect.all([
            registry.create(open(1), fence(1)),
            registry.create(open(2, { offset: 5 }), fence(1)),
            registry.create(open(3, { offset: 5 }), fence(1)),
            registry.create(open(4, { offset: 5 }), fence(1))
          ])
          yield* registry.commit(
            yield* registry.commit(grown, open(1, { offset: 2 }), fence(1)),
            open(1, { offset: 6 }),
            {
              fence: 1,
              durable: true
            }
          )
          yield* registry.commit(back, open(2), fence(1))
          yield* registry.commit(full, complete(3), fence(1))
          yield* registry.remove(gone, fence(1))
          deepStrictEqual(yield* begun(registry, { limit: 9 }), [[id(1), 6]])
        }))

      test("lists uploads page by page, ordered by id in code units", (registry) =>
        Effect.gen(function*() {
          const ids = Arr.map(["-", "0", "9", "A", "Z", "_", "a", "z", "zz", "-a", "aB", "ab"], (start) =>
            UploadId.make(start.padEnd(22, "m")))
          yield* atOnce(ids.toReversed(), (id) =>
            registry.create(new Upload({ ...open(1, { offset: 5 }), id }), fence(1)))
          const expected = ids.toSorted(byCode).map((id) => ({ id, offset: Bytes.make(5) }))
          deepStrictEqual(yield* registry.withBytes({ limit: 99 }), expected)
          deepStrictEqual(yield* registry.withBytes({ limit: 5 }), expected.slice(0, 5))
          deepStrictEqual(yield* registry.withBytes({ limit: 5, after: expected[4] }), expected.slice(5, 10))
          deepStrictEqual(yield* registry.withBytes({ limit: 5, after: expected[9] }), expected.slice(10))
          deepStrictEqual(yield* registry.withBytes({ limit: 5, after: expected[11] }), [])
        }))

      test("starts a page after an id that has been removed meanwhile", (registry) =>
        Effect.gen(function*() {
          const entries = yield* Effect.forEach(
            Arr.range(1, 4),
            (n) => registry.create(open(n, { offset: 1 }), fence(1))
          )
          yield* Effect.forEach(entries.slice(0, 2), (entry) => registry.remove(entry, fence(1)))
          const after = { id: id(2), offset: Bytes.make(1) }
          deepStrictEqual(yield* begun(registry, { limit: 9, after }), [[id(3), 1], [id(4), 1]])
        }))
    })

    describe("usage", () => {
      test("is 0 at first", (registry) =>
        Effect.map(registry.usage, (usage) => deepStrictEqual(usage, { uploads: 0, bytes: 0 })))

      test("counts uploads and the bytes below their offsets", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1, { offset: 3 }), fence(1))
          const second = yield* registry.create(open(2, { offset: 4 }), fence(1))
          yield* registry.create(complete(3), fence(1))
          deepStrictEqual(yield* registry.usage, { uploads: 3, bytes: 107 })
          yield* registry.commit(first, open(1, { offset: 50 }), fence(1))
          yield* registry.remove(second, fence(1))
          deepStrictEqual(yield* registry.usage, { uploads: 2, bytes: 150 })
        }))

      test("counts files of many gibibytes", (registry) =>
        Effect.gen(function*() {
          yield* atOnce([1, 2, 3], (n) => registry.create(complete(n, { length: 2 ** 51 }), fence(1)))
          deepStrictEqual(yield* registry.usage, { uploads: 3, bytes: 3 * 2 ** 51 })
        }))
    })

    describe("list", () => {
      law(
        "finds every upload once, page by page, in the order of ids",
        manyUploads,
        (registry, uploads) =>
          Effect.gen(function*() {
            yield* atOnce(uploads, (upload) => registry.create(upload, fence(1)))
            const found: Array<Upload> = []
            for (let after: UploadId | undefined;;) {
              const page = yield* registry.list({ limit: 7, after })
              found.push(...Arr.getRights(page))
              if (page.length < 7) {
                break
              }
              after = found.at(-1)?.id
            }
            same(found, uploads.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
          })
      )
    })

    describe("identity", () => {
      test("a new registry has no name, and remembers the name that it is given", ({ identity }) =>
        Effect.gen(function*() {
          if (identity !== undefined) {
            deepStrictEqual(yield* identity.get, Option.none())
            yield* identity.set({ name: "one", isTold: false })
            deepStrictEqual(yield* identity.get, Option.some({ name: "one", isTold: false }))
            yield* identity.set({ name: "one", isTold: true })
            deepStrictEqual(yield* identity.get, Option.some({ name: "one", isTold: true }))
          }
        }))
    })

    describe("takeTurn", () => {
      test("gives each kind of work to the registry that asks for it, as often as it asks", ({ takeTurn }) =>
        Effect.gen(function*() {
          if (takeTurn !== undefined) {
            const asked = ["sweep", "sweep", "another sweep"].map((work) => takeTurn(work, Duration.hours(1)))
            deepStrictEqual(yield* Effect.all(asked), [true, true, true])
          }
        }))
    })

    describe("usageByOwner", () => {
      test("are empty at first", (registry) =>
        Effect.map(registry.usageByOwner, (usageByOwner) => deepStrictEqual(usageByOwner, [])))

      test("are the sums over the uploads of each owner", (registry) =>
        Effect.gen(function*() {
          const owned = (upload: Upload, owner: string) => new Upload({ ...upload, owner: Option.some(owner) })
          const deferred = new Upload({ ...open(4, { offset: 30 }), length: Option.none() })
          const final: Uploads.Kind = { _tag: "Final", parts: [id(5)], concat: "final;/files/5" }
          for (
            const upload of [
              owned(open(1, { offset: 10 }), "ann"),
              owned(complete(2, { length: 50 }), "ann"),
              owned(open(3), "bob"),
              owned(deferred, "bob"),
              open(5, { offset: 1 }),
              open(6, { kind: final })
            ]
          ) {
            yield* registry.create(upload, fence(1))
          }
          deepStrictEqual(
            (yield* registry.usageByOwner).toSorted((a, b) => key(a.owner).localeCompare(key(b.owner))),
            [
              { owner: Option.none(), bytes: 200, open: 2, outstanding: 99 },
              { owner: Option.some("ann"), bytes: 150, open: 1, outstanding: 90 },
              { owner: Option.some("bob"), bytes: 130, open: 2, outstanding: 100 }
            ]
          )
        }))
    })

    describe("lastFence", () => {
      test("is 0 at first", (registry) => Effect.map(registry.lastFence, (last) => assert.strictEqual(last, 0)))

      test("is the highest stored fence", (registry) =>
        Effect.gen(function*() {
          const first = yield* registry.create(open(1), fence(5))
          const second = yield* registry.create(open(2), fence(3))
          assert.strictEqual(yield* registry.lastFence, 5)
          yield* registry.commit(second, open(2), fence(8))
          assert.strictEqual(yield* registry.lastFence, 8)
          yield* superseded(registry.commit(second, open(2), fence(9)))
          assert.strictEqual(yield* registry.lastFence, 8)
          yield* registry.commit(first, open(1), fence(Number.MAX_SAFE_INTEGER))
          assert.strictEqual(yield* registry.lastFence, Number.MAX_SAFE_INTEGER)
        }))
    })
  })
}

const everyone = { concurrency: "unbounded" } as const

const partial: Uploads.Kind = { _tag: "Partial" }
const finalOf = (first: number, ...rest: ReadonlyArray<number>): Uploads.Kind => ({
  _tag: "Final",
  parts: [id(first), ...rest.map(id)],
  concat: `final;${[first, ...rest].map((n) => `/files/${id(n)}`).join(" ")}`
})

const key = Option.getOrElse(() => "")

const few = [1, 2]

/** A write of one of a few uploads. */
interface Write extends Later.Delayed {
  readonly verb: "create" | "commit" | "remove"
  readonly n: number
  readonly fence: number
}

/** What a registry has to store of an upload. */
interface Modelled {
  readonly offset: number
  readonly version: number
  readonly fence: number
}

/** Makes a write. The offset of each is another one. */
const makeWrite = (registry: UploadRegistry["Type"], write: Write, entry: Registries.StoredUpload, offset: number) => {
  const next = open(write.n, { offset })
  const options = fence(write.fence)
  switch (write.verb) {
    case "create":
      return registry.create(next, options)
    case "commit":
      return registry.commit(entry, next, options)
    case "remove":
      return Effect.as(registry.remove(entry, options), undefined)
  }
}

/** Changes the model as the write changes the registry. Returns whether the write succeeds. */
const succeeds = (
  model: Map<number, Modelled>,
  { fence, n, verb }: Write,
  entry: Registries.StoredUpload,
  offset: number
): boolean => {
  const before = model.get(n)
  const isAllowed = verb === "create"
    ? before === undefined
    : before !== undefined && before.version === entry.version && before.fence <= fence
  if (isAllowed && verb === "remove") {
    model.delete(n)
  } else if (isAllowed) {
    model.set(n, { offset, version: verb === "create" ? 1 : entry.version + 1, fence })
  }
  return isAllowed
}

const usedUpAmong = (registry: UploadRegistry["Type"], uploads: ReadonlyArray<Upload>) =>
  Effect.zipRight(
    Effect.forEach(uploads, (upload) => registry.create(upload, fence(1)), everyone),
    registry.consumedParts({ limit: 9 })
  )

/** Three pages of ten and one of two. */
const shuffled = Arr.map(Arr.range(1, 32), (n) => 1000 + (n * 7) % 33)

const stored = (registry: UploadRegistry["Type"], n: number) =>
  Effect.map(registry.get(id(n)), Option.getOrThrowWith(() => new Error(`${id(n)} is gone`)))

const superseded = <A>(self: Effect.Effect<A, StoreErrors.Superseded | StoreErrors.UploadStoreError>) =>
  Effect.map(Effect.flip(self), (error) => assert.instanceOf(error, Superseded))

const atOnce = <A, B, E>(items: ReadonlyArray<A>, self: (item: A) => Effect.Effect<B, E>) =>
  Effect.forEach(items, (item) => Effect.either(self(item)), everyone)

const expired = (registry: UploadRegistry["Type"], millis: number) =>
  Effect.map(registry.expired(at(millis), { limit: 9 }), (found) => found.map((due) => due.id))

const begun = (registry: UploadRegistry["Type"], page: Registries.Page<Registries.Begun>) =>
  Effect.map(registry.withBytes(page), (found) => found.map(({ id, offset }) => [id, Number(offset)]))

const byCode = (a: string, b: string) => a < b ? -1 : 1

const paged = Effect.fnUntraced(function*<E>(
  query: (page: Registries.Page) => Effect.Effect<ReadonlyArray<UploadId>, E>,
  numbers: ReadonlyArray<number>
) {
  const expected = numbers.map(id).toSorted(byCode)
  for (const start of [0, 10, 20, 30]) {
    const after = start === 0 ? undefined : expected[start - 1]
    deepStrictEqual(yield* query({ limit: 10, after }), expected.slice(start, start + 10))
  }
  deepStrictEqual(yield* query({ limit: 10, after: expected.at(-1) }), [])
})

/** Compares JSON, since values such as dates cache things in themselves. */
const {
  array,
  boolean,
  constant,
  constantFrom,
  dictionary,
  integer,
  maxSafeNat,
  oneof,
  option,
  record,
  string,
  stringMatching,
  tuple
} = FastCheck
const instant = integer({ min: 0, max: 8.64e15 }).map(at)
const anyId = stringMatching(/^[A-Za-z0-9_-]{22,128}$/).map((id) => UploadId.make(id))

const anyKind: FastCheck.Arbitrary<Uploads.Kind> = oneof(
  constant<Uploads.Kind>({ _tag: "Whole" }),
  constant(partial),
  record({ first: anyId, rest: array(anyId), concat: string({ unit: "grapheme" }) }).map((final): Uploads.Kind => ({
    _tag: "Final",
    parts: [final.first, ...final.rest],
    concat: final.concat
  }))
)

const anyAnswer = record({
  headers: dictionary(stringMatching(/^x-[a-j]{1,20}$/), stringMatching(/^[\t\x20-\x7e]{0,40}$/)),
  body: string({ unit: "grapheme" })
})

const anyEnd = oneof(
  constant<NonNullable<Details["completion"]>>({ _tag: "Finishing" }),
  record({ _tag: constant("Complete" as const), at: instant, answer: option(anyAnswer).map(Option.fromNullable) }),
  record({ _tag: constant("Rejected" as const), status: integer(), reason: string({ unit: "grapheme" }) })
)

const anyUpload: FastCheck.Arbitrary<Upload> = record({
  id: anyId,
  kind: anyKind,
  size: maxSafeNat(),
  share: constantFrom(0, 0.5, 0.999),
  isDeferred: boolean(),
  metadata: option(string({ unit: "grapheme" })),
  createdAt: instant,
  expiresAt: option(instant),
  expiryIsFixed: boolean(),
  end: option(anyEnd),
  owner: option(string({ unit: "grapheme" })),
  dialect: constantFrom("tus", "ietf")
}).map(({ createdAt, dialect, end, expiresAt, expiryIsFixed, id, isDeferred, kind, metadata, owner, share, size }) => {
  const length = Bytes.make(size)
  const upload = new Upload({
    id,
    kind,
    offset: Bytes.make(kind._tag === "Final" ? 0 : Math.floor(size * share)),
    length: isDeferred || size === 0 ? Option.none() : Option.some(length),
    metadata: Option.fromNullable(metadata),
    createdAt,
    expiresAt: Option.fromNullable(expiresAt),
    expiryIsFixed,
    completion: { _tag: "Open" },
    owner: Option.fromNullable(owner),
    dialect
  })
  return end === null ? upload : upload.fill(length, end)
})

const manyUploads = FastCheck.uniqueArray(anyUpload, { selector: ({ id }) => id, minLength: 1, maxLength: 30 })

const manyWrites: FastCheck.Arbitrary<ReadonlyArray<Write>> = array(
  record({
    verb: constantFrom<Write["verb"]>("create", "commit", "commit", "remove"),
    n: constantFrom(...few),
    fence: integer({ min: 1, max: 3 }),
    waits: Later.anyWait
  }),
  { minLength: 1, maxLength: 20 }
)
