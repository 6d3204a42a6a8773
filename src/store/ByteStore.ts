/**
 * The bytes of all uploads. Knows nothing about states: what counts is for the registry to say.
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
 * Where bytes are kept: in memory by `layerMemory`, in files by `FileByteStore`, or in a store of your own, which
 * `ByteStoreSuite` examines. Offsets and sizes are in bytes. A backend that fails is an `UploadStoreError`; no method
 * fails with a refusal.
 */
export class ByteStore extends Context.Tag("effect-tus/ByteStore")<ByteStore, {
  /**
   * Writes all that `pull` gives from offset `at` on and returns the offset behind the last byte. Whatever lay at `at`
   * or behind it is cut off first; an upload of which nothing is stored begins to exist, also where `pull` gives
   * nothing.
   *
   * `onWritten` is run, in order, with the offset up to which all bytes have been written since: they survive the end
   * of the process, whether this effect succeeds or fails afterwards. How often is the backend's business. An
   * interruption may have to wait for it.
   *
   * The chunks are lent: whoever wants to keep one after asking for the next keeps a copy.
   *
   * Fails with `Corrupt`, and writes nothing, where fewer than `at` bytes are stored. No write is under way any more
   * when the effect ends, be it by interruption.
   */
  readonly append: <E, R, E2, R2>(
    id: UploadId,
    at: number,
    pull: Pull<E, R>,
    onWritten: (end: number) => Effect.Effect<void, E2, R2>
  ) => Effect.Effect<number, E | E2 | UploadStoreError, R | R2>

  /** Cuts off what lies at `at` or behind it. Nothing happens where nothing is stored. */
  readonly truncate: (id: UploadId, at: number) => Effect.Effect<void, UploadStoreError>

  /**
   * Everything that was written survives a power cut, and so does its being found. Nothing happens where nothing is
   * stored. May be run while somebody appends. Where it fails with `Unsynced`, all that was not synced before may be
   * lost, though it can still be read: a later sync vouches only for what was written after that. After any other
   * failure, such as one to open a file, it may be tried again.
   */
  readonly sync: (id: UploadId) => Effect.Effect<void, UploadStoreError>

  /** Nothing more is appended to it for now: what was kept at hand for that, such as a descriptor, is given back. */
  readonly release: (id: UploadId) => Effect.Effect<void>

  /**
   * Makes `id` hold the first `length` bytes of each part, in order, in place of whatever it held. May be run again
   * after a failure at any point. Fails with `Corrupt` where a part holds less.
   */
  readonly concat: (
    id: UploadId,
    parts: ReadonlyArray<{ readonly id: UploadId; readonly length: number }>
  ) => Effect.Effect<void, UploadStoreError>

  /** The bytes from `start` to `end` (exclusive). Fails with `Corrupt` where fewer are stored. */
  readonly read: (
    id: UploadId,
    range: { readonly start: number; readonly end: number }
  ) => Stream.Stream<Uint8Array, UploadStoreError>

  /**
   * Remembers, before the state of an upload is removed, that its client wants no bytes of it either: what is left of
   * them when the process ends in between is no orphan, but removed. A store without it has them set aside.
   */
  readonly condemn?: ((id: UploadId) => Effect.Effect<void, UploadStoreError>) | undefined

  /** Forgets that again: the state has stayed, or nothing is left. Nothing happens where it was not said. */
  readonly spare?: ((id: UploadId) => Effect.Effect<void, UploadStoreError>) | undefined

  /** Forgets all bytes of an upload. Nothing happens where nothing is stored. */
  readonly remove: (id: UploadId) => Effect.Effect<void, UploadStoreError>

  /** How many bytes are stored; none where nothing is. */
  readonly size: (id: UploadId) => Effect.Effect<Option.Option<number>, UploadStoreError>

  /**
   * Every upload of which something is stored, in any order, with what can be said of it. Where some cannot be found
   * out it fails, after all others: an end without a failure proves that there are no more.
   */
  readonly list: Stream.Stream<Stored, UploadStoreError>

  /** Bytes that can still be stored; none where the backend cannot tell. */
  readonly free: Effect.Effect<Option.Option<number>, UploadStoreError>

  /** Where a person finds the bytes, such as a path; none where there is no such place. */
  readonly locate: (id: UploadId) => Option.Option<string>

  /** Where bytes are kept that no state names. A store without such a place leaves them where they are. */
  readonly orphans?: Orphans | undefined

  /** What the registry is called that they belong to. A store without it is taken for that of any registry. */
  readonly identity?: Identity | undefined
}>() {}

/** An upload of which something is stored. */
export interface Stored {
  readonly id: UploadId
  /** Nobody wants it, as `condemn` says, if it has no state. */
  readonly isCondemned?: boolean | undefined
  /**
   * Looks at it now, which may cost a call; none where nothing is stored any more, or what is there cannot be an
   * upload.
   */
  readonly look: Effect.Effect<Option.Option<Look>, UploadStoreError>
}

/** What is stored of an upload. */
export interface Look {
  /**
   * How many bytes may count; none of those that were put where it can be seen that they are not all, and are there
   * once more.
   */
  readonly size: number
  /** When they were last written. */
  readonly writtenAt: DateTime.Utc
}

/** What the bytes remember of their registry. */
export interface Identity {
  /** None where they were never told. */
  readonly get: Effect.Effect<Option.Option<string>, UploadStoreError>
  /** Survives a power cut before it returns. */
  readonly set: (name: string) => Effect.Effect<void, UploadStoreError>
  /** What a person calls the place where the bytes are. */
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

/** Bytes with room to grow: half of it at most is empty, so that appending costs what is appended. */
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
