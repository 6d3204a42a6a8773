/**
 * An upload is one sequence of bytes, whatever of it lies in the byte store, in the registry, or waits for a commit.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type { Upload } from "effect-tus"
import { ByteStore, Pull, Refusal, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { numbered } from "../../src/testing/Fixtures.js"
import { now, uploadOf } from "../protocol/arbitraries.js"

/** Small, so that tails often move into the byte store. */
const tailLimit = 30

/**
 * A body that is whole, one in pieces, one that fails after its bytes; bytes that are lost, a restart, and the tail
 * of a complete upload that moves, or does not because the registry fails.
 */
type Step =
  | {
    readonly _tag: "Whole" | "Pieces" | "Cut"
    readonly size: number
    readonly isCommitted: boolean
    readonly isLast: boolean
  }
  | { readonly _tag: "Lose"; readonly share: number }
  | { readonly _tag: "Restart" }
  | { readonly _tag: "Move"; readonly fails: boolean }

/** Doubles would nearly all be next to 0. */
const share = FastCheck.integer({ min: 0, max: 16 }).map((n) => n / 16)
const anyStep: FastCheck.Arbitrary<Step> = FastCheck.oneof(
  {
    weight: 8,
    arbitrary: FastCheck.record({
      _tag: FastCheck.constantFrom(...["Whole", "Whole", "Pieces", "Cut"] as const),
      size: FastCheck.integer({ min: 0, max: 25 }),
      isCommitted: FastCheck.integer({ min: 0, max: 3 }).map((n) => n > 0),
      isLast: FastCheck.integer({ min: 0, max: 9 }).map((n) => n === 0)
    })
  },
  { weight: 1, arbitrary: FastCheck.record({ _tag: FastCheck.constant("Lose" as const), share }) },
  { weight: 1, arbitrary: FastCheck.record({ _tag: FastCheck.constant("Restart" as const) }) },
  { weight: 2, arbitrary: FastCheck.record({ _tag: FastCheck.constant("Move" as const), fails: FastCheck.boolean() }) }
)

const backends = (seals: boolean) =>
  Effect.map(
    Layer.build(Layer.merge(UploadRegistry.layerMemory, ByteStore.layerMemory)),
    (context) => {
      const registry = Context.get(context, UploadRegistry.UploadRegistry)
      const bytes = Context.get(context, ByteStore.ByteStore)
      const { tails } = registry
      return context.pipe(
        Context.add(UploadRegistry.UploadRegistry, { ...registry, tails: tails && { ...tails, limit: tailLimit } }),
        Context.add(ByteStore.ByteStore, seals ? { ...bytes, seal: () => Effect.void } : bytes)
      )
    }
  )

const opened = (
  context: Context.Context<ByteStore.ByteStore | UploadRegistry.UploadRegistry>,
  smallUploads: (typeof UploadStore.SmallUploads)["Service"] = "registry"
) =>
  UploadStore.make.pipe(
    Effect.provideService(UploadStore.SmallUploads, smallUploads),
    Effect.provide(context)
  )

const upload = (kind: "Partial" | "Whole") => uploadOf({ kind: { _tag: kind } })

const failure = new UploadStoreError.UploadStoreError({
  reason: "Read",
  operation: "read the body",
  cause: "it is cut"
})

/** Each batch has a few bytes; a body that is cut fails at its end. */
const pullOf = ({ _tag }: Extract<Step, { readonly size: number }>, bytes: Uint8Array) => {
  if (_tag === "Whole") {
    return Pull.whole(Chunk.of(bytes))
  }
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, n) => bytes.subarray(n * 7, n * 7 + 7))
  return Effect.suspend(() => {
    const piece = pieces.shift()
    return piece === undefined
      ? _tag === "Cut" ? Pull.fail(failure) : Pull.end
      : Effect.succeed(Chunk.of(piece))
  })
}

const readAll = (store: UploadStore.UploadStore["Type"], id: Upload.UploadId, start: number, end: number) =>
  Effect.map(Stream.runCollect(store.read(id, { start, end })), (chunks) => new Uint8Array(Pull.joined(chunks)))

describe("an upload with a tail", () => {
  it.scoped.prop(
    "is the bytes that were committed, in order",
    [
      FastCheck.array(anyStep, { minLength: 1, maxLength: 15 }),
      FastCheck.constantFrom(...["Partial", "Whole"] as const),
      FastCheck.constantFrom(...["background", "background", "registry", "byteStore"] as const),
      share,
      share,
      FastCheck.boolean()
    ],
    ([steps, kind, smallUploads, from, to, seals]) =>
      Effect.gen(function*() {
        const context = yield* backends(seals)
        const bytes = Context.get(context, ByteStore.ByteStore)
        const registry = Context.get(context, UploadRegistry.UploadRegistry)
        let isDown = false
        const failing = Context.add(context, UploadRegistry.UploadRegistry, {
          ...registry,
          commit: (...write) => isDown ? failure : registry.commit(...write)
        })
        let store = yield* opened(failing, smallUploads)
        const { id } = upload(kind)
        let entry = yield* store.create(upload(kind), 1)
        let expected = numbered(0)
        for (const step of steps) {
          if (step._tag === "Restart") {
            store = yield* opened(failing, smallUploads)
            entry = yield* store.claim(id, 1)
          } else if (step._tag === "Move") {
            if (store.isYetToMove(entry)) {
              isDown = step.fails
              const moved = yield* Effect.either(store.moveTail(entry))
              isDown = false
              assert.strictEqual(moved._tag, step.fails ? "Left" : "Right")
              entry = yield* store.claim(id, 1)
              assert.strictEqual(store.isYetToMove(entry), step.fails)
            }
          } else if (step._tag === "Lose") {
            const left = Math.floor(entry.stored * step.share)
            if (left < entry.stored && (entry.upload.isOpen || kind === "Partial")) {
              yield* bytes.truncate(id, { at: left, fence: 1 })
              deepStrictEqual(yield* store.recover(id, 1), Option.some(left))
              expected = expected.slice(0, left)
            } else {
              deepStrictEqual(yield* store.recover(id, 1), Option.none())
            }
            entry = yield* store.claim(id, 1)
          } else if (entry.upload.isOpen) {
            const body = numbered(step.size, expected.length * 3)
            let reached = Number(entry.upload.offset)
            const written = yield* Effect.either(
              store.write(entry, pullOf(step, body), (end) =>
                Effect.sync(() => {
                  assert.isAtLeast(end, reached)
                  reached = end
                }))
            )
            const { end, tail } = written._tag === "Right" ? written.right : { end: reached, tail: undefined }
            assert.strictEqual(end, entry.upload.offset + step.size)
            if (step.isCommitted && step.size > 0) {
              const grown = entry.upload.grow(step.size, Option.none(), Option.none())
              const next = step.isLast
                ? grown.fill(grown.offset, { _tag: "Complete", at: now, answer: Option.none() })
                : grown
              entry = yield* store.commit(entry, next, tail)
              expected = Uint8Array.from([...expected, ...body])
            } else {
              yield* store.discard(entry)
            }
          }
          deepStrictEqual(yield* store.get(id), entry)
          const mayStay = kind === "Whole" && !seals && smallUploads !== "byteStore"
          assert.isTrue(entry.upload.isOpen || entry.stored === (entry.stored === 0 && mayStay ? 0 : expected.length))
          assert.strictEqual(
            store.isYetToMove(entry),
            smallUploads === "background" && !entry.upload.isOpen && entry.stored < expected.length
          )
          deepStrictEqual(
            Chunk.toReadonlyArray(yield* Stream.runCollect(store.pending)),
            store.isYetToMove(entry) ? [id] : []
          )
          assert.strictEqual(entry.upload.offset, expected.length)
          const size = Option.getOrElse(yield* bytes.size(id), () => 0)
          assert.isTrue(size === entry.stored || !entry.upload.isOpen, `${size} bytes lie where ${entry.stored} count`)
          const start = Math.floor(Math.min(from, to) * expected.length)
          const end = Math.ceil(Math.max(from, to) * expected.length)
          deepStrictEqual(yield* readAll(store, id, start, end), expected.slice(start, end))
          deepStrictEqual(yield* readAll(store, id, 0, expected.length), expected)
        }
      }),
    { fastCheck: { numRuns: 200 } }
  )

  it.scoped("goes back to the bytes before its tail if the registry has lost it, and goes on from there", () =>
    Effect.gen(function*() {
      const context = yield* backends(false)
      const registry = Context.get(context, UploadRegistry.UploadRegistry)
      const lost = Effect.fail(new UploadStoreError.UploadStoreError({ reason: "Corrupt", operation: "read a tail" }))
      const store = yield* opened(
        Context.add(context, UploadRegistry.UploadRegistry, {
          ...registry,
          tails: registry.tails && { ...registry.tails, read: () => lost }
        })
      )
      const { id } = upload("Whole")
      const write = (entry: UploadRegistry.StoredUpload, _tag: "Pieces" | "Whole", size: number) =>
        Effect.gen(function*() {
          const body = { _tag, size, isCommitted: true, isLast: false }
          const { tail } = yield* store.write(entry, pullOf(body, numbered(size, 50)), () => Effect.void)
          return yield* store.commit(entry, entry.upload.grow(size, Option.none(), Option.none()), tail)
        })
      const begun = yield* write(yield* store.create(upload("Whole"), 1), "Pieces", 10)
      const tailed = yield* write(begun, "Whole", 5)
      const error = yield* Effect.flip(write(tailed, "Pieces", 40))
      deepStrictEqual(error, new Refusal.OffsetMismatch({ expected: 10, actual: 15 }))
      const back = yield* store.claim(id, 1)
      deepStrictEqual([back.upload.offset, back.stored], [10, 10])
      const grown = yield* write(back, "Pieces", 40)
      assert.strictEqual(grown.upload.offset, 50)
      deepStrictEqual(
        yield* readAll(store, id, 0, 50),
        Uint8Array.from([...numbered(10, 50), ...numbered(40, 50)])
      )
    }))
})
