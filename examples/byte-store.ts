/**
 * A byte store of your own: here chunks in memory. The docstrings of `ByteStore` are the contract, and `ByteStoreSuite`
 * of `effect-tus/testing` checks it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Chunk, Config, DateTime, Effect, Layer, Option, Stream } from "effect"
import { ByteStore, Pull, type Upload, UploadLock, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import { NodeTusServer } from "effect-tus/node"
import { TusServer } from "effect-tus/server"
import { fileURLToPath } from "node:url"

/** Bytes in the chunks in which they arrived. */
type Rope = ReadonlyArray<Uint8Array>

const sizeOf = (rope: Rope) => rope.reduce((size, piece) => size + piece.length, 0)

const slice = (rope: Rope, start: number, end: number): Rope => {
  const pieces: Array<Uint8Array> = []
  let at = 0
  for (const piece of rope) {
    const part = piece.subarray(Math.max(0, start - at), Math.max(0, end - at))
    if (part.length > 0) {
      pieces.push(part)
    }
    at += piece.length
  }
  return pieces
}

export const layer = Layer.sync(ByteStore.ByteStore, () => {
  const ropes = new Map<Upload.UploadId, Rope>()
  const times = new Map<Upload.UploadId, DateTime.Utc>()

  const put = (id: Upload.UploadId, rope: Rope) => {
    ropes.set(id, rope)
    times.set(id, DateTime.unsafeNow())
  }

  /** How many bytes there are, and when they were last written. */
  const look = (id: Upload.UploadId) =>
    Effect.sync(() =>
      Option.map(
        Option.all([Option.fromNullable(ropes.get(id)), Option.fromNullable(times.get(id))]),
        ([rope, writtenAt]) => ({ size: sizeOf(rope), writtenAt })
      )
    )

  /** The bytes from `start` to `end`, all of them or none. */
  const take = (id: Upload.UploadId, start: number, end: number) =>
    Effect.suspend(() => {
      const rope = ropes.get(id) ?? []
      return sizeOf(rope) < end
        ? Effect.fail(new UploadStoreError.UploadStoreError({ reason: "Corrupt", operation: `read ${id} to ${end}` }))
        : Effect.succeed(slice(rope, start, end))
    })

  return ByteStore.ByteStore.of({
    append: (id, { at }, pull, onWritten) =>
      Effect.flatMap(take(id, 0, at), (kept) => {
        let end = at
        put(id, kept)
        const written = Pull.forEachBatch(pull, (batch) => {
          // The memory of a chunk is reused: keep a copy.
          put(id, [...(ropes.get(id) ?? []), ...Chunk.map(batch, (piece) => piece.slice())])
          end += Chunk.reduce(batch, 0, (size, piece) => size + piece.length)
          return onWritten(end)
        })
        return Effect.map(written, () => end)
      }),
    truncate: (id, { at }) =>
      Effect.sync(() => {
        const rope = ropes.get(id)
        if (rope !== undefined) {
          put(id, slice(rope, 0, at))
        }
      }),
    concat: (id, parts) =>
      Effect.map(Effect.forEach(parts, (part) => take(part.id, 0, part.length)), (slices) => {
        put(id, slices.flat())
      }),
    read: (id, { end, start }) => Stream.unwrap(Effect.map(take(id, start, end), Stream.fromIterable)),
    remove: (id) =>
      Effect.sync(() => {
        ropes.delete(id)
      }),
    size: (id) => Effect.sync(() => Option.map(Option.fromNullable(ropes.get(id)), sizeOf)),
    // Without `orphans` and `identity`, unknown bytes stay where they are; they end with the process.
    list: Stream.suspend(() => Stream.fromIterable(Array.from(ropes.keys(), (id) => ({ id, look: look(id) }))))
  })
})

const server = (port: number) =>
  NodeTusServer.layerHttp({ port }).pipe(
    Layer.provide(TusServer.layer),
    Layer.provide(Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory)),
    Layer.provide(Layer.mergeAll(UploadRegistry.layerMemory, layer))
  )

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  Config.integer("PORT").pipe(
    Config.withDefault(1080),
    Effect.map(server),
    Layer.unwrapEffect,
    Layer.launch,
    NodeRuntime.runMain
  )
}
