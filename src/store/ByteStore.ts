/**
 * The bytes of all uploads. Knows nothing about states: the registry says how many bytes count.
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { forEachBatch, type Pull } from "../bytes/Pull.js"
import type { UploadId } from "../protocol/Upload.js"
import * as MemoryOrphans from "./MemoryOrphans.js"
import type { Orphans } from "./Orphans.js"
import { UploadStoreError } from "./UploadStoreError.js"

/**
 * The contract of a byte store: `layerMemory` keeps bytes in memory, `FileByteStore` in files; `ByteStoreSuite` tests a
 * store of your own. Offsets and sizes are in bytes. A failing backend is an `UploadStoreError`; no method fails with a
 * refusal.
 */
export class ByteStore extends Context.Tag("effect-tus/ByteStore")<ByteStore, {
  /**
   * Writes the bytes of `pull` from offset `at` on, and returns the offset behind the last byte. Bytes at `at` and
   * behind it are cut off first. An unknown upload begins to exist, even if `pull` gives no byte.
   *
   * `onWritten` runs, in order, with the offset up to which all bytes are written: they survive the end of the process,
   * whether this effect succeeds or fails afterwards. The backend decides how often it runs. An interruption may have
   * to wait for it.
   *
   * The chunks are lent: copy a chunk that you need after the next pull.
   *
   * Fails with `Corrupt`, and writes nothing, if fewer than `at` bytes are stored. When the effect has ended, also by
   * interruption, no write is in flight.
   */
  readonly append: <E, R, E2, R2>(
    id: UploadId,
    at: number,
    pull: Pull<E, R>,
    onWritten: (end: number) => Effect.Effect<void, E2, R2>
  ) => Effect.Effect<number, E | E2 | UploadStoreError, R | R2>

  /** Cuts off the bytes at `at` and behind it. Does nothing for an unknown upload. */
  readonly truncate: (id: UploadId, at: number) => Effect.Effect<void, UploadStoreError>

  /**
   * Afterwards all written bytes, and the entry that finds them, survive a power cut. Does nothing for an unknown
   * upload. May run during an append. If it fails with `Unsynced`, all bytes that were not synced before may be lost,
   * though they can still be read: a later sync covers only bytes that are written after the failure. After any other
   * failure, such as one to open a file, it may be tried again.
   */
  readonly sync: (id: UploadId) => Effect.Effect<void, UploadStoreError>

  /** Nothing is appended for now: releases what is kept for appends, such as a file descriptor. */
  readonly release: (id: UploadId) => Effect.Effect<void>

  /**
   * Replaces the bytes of `id` by the first `length` bytes of each part, in order. May run again after a failure at any
   * point. Fails with `Corrupt` if a part has fewer bytes.
   */
  readonly concat: (
    id: UploadId,
    parts: ReadonlyArray<{ readonly id: UploadId; readonly length: number }>
  ) => Effect.Effect<void, UploadStoreError>

  /** The bytes from `start` to `end` (exclusive). Fails with `Corrupt` if fewer are stored. */
  readonly read: (
    id: UploadId,
    range: { readonly start: number; readonly end: number }
  ) => Stream.Stream<Uint8Array, UploadStoreError>

  /**
   * Marks an upload as unwanted before its state is removed at the request of its client. If the process ends in
   * between, the bytes are removed, and are no orphan. Without this method they are set aside.
   */
  readonly condemn?: ((id: UploadId) => Effect.Effect<void, UploadStoreError>) | undefined

  /** Removes the mark of `condemn`: the state has stayed, or no bytes are left. Does nothing without a mark. */
  readonly spare?: ((id: UploadId) => Effect.Effect<void, UploadStoreError>) | undefined

  /** Removes all bytes of an upload. Does nothing for an unknown upload. */
  readonly remove: (id: UploadId) => Effect.Effect<void, UploadStoreError>

  /** The number of stored bytes; `Option.none` for an unknown upload. */
  readonly size: (id: UploadId) => Effect.Effect<Option.Option<number>, UploadStoreError>

  /**
   * All uploads that have bytes here, in any order. If some of them cannot be listed, the stream fails after all
   * others: an end without a failure proves that the list is complete.
   */
  readonly list: Stream.Stream<Stored, UploadStoreError>

  /** Free space in bytes; `Option.none` if the backend does not know it. */
  readonly free: Effect.Effect<Option.Option<number>, UploadStoreError>

  /** The location of the bytes for people, such as a path; `Option.none` if there is none. */
  readonly locate: (id: UploadId) => Option.Option<string>

  /** The place for orphans. A store without one leaves orphans where they are. */
  readonly orphans?: Orphans | undefined

  /** The name of the registry that the bytes belong to. A store without it goes with any registry. */
  readonly identity?: Identity | undefined
}>() {}

/** An upload that has bytes here. */
export interface Stored {
  readonly id: UploadId
  /** Whether it has the mark of `condemn`: without a state, nobody wants it. */
  readonly isCondemned?: boolean | undefined
  /**
   * Looks at it now, which may be a system call. `Option.none` if it is gone, or cannot be an upload.
   */
  readonly look: Effect.Effect<Option.Option<Look>, UploadStoreError>
}

/** The stored bytes of an upload. */
export interface Look {
  /**
   * How many bytes may count. 0 for an incomplete copy whose original exists.
   */
  readonly size: number
  /** When they were last written. */
  readonly writtenAt: DateTime.Utc
}

/** The name of their registry, as the bytes remember it. */
export interface Identity {
  /** `Option.none` if they have never been told. */
  readonly get: Effect.Effect<Option.Option<string>, UploadStoreError>
  /** Survives a power cut before it returns. */
  readonly set: (name: string) => Effect.Effect<void, UploadStoreError>
  /** The name of the place of the bytes, for people. */
  readonly place: string
}

/** `append`, from a Stream. */
export const appendStream = (store: ByteStore["Type"]) =>
<E, R, E2, R2>(
  id: UploadId,
  at: number,
  bytes: Stream.Stream<Uint8Array, E, R>,
  onWritten: (end: number) => Effect.Effect<void, E2, R2>
): Effect.Effect<number, E | E2 | UploadStoreError, R | R2> =>
  Effect.scoped(Effect.flatMap(Stream.toPull(bytes), (pull) => store.append(id, at, pull, onWritten)))

/** Bytes in memory; they live as long as the layer. */
export const layerMemory: Layer.Layer<ByteStore> = Layer.sync(ByteStore, () => {
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

  return ByteStore.of({
    append: <E, R, E2, R2>(
      id: UploadId,
      at: number,
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
    truncate: (id, at) => Effect.sync(() => stored.get(id)?.truncate(at)),
    sync: () => Effect.void,
    release: () => Effect.void,
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
    free: Effect.succeedNone,
    locate: () => Option.none(),
    orphans: MemoryOrphans.make(stored, look)
  })
})

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
