/**
 * Bytes in a Map, for one process.
 */
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { forEachBatch, type Pull } from "../bytes/Pull.js"
import type { UploadId } from "../protocol/Upload.js"
import type { ByteStore, Place } from "./ByteStore.js"
import * as MemoryOrphans from "./MemoryOrphans.js"
import { UploadStoreError } from "./UploadStoreError.js"

export const make = (): ByteStore["Type"] => {
  const stored = new Map<UploadId, Growing>()

  const slice = (id: UploadId, start: number, end: number) =>
    Effect.suspend(() => {
      const bytes = stored.get(id) ?? new Growing()
      return bytes.size < end ? corrupt(`read ${id} to ${end}`) : Effect.succeed(bytes.slice(start, end))
    })

  const look = (id: UploadId) =>
    Effect.sync(() => Option.map(Option.fromNullable(stored.get(id)), ({ size, writtenAt }) => ({ size, writtenAt })))

  const touch = (bytes: Growing) =>
    Effect.map(DateTime.now, (now) => {
      bytes.writtenAt = now
    })

  return {
    append: <E, R, E2, R2>(
      id: UploadId,
      { at }: Place,
      pull: Pull<E, R>,
      onWritten: (end: number) => Effect.Effect<void, E2, R2>
    ) =>
      Effect.suspend((): Effect.Effect<number, E | E2 | UploadStoreError, R | R2> => {
        const bytes = stored.get(id) ?? new Growing()
        if (bytes.size < at) {
          return corrupt(`append to ${id} at ${at}`)
        }
        bytes.truncate(at)
        stored.set(id, bytes)
        return forEachBatch(pull, (batch) => {
          Chunk.forEach(batch, (chunk) => bytes.append(chunk))
          return Effect.zipRight(touch(bytes), onWritten(bytes.size))
        }).pipe(Effect.zipRight(touch(bytes)), Effect.map(() => bytes.size))
      }),
    truncate: (id, { at }) => Effect.sync(() => stored.get(id)?.truncate(at)),
    concat: (id, parts) =>
      Effect.forEach(parts, (part) => slice(part.id, 0, part.length)).pipe(
        Effect.map((slices) => {
          const bytes = new Growing()
          slices.forEach((slice) => bytes.append(slice))
          stored.set(id, bytes)
          return bytes
        }),
        Effect.flatMap(touch)
      ),
    read: (id, { end, start }) => Stream.fromEffect(slice(id, start, end)),
    remove: (id) => Effect.sync(() => stored.delete(id)),
    size: (id) => Effect.sync(() => Option.map(Option.fromNullable(stored.get(id)), ({ size }) => size)),
    list: Stream.suspend(() => Stream.fromIterable(Array.from(stored.keys(), (id) => ({ id, look: look(id) })))),
    orphans: MemoryOrphans.make(stored, look)
  }
}

const corrupt = (operation: string) => new UploadStoreError({ reason: "Corrupt", operation })

/** Bytes in a buffer that grows by doubling, so that an append costs what it appends. */
class Growing {
  private bytes = new Uint8Array()
  size = 0
  writtenAt = DateTime.unsafeMake(0)
  append(chunk: Uint8Array): void {
    const end = this.size + chunk.length
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.size))
      grown.set(this.bytes.subarray(0, this.size))
      this.bytes = grown
    }
    this.bytes.set(chunk, this.size)
    this.size = end
  }
  truncate(at: number): void {
    this.size = Math.min(this.size, at)
  }
  slice(start: number, end: number): Uint8Array {
    return this.bytes.slice(start, end)
  }
}
