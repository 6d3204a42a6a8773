/**
 * What the interpreter works on: states and bytes joined, and the one place where the order of the commit path is
 * written down. Bytes are written, then synced as `Durability` says, then the state is committed; only then is anybody
 * told.
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import * as Pull from "../bytes/Pull.js"
import * as Dialect from "../protocol/Dialect.js"
import { OffsetMismatch, UploadNotFound } from "../protocol/Refusal.js"
import type { Upload, UploadId } from "../protocol/Upload.js"
import { ByteStore } from "./ByteStore.js"
import * as FsyncTracker from "./FsyncTracker.js"
import * as Reconciliation from "./Reconciliation.js"
import { pages, type RemoveOptions, type StoredUpload, UploadRegistry } from "./UploadRegistry.js"
import { type Superseded, unknownDialect, UploadStoreError } from "./UploadStoreError.js"

/**
 * What an answer promises.
 *
 * - `"process"`: what was acknowledged survives the end of the process (`kill -9`), not a power cut.
 * - `"completion"`: besides, bytes, directory and state of an upload survive a power cut once its completion was
 *   answered.
 * - `"always"`: every acknowledged byte survives a power cut.
 */
export class Durability extends Context.Reference<Durability>()("effect-tus/Durability", {
  defaultValue: (): "process" | "completion" | "always" => "completion"
}) {}

/** The conditions of a removal. */
export interface Removal extends Pick<RemoveOptions, "unlessNamed"> {
  /**
   * Who wants it. The client: then what is left of its bytes when the process ends in between is removed by the next
   * one. The server: then bytes that the state does not count may be those of a newer state, of which the registry,
   * being an older copy of itself, knows nothing, and all are set aside. By default nothing is known of either.
   */
  readonly by?: "client" | "server" | undefined
}

/**
 * States and bytes of uploads for the interpreter. Not for a backend to implement: `make` builds it of an
 * `UploadRegistry` and a `ByteStore`. Offsets are in bytes; a `fence` is the number of the lock that the caller holds.
 * A backend that fails is an `UploadStoreError`; `Superseded` says that another writer was faster, and that no state
 * was changed.
 */
export class UploadStore extends Context.Tag("effect-tus/UploadStore")<UploadStore, {
  /**
   * Absence is proven: a store that fails is an `UploadStoreError`. So is an upload whose dialect this version does not
   * serve, which no method but `remove` touches.
   */
  readonly get: (id: UploadId) => Effect.Effect<StoredUpload, UploadNotFound | UploadStoreError>

  /**
   * Makes room for a new upload under an id that may have been given before: what is stored under it and belongs to no
   * state is set aside. Tells whether there is room now. Done by whoever holds its lock, and has seen that it has no
   * state.
   */
  readonly vacate: (id: UploadId) => Effect.Effect<boolean, UploadStoreError>

  /**
   * Stores a new upload, which is full already where it is to have no bytes. Fails with `Superseded` where the id is
   * taken.
   */
  readonly create: (upload: Upload, fence: number) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /**
   * Writes all that `pull` gives behind the upload's offset and returns the offset they reach; commits nothing.
   * `onWritten` is run with each offset reached on the way. Where bytes that count have gone the upload goes back to
   * those that are there, and `OffsetMismatch` tells how many.
   */
  readonly write: <E, R>(
    entry: StoredUpload,
    pull: Pull.Pull<UploadStoreError>,
    onWritten: (end: number) => Effect.Effect<void, E, R>
  ) => Effect.Effect<number, E | OffsetMismatch | Superseded | UploadStoreError, R>

  /** What was written, from `start` to `end` (exclusive), committed or not. */
  readonly read: (
    id: UploadId,
    range: { readonly start: number; readonly end: number }
  ) => Stream.Stream<Uint8Array, UploadStoreError>

  /**
   * Makes `next` the state of the upload, which begins to exist where `entry` is a draft; its bytes have been written
   * before. Where they cannot be synced, or could not before, it fails, and the upload goes back to those that are.
   */
  readonly commit: (
    entry: StoredUpload,
    next: Upload,
    fence: number
  ) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /**
   * Makes all committed bytes durable before the completion hook runs, unless `Durability` is `process`. Fails like
   * `commit`.
   */
  readonly makeDurable: (
    entry: StoredUpload,
    fence: number
  ) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /** Unfinished uploads that a power cut would set back. */
  readonly unsynced: Stream.Stream<UploadId, UploadStoreError>

  /**
   * Syncs the committed bytes of an unfinished upload, beside its writer. Returns false if the sync failed. Call
   * `recordSync` afterwards; until then commits of this upload fail.
   */
  readonly sync: (id: UploadId) => Effect.Effect<boolean, UploadStoreError>

  /** Makes what came of `sync` part of the state: of an upload whose bytes are lost, fewer count. */
  readonly recordSync: (id: UploadId, fence: number) => Effect.Effect<void, Superseded | UploadStoreError>

  /**
   * Has an upload that is unfinished, or a part, go back to the bytes that are there where some that count have gone,
   * and tells how many there are; none where all are there, or where nothing can be done about it. Where the bytes are
   * those of another registry, or the place has gone in which they were, nothing is decided. A part that had all its
   * bytes is waited for until `expiresAt`, or for ever.
   */
  readonly recover: (
    id: UploadId,
    fence: number,
    expiresAt?: Option.Option<DateTime.Utc>
  ) => Effect.Effect<Option.Option<number>, Superseded | UploadStoreError>

  /** Frees what was written behind the offset and never committed. */
  readonly discard: (entry: StoredUpload) => Effect.Effect<void, UploadStoreError>

  /** Gives the upload the bytes of complete uploads, in order; commits nothing. */
  readonly concat: (entry: StoredUpload, parts: ReadonlyArray<Upload>) => Effect.Effect<void, UploadStoreError>

  /** Removes the state, then the bytes; of a draft there are only bytes. */
  readonly remove: (
    entry: StoredUpload,
    fence: number,
    options?: Removal
  ) => Effect.Effect<void, Superseded | UploadStoreError>

  /** Open finals that wait for this partial upload. */
  readonly finalsOf: (part: UploadId) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /** Uploads on which the server itself has to act. */
  readonly pending: Stream.Stream<UploadId, UploadStoreError>

  /** Where a person finds the bytes. */
  readonly locate: (id: UploadId) => Option.Option<string>
}>() {}

/** Joins the registry and the bytes that are provided, under the `Durability` that is there when it is made. */
export const make = Effect.gen(function*() {
  const all = yield* UploadRegistry
  const registry = served(all)
  const bytes = yield* ByteStore
  const durability = yield* Durability
  const syncs = FsyncTracker.make(registry, bytes)
  const reconciliation = Reconciliation.make(registry, bytes, syncs)

  /** Whether this step has to survive a power cut before anybody is told of it. */
  const isDurable = (before: Upload | undefined, after: Upload) =>
    durability === "always" || (durability === "completion" && before?.completion._tag !== after.completion._tag
      && !after.isOpen)

  return UploadStore.of({
    get: (id) =>
      Effect.flatMap(
        all.get(id),
        Option.match({
          onNone: (): Effect.Effect<StoredUpload, UploadNotFound | UploadStoreError> => new UploadNotFound({ id }),
          onSome: servedOnly
        })
      ),
    vacate: reconciliation.vacate,
    create: (upload, fence) => {
      const durable = isDurable(undefined, upload)
      const create = registry.create(upload, { fence, durable })
      return upload.isOpen ? create : bytes.append(upload.id, 0, Pull.end, () => Effect.void).pipe(
        Effect.zipRight(durable ? bytes.sync(upload.id) : Effect.void),
        Effect.zipRight(create),
        Effect.zipLeft(bytes.release(upload.id))
      )
    },
    write: (entry, pull, onWritten) =>
      syncs.hasFailed(entry.upload.id)
        ? syncs.refuse(entry, entry.fence)
        : Effect.catchIf(
          bytes.append(entry.upload.id, entry.upload.offset, pull, onWritten),
          isCorrupt,
          (error) =>
            Effect.flatMap(reconciliation.recover(entry.upload.id, entry.fence), (recovered) =>
              Effect.fail(
                Option.isNone(recovered)
                  ? error
                  : new OffsetMismatch({ expected: recovered.value, actual: entry.upload.offset })
              ))
        ),
    recover: reconciliation.recover,
    read: bytes.read,
    commit: (entry, next, fence) => {
      const committed = syncs.commit(entry, next, { fence, durable: isDurable(entry.upload, next) })
      return next.isOpen ? committed : Effect.zipLeft(committed, bytes.release(next.id))
    },
    makeDurable: (entry, fence) =>
      durability === "process" || entry.synced === entry.upload.offset
        ? Effect.succeed(entry)
        : syncs.commit(entry, entry.upload, { fence, durable: true }),
    unsynced: pages(registry.unsynced),
    sync: syncs.sync,
    recordSync: syncs.recordSync,
    discard: ({ upload }) => bytes.truncate(upload.id, upload.offset),
    concat: ({ upload }, parts) => bytes.concat(upload.id, parts.map((part) => ({ id: part.id, length: part.offset }))),
    // A state that was to last would come back with a power cut, and find its bytes gone.
    remove: (entry, fence, { by, unlessNamed } = {}) => {
      const { id, isOpen } = entry.upload
      const removed = entry.version === 0
        ? Effect.void
        : registry.remove(entry, {
          unlessNamed,
          fence,
          durable: durability === "always" || (durability === "completion" && !isOpen)
        })
      return Effect.zipRight(
        by === "client" ? reconciliation.condemning(id, removed) : removed,
        Effect.suspend(() => {
          syncs.forget(id)
          return by === "server"
            ? reconciliation.removeCounted(entry.upload)
            : by === "client"
            ? reconciliation.removeCondemned(id)
            : bytes.remove(id)
        })
      )
    },
    finalsOf: registry.finalsOf,
    pending: pages(registry.pending),
    locate: bytes.locate
  })
})

/** Fails for an upload of a dialect that this version does not serve. */
const servedOnly = (entry: StoredUpload): Effect.Effect<StoredUpload, UploadStoreError> =>
  Dialect.isServed(entry.upload) ? Effect.succeed(entry) : unknownDialect(entry.upload.id, entry.upload.dialect)

/** The registry, except for uploads of other dialects: those are an `UploadStoreError`. */
const served = (registry: UploadRegistry["Type"]): UploadRegistry["Type"] => ({
  ...registry,
  get: (id) =>
    Effect.flatMap(
      registry.get(id),
      (entry) => Option.isSome(entry) ? Effect.asSome(servedOnly(entry.value)) : Effect.succeedNone
    )
})

const isCorrupt = (error: unknown): error is UploadStoreError =>
  error instanceof UploadStoreError && error.reason === "Corrupt"

/**
 * The store over any registry and any bytes. `Durability` is to be provided to it: it is read once, when the layer is
 * built.
 */
export const layer: Layer.Layer<UploadStore, never, UploadRegistry | ByteStore> = Layer.effect(UploadStore, make)
