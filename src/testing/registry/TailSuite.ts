/**
 * The contract of the tails of a registry: bytes beside their states. A registry without tails passes.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Pull from "../../bytes/Pull.js"
import { Bytes, type Upload } from "../../protocol/Upload.js"
import { type StoredUpload, type Tails, UploadRegistry, type WriteOptions } from "../../store/UploadRegistry.js"
import { Superseded } from "../../store/UploadStoreError.js"
import { numbered, patience } from "../Fixtures.js"
import * as States from "./States.js"

/** Called by `UploadRegistrySuite`. */
export const suite = (layer: Layer.Layer<UploadRegistry, unknown>): void => {
  const withTails = <A, E>(self: (registry: UploadRegistry["Type"], tails: Tails) => Effect.Effect<A, E>) =>
    Effect.flatMap(
      UploadRegistry,
      (registry) => registry.tails === undefined ? Effect.void : Effect.asVoid(self(registry, registry.tails))
    ).pipe(Effect.provide(layer))

  const test = <A, E>(
    title: string,
    self: (registry: UploadRegistry["Type"], tails: Tails) => Effect.Effect<A, E>
  ) => it.effect(title, () => withTails(self))

  describe("tails", patience, () => {
    it.effect.prop(
      "are the bytes behind those in the byte store, whatever is committed",
      [FastCheck.array(anyStep, { minLength: 1, maxLength: 12 })],
      ([steps]) =>
        withTails((registry, tails) =>
          Effect.gen(function*() {
            let entry = yield* registry.create(open(0), fence)
            let expected = numbered(0)
            for (const step of steps) {
              const { bytes, next, options } = after(step, entry, expected)
              entry = yield* registry.commit(entry, next, { ...fence, ...options })
              expected = bytes
              States.same(yield* registry.get(id), Option.some(entry))
              deepStrictEqual(yield* tailOf(tails), [entry.stored, bytes.slice(entry.stored)])
            }
          })
        ),
      { fastCheck: { numRuns: 30 } }
    )

    test("may be all bytes of a new upload, up to their limit", (registry, tails) =>
      Effect.gen(function*() {
        const bytes = numbered(tails.limit)
        const entry = yield* registry.create(open(bytes.length), { ...fence, tail: bytes })
        deepStrictEqual([entry.stored, entry.synced], [0, bytes.length])
        deepStrictEqual(yield* tailOf(tails), [0, bytes])
      }))

    test("are stored with their state, or not at all", (registry, tails) =>
      Effect.gen(function*() {
        const entry = yield* registry.create(open(3), { ...fence, tail: numbered(3) })
        const other = { ...entry, version: entry.version + 1 }
        const refused = yield* Effect.flip(registry.commit(other, open(5), { ...fence, tail: numbered(2, 3) }))
        assert.instanceOf(refused, Superseded)
        assert.instanceOf(yield* Effect.flip(registry.commit(other, open(3), { ...fence, stored: 3 })), Superseded)
        assert.instanceOf(yield* Effect.flip(registry.remove(other, fence)), Superseded)
        assert.instanceOf(yield* Effect.flip(registry.create(open(1), { ...fence, tail: numbered(1) })), Superseded)
        deepStrictEqual(yield* tailOf(tails), [0, numbered(3)])
      }))

    test("go with their upload", (registry, tails) =>
      Effect.gen(function*() {
        const entry = yield* registry.create(open(3), { ...fence, tail: numbered(3) })
        yield* registry.remove(entry, fence)
        deepStrictEqual(yield* tails.read(id), Option.none())
        yield* registry.create(open(0), fence)
        deepStrictEqual(yield* tailOf(tails), [0, numbered(0)])
      }))

    test("of full uploads without other bytes are found", (registry, tails) =>
      Effect.gen(function*() {
        const uploads: ReadonlyArray<readonly [Upload, tail: number]> = [
          [full(3, 1), 3],
          [full(3, 2), 2],
          [full(3, 3), 0],
          [open(3, 4), 3],
          [full(0, 5), 0]
        ]
        yield* Effect.forEach(uploads, ([upload, tail]) =>
          registry.create(upload, { ...fence, ...(tail > 0 ? { tail: numbered(tail) } : {}) }))
        deepStrictEqual(yield* tails.whole([1, 2, 3, 4, 5, 6].map(States.id)), [States.id(1)])
        deepStrictEqual(yield* tails.whole([]), [])
      }))

    test("of complete uploads are found, page by page", (registry, tails) =>
      Effect.gen(function*() {
        const uploads: ReadonlyArray<readonly [Upload, tail: number]> = [
          [full(3, 1), 3],
          [full(3, 2), 0],
          [open(3, 3), 3],
          [full(4, 4), 4],
          [full(5, 5), 2],
          [full(0, 6), 0],
          [States.complete(7, { length: 3, completion: { _tag: "Finishing" } }), 3],
          [full(6, 8), 6]
        ]
        const entries = yield* Effect.forEach(uploads, ([upload, tail]) =>
          registry.create(upload, { ...fence, ...(tail > 0 ? { tail: numbered(tail) } : {}) }))
        const first = yield* tails.complete({ limit: 3 })
        deepStrictEqual(first, [1, 4, 5].map(States.id))
        deepStrictEqual(yield* tails.complete({ limit: 3, after: first.at(-1) }), [States.id(8)])
        const [moved] = entries
        yield* registry.commit(moved as StoredUpload, full(3, 1), { ...fence, stored: 3 })
        deepStrictEqual(yield* tails.complete({ limit: 9 }), [4, 5, 8].map(States.id))
      }))

    test("of many uploads are written at once", (registry, tails) =>
      Effect.gen(function*() {
        const uploads = Array.from({ length: 300 }, (_, n) => open(sizeOf(n), n))
        yield* Effect.forEach(uploads, (upload, n) =>
          Effect.gen(function*() {
            const entry = yield* registry.create(upload, { ...fence, tail: numbered(sizeOf(n), n) })
            const next = open(sizeOf(n) + 2, n)
            const grown = yield* registry.commit(entry, next, { ...fence, tail: numbered(2, n + sizeOf(n)) })
            if (n % 3 === 0) {
              yield* registry.commit(grown, next, { ...fence, stored: next.offset })
            }
          }), { concurrency: "unbounded", discard: true })
        for (const [n, upload] of uploads.entries()) {
          const expected = n % 3 === 0 ? [sizeOf(n) + 2, numbered(0)] : [0, numbered(sizeOf(n) + 2, n)]
          deepStrictEqual(yield* tailOf(tails, upload.id), expected)
        }
      }))
  })
}

const sizeOf = (n: number) => n % 7

const id = States.id(0)
const fence = States.fence(1)

/** Longer than every tail. */
const length = 1024 * 1024

const open = (offset: number, n = 0): Upload => States.open(n, { offset, length })
const full = (length: number, n: number): Upload =>
  open(0, n).fill(Bytes.make(length), { _tag: "Complete", at: States.at(2), answer: Option.none() })

/** New bytes in the tail, new bytes in the byte store, the tail moved into it, or the upload set back. */
type Step =
  | { readonly _tag: "Grow" | "Store"; readonly size: number }
  | { readonly _tag: "Move" }
  | { readonly _tag: "SetBack"; readonly share: number }

const anyStep: FastCheck.Arbitrary<Step> = FastCheck.oneof(
  FastCheck.record({
    _tag: FastCheck.constantFrom(...["Grow", "Grow", "Store"] as const),
    size: FastCheck.integer({ min: 1, max: 20 })
  }),
  FastCheck.record({ _tag: FastCheck.constant("Move" as const) }),
  FastCheck.record({
    _tag: FastCheck.constant("SetBack" as const),
    // Doubles would nearly all be next to 0.
    share: FastCheck.integer({ min: 0, max: 16 }).map((n) => n / 16)
  })
)

const to = (offset: number, options: Partial<WriteOptions>, bytes: Uint8Array) => ({
  bytes,
  next: open(offset),
  options
})

/** All bytes of the upload after the step, and how it is committed. */
const after = (step: Step, { stored, upload }: StoredUpload, bytes: Uint8Array) => {
  switch (step._tag) {
    case "Grow": {
      const tail = numbered(step.size, upload.offset * 7)
      return to(upload.offset + step.size, { tail }, Pull.concat([bytes, tail]))
    }
    case "Store":
      return to(upload.offset + step.size, {}, Pull.concat([bytes, numbered(step.size)]))
    case "Move":
      return to(upload.offset, { stored: stored + Math.ceil((upload.offset - stored) / 2) }, bytes)
    case "SetBack": {
      const offset = Math.floor(upload.offset * step.share)
      return to(offset, {}, bytes.slice(0, offset))
    }
  }
}

/** Where the tail begins, and its bytes. */
const tailOf = ({ read }: Tails, of = id) =>
  Effect.map(
    read(of),
    (tail) => {
      const { at, pieces } = Option.getOrThrow(tail)
      return [at, new Uint8Array(Pull.concat(pieces))]
    }
  )
