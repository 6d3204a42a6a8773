/**
 * The bytes of all uploads. Knows nothing about states: the registry says how many bytes count.
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Pull } from "../bytes/Pull.js"
import type { UploadId } from "../protocol/Upload.js"
import * as MemoryByteStore from "./MemoryByteStore.js"
import type { Orphans } from "./Orphans.js"
import type { Superseded, UploadStoreError } from "./UploadStoreError.js"

/** Where a write begins, in bytes, and the fence of the lock under which it is done. */
export interface Place {
  readonly at: number
  readonly fence: number
}

/**
 * The contract of a byte store: `layerMemory` keeps bytes in memory, `FileByteStore` in files; `ByteStoreSuite` tests a
 * store of your own. Offsets and sizes are in bytes. A failing backend is an `UploadStoreError`; no method fails with a
 * refusal. Nothing is written before the effect of a method runs: its fiber may be interrupted before.
 *
 * A method that a store cannot do is missing: without `sync`, written bytes survive a power cut; without `seal`, they
 * can be read at once.
 */
export class ByteStore extends Context.Tag("effect-tus/ByteStore")<ByteStore, {
  /**
   * Whether other processes write to it, too. Then every write fails with `Superseded`, and changes nothing, if the
   * upload was written before under a higher fence; and the sweeper leaves bytes alone that no state names, for a day.
   * False by default: the lock of the process is enough.
   */
  readonly isShared?: boolean | undefined

  /**
   * Writes the bytes of `pull` from offset `at` on, and returns the offset behind the last byte. Bytes at `at` and
   * behind it are cut off first; `at` is 0, or an offset that `onWritten` or `append` has reported. An unknown upload
   * begins to exist, even if `pull` gives no byte.
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
    place: Place,
    pull: Pull<E, R>,
    onWritten: (end: number) => Effect.Effect<void, E2, R2>
  ) => Effect.Effect<number, E | E2 | Superseded | UploadStoreError, R | R2>

  /**
   * Cuts off the bytes at `at` and behind it; `at` is 0, or an offset that `onWritten` or `append` has reported. Does
   * nothing for an unknown upload.
   */
  readonly truncate: (id: UploadId, place: Place) => Effect.Effect<void, Superseded | UploadStoreError>

  /**
   * Afterwards all written bytes, and the entry that finds them, survive a power cut. Does nothing for an unknown
   * upload. May run during an append. If it fails with `Unsynced`, all bytes that were not synced before may be lost,
   * though they can still be read: a later sync covers only bytes that are written after the failure. After any other
   * failure, such as one to open a file, it may be tried again.
   */
  readonly sync?: ((id: UploadId) => Effect.Effect<void, UploadStoreError>) | undefined

  /**
   * Makes the first `length` bytes, which are all that the upload will have, one object that can be read. Runs before
   * anybody is told that the upload is complete, and again after a failure at any point, or after it has succeeded. A
   * store with this method may refuse to read an upload before. Afterwards the upload can be cut and appended to, like
   * a part that has lost bytes.
   */
  readonly seal?:
    | ((
      id: UploadId,
      options: { readonly length: number; readonly fence: number }
    ) => Effect.Effect<void, Superseded | UploadStoreError>)
    | undefined

  /** Whether uploads can be read before `seal`, too. `"always"` by default. */
  readonly reads?: "always" | "sealed" | undefined

  /** Nothing is appended for now: releases what is kept for appends, such as a file descriptor. */
  readonly release?: ((id: UploadId) => Effect.Effect<void>) | undefined

  /**
   * Replaces the bytes of `id` by the first `length` bytes of each part, in order. Parts are sealed, if the store
   * seals. May run again after a failure at any point. Fails with `Corrupt` if a part has fewer bytes.
   */
  readonly concat: (
    id: UploadId,
    parts: ReadonlyArray<{ readonly id: UploadId; readonly length: number }>,
    fence: number
  ) => Effect.Effect<void, Superseded | UploadStoreError>

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
  readonly remove: (id: UploadId, fence: number) => Effect.Effect<void, Superseded | UploadStoreError>

  /** The number of stored bytes; `Option.none` for an unknown upload. */
  readonly size: (id: UploadId) => Effect.Effect<Option.Option<number>, UploadStoreError>

  /**
   * All uploads that have bytes here, in any order, read page by page; a store may leave out those that are sealed. If
   * some of them cannot be listed, the stream fails after all others: an end without a failure proves that the list is
   * complete.
   */
  readonly list: Stream.Stream<Stored, UploadStoreError>

  /** Free space in bytes. */
  readonly free?: Effect.Effect<number, UploadStoreError> | undefined

  /** The location of the bytes for people, such as a path; `Option.none` for an id that has none. */
  readonly locate?: ((id: UploadId) => Option.Option<string>) | undefined

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
  place: Place,
  bytes: Stream.Stream<Uint8Array, E, R>,
  onWritten: (end: number) => Effect.Effect<void, E2, R2>
): Effect.Effect<number, E | E2 | Superseded | UploadStoreError, R | R2> =>
  Effect.scoped(Effect.flatMap(Stream.toPull(bytes), (pull) => store.append(id, place, pull, onWritten)))

/** Bytes in memory; they live as long as the layer. */
export const layerMemory: Layer.Layer<ByteStore> = Layer.sync(ByteStore, MemoryByteStore.make)
