/**
 * The contract of a `ByteStore` with orphans or with an identity. Both are optional, so a store without them passes.
 */
import { assert, describe } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Upload from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import { idOf, numbered, patience } from "../Fixtures.js"
import { underOneFence } from "../Writer.js"

const a = idOf("a")
const noon = DateTime.unsafeMake("2026-11-28T12:00:00Z")

const harness = Effect.map(ByteStore, (store) => ({
  ...underOneFence(store),
  put: (id: Upload.UploadId, bytes: Uint8Array) =>
    underOneFence(store).append(id, 0, Stream.make(bytes), () => Effect.void),
  contents: (id: Upload.UploadId, end: number) =>
    Effect.map(
      Stream.runCollect(store.read(id, { start: 0, end })),
      (chunks) => Uint8Array.from(Buffer.concat(Chunk.toReadonlyArray(chunks)))
    )
}))

/** @param test - declares one test with a fresh store. */
export const declare = (
  name: string,
  test: <E>(title: string, body: Effect.Effect<void, E, ByteStore>) => void
): void => {
  describe(`${name}: orphans`, patience, () => {
    test(
      "bytes that are set aside are no longer stored, are listed unchanged, and come back byte by byte",
      Effect.gen(function*() {
        const store = yield* harness
        if (store.orphans === undefined) {
          return
        }
        yield* store.put(a, numbered(10))
        const orphan = Option.getOrThrow(yield* store.orphans.setAside(a, noon))
        deepStrictEqual([orphan.id, orphan.size, orphan.isIntact], [a, 10, true])
        assert.isTrue(DateTime.greaterThanOrEqualTo(orphan.since, noon))
        deepStrictEqual(yield* store.size(a), Option.none())
        deepStrictEqual(yield* Stream.runCollect(store.list), Chunk.empty())
        const listed = yield* Stream.runCollect(store.orphans.list)
        deepStrictEqual(Chunk.toReadonlyArray(listed), [orphan])
        assert.isTrue(yield* store.orphans.putBack(orphan))
        deepStrictEqual(yield* store.contents(a, 10), numbered(10))
        deepStrictEqual(yield* Stream.runCollect(store.orphans.list), Chunk.empty())
      })
    )

    test(
      "setting aside and putting back never replace other bytes",
      Effect.gen(function*() {
        const store = yield* harness
        if (store.orphans === undefined) {
          return
        }
        yield* store.put(a, numbered(3))
        const first = Option.getOrThrow(yield* store.orphans.setAside(a, noon))
        yield* store.put(a, numbered(5, 50))
        const second = Option.getOrThrow(yield* store.orphans.setAside(a, noon))
        assert.notStrictEqual(first.name, second.name)
        yield* store.put(a, numbered(7, 70))
        assert.isFalse(yield* store.orphans.putBack(first))
        deepStrictEqual(yield* store.contents(a, 7), numbered(7, 70))
        yield* store.remove(a)
        assert.isTrue(yield* store.orphans.putBack(second))
        deepStrictEqual(yield* store.contents(a, 5), numbered(5, 50))
        yield* store.orphans.remove(first)
        yield* store.orphans.remove(first)
        deepStrictEqual(yield* Stream.runCollect(store.orphans.list), Chunk.empty())
        deepStrictEqual(yield* store.contents(a, 5), numbered(5, 50))
      })
    )

    test(
      "later writes do not reach bytes that were set aside",
      Effect.gen(function*() {
        const store = yield* harness
        if (store.orphans === undefined) {
          return
        }
        yield* store.put(a, numbered(10))
        const orphan = Option.getOrThrow(yield* store.orphans.setAside(a, noon))
        yield* store.put(a, numbered(4, 40))
        yield* store.truncate(a, 1)
        yield* store.remove(a)
        assert.isTrue(yield* store.orphans.putBack(orphan))
        deepStrictEqual(yield* store.contents(a, 10), numbered(10))
      })
    )

    test(
      "nothing is set aside if nothing is stored",
      Effect.gen(function*() {
        const { orphans } = yield* harness
        deepStrictEqual(yield* orphans?.setAside(a, noon) ?? Effect.succeedNone, Option.none())
      })
    )

    test(
      "the identity of the last registry is remembered",
      Effect.gen(function*() {
        const { identity } = yield* harness
        if (identity === undefined) {
          return
        }
        deepStrictEqual(yield* identity.get, Option.none())
        yield* identity.set("one")
        yield* identity.set("another")
        deepStrictEqual(yield* identity.get, Option.some("another"))
      })
    )
  })
}
