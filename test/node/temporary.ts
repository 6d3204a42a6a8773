/**
 * A byte store in a temporary directory.
 */
import { assert } from "@effect/vitest"
import { ByteStore, type Upload, UploadStoreError } from "effect-tus"
import { FileByteStore } from "effect-tus/node"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { underOneFence } from "../../src/testing/Writer.js"
import { directory } from "../support/directory.js"

export const layerTemporary = Layer.unwrapScoped(
  Effect.map(directory, (directory) => FileByteStore.layer({ directory }))
)

/** A byte store, by default in a new directory. */
export const open = Effect.fnUntraced(function*(at?: string) {
  const path = at ?? (yield* directory)
  const store = Context.get(yield* Layer.build(FileByteStore.layer({ directory: path })), ByteStore.ByteStore)
  const writer = underOneFence(store)
  const pathOf = (id: Upload.UploadId) => Option.getOrThrow(store.locate?.(id) ?? Option.none())
  return {
    ...writer,
    ids: Stream.map(store.list, ({ id }) => id),
    directory: path,
    put: (id: Upload.UploadId, at: number, bytes: Uint8Array) =>
      writer.append(id, at, Stream.make(bytes), () => Effect.void),
    pathOf,
    fileOf: (id: Upload.UploadId) => Uint8Array.from(readFileSync(pathOf(id)))
  }
})

/** The effect must fail with this reason, and with this system error if one is given. */
export const fails = Effect.fnUntraced(function*<A, R>(
  effect: Effect.Effect<A, UploadStoreError.Superseded | UploadStoreError.UploadStoreError, R>,
  reason: UploadStoreError.UploadStoreError["reason"],
  code?: string
) {
  const error = yield* Effect.flip(effect)
  assert.instanceOf(error, UploadStoreError.UploadStoreError)
  assert.strictEqual(error.reason, reason)
  if (code !== undefined) {
    assert.propertyVal(error.cause, "code", code)
  }
  return error
})

/** A batch with the same buffer `count` times. */
export const buffers = (count: number, buffer: Uint8Array) =>
  Chunk.unsafeFromArray(Array.from({ length: count }, () => buffer))
