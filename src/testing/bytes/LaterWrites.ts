/**
 * The contract of a `ByteStore` about writes that are made before they run.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Pull from "../../bytes/Pull.js"
import type { UploadId } from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import type { Superseded, UploadStoreError } from "../../store/UploadStoreError.js"
import { idOf, patience } from "../Fixtures.js"
import * as Later from "../Later.js"
import { makeReadable } from "../Writer.js"

const fence = 1
const ids = [idOf("a"), idOf("b")] as const

interface Write extends Later.Delayed {
  readonly verb: "append" | "truncate" | "concat" | "remove"
  /** The upload that is written, and the one that it is joined of. */
  readonly to: UploadId
  readonly from: UploadId
  /** Where it begins; `concat` takes one byte more of the part. */
  readonly at: number
  readonly bytes: Uint8Array
  /** Whether its bytes are there when the write is made, or are pulled. */
  readonly isWhole: boolean
}

const anyWrite: FastCheck.Arbitrary<Write> = FastCheck.record({
  verb: FastCheck.constantFrom<Write["verb"]>("append", "append", "append", "truncate", "concat", "remove"),
  isSwapped: FastCheck.boolean(),
  at: FastCheck.oneof(FastCheck.constant(0), FastCheck.integer({ min: 0, max: 8 })),
  bytes: FastCheck.uint8Array({ maxLength: 8 }),
  isWhole: FastCheck.boolean(),
  waits: Later.anyWait
}).map(({ isSwapped, ...write }) => ({ ...write, to: ids[isSwapped ? 1 : 0], from: ids[isSwapped ? 0 : 1] }))

type Model = Map<UploadId, ReadonlyArray<number>>

/** Changes the model as the write changes the store. Returns whether the write succeeds, or why not. */
const expected = (model: Model, { at, bytes, from, to, verb }: Write): "Written" | "Corrupt" => {
  const before = model.get(to)
  const part = model.get(from) ?? []
  switch (verb) {
    case "append":
      if (at > (before?.length ?? 0)) {
        return "Corrupt"
      }
      model.set(to, [...(before ?? []).slice(0, at), ...bytes])
      break
    case "concat":
      if (at >= part.length) {
        return "Corrupt"
      }
      model.set(to, part.slice(0, at + 1))
      break
    case "truncate":
      if (before !== undefined) {
        model.set(to, before.slice(0, at))
      }
      break
    case "remove":
      model.delete(to)
  }
  return "Written"
}

const make = (store: ByteStore["Type"], { at, bytes, from, isWhole, to, verb }: Write, told: Array<number>) => {
  switch (verb) {
    case "append": {
      const batch = Chunk.of(bytes)
      return store.append(
        to,
        { at, fence },
        isWhole ? Pull.whole(batch) : Pull.after(batch, Pull.end),
        (end) => Effect.sync(() => told.push(end))
      )
    }
    case "concat":
      return store.concat(to, [{ id: from, length: at + 1 }], fence)
    case "truncate":
      return store.truncate(to, { at, fence })
    case "remove":
      return store.remove(to, fence)
  }
}

const outcome = <A>(write: Effect.Effect<A, Superseded | UploadStoreError>) =>
  Effect.match(write, {
    onFailure: (error) => error._tag === "Superseded" ? error._tag : error.reason,
    onSuccess: () => "Written" as const
  })

/** Declares the tests in the file that calls it. */
export const declare = (name: string, layer: Layer.Layer<ByteStore, unknown>): void => {
  describe(`${name}: a write`, patience, () => {
    it.effect.prop(
      "does nothing before it runs, in whatever order writes are made and run",
      [FastCheck.array(anyWrite, { minLength: 1, maxLength: 12 })],
      ([writes]) =>
        Effect.gen(function*() {
          const store = yield* ByteStore
          const model: Model = new Map()
          const sizes = Effect.forEach(ids, (id) => store.size(id))
          yield* Later.run(writes, (write) => {
            const told: Array<number> = []
            const made = make(store, write, told)
            return Effect.gen(function*() {
              deepStrictEqual(told, [])
              assert.strictEqual(yield* outcome(made), expected(model, write))
              deepStrictEqual(
                yield* sizes,
                ids.map((id) => Option.map(Option.fromNullable(model.get(id)), ({ length }) => length))
              )
            })
          })
          for (const [id, bytes] of model) {
            yield* makeReadable(store)(id)
            const stored = yield* Stream.runCollect(store.read(id, { start: 0, end: bytes.length }))
            deepStrictEqual(Chunk.toReadonlyArray(stored).flatMap((bytes) => [...bytes]), bytes)
          }
        }).pipe(Effect.provide(layer)),
      { fastCheck: { numRuns: 100 } }
    )
  })
}
