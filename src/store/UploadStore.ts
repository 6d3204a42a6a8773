/**
 * Joins states and bytes for the interpreter, which tells a client only what was committed.
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Pull from "../bytes/Pull.js"
import * as Dialect from "../protocol/Dialect.js"
import { type OffsetMismatch, UploadNotFound } from "../protocol/Refusal.js"
import type { Upload, UploadId } from "../protocol/Upload.js"
import { ByteStore } from "./ByteStore.js"
import * as CommitPath from "./CommitPath.js"
import * as FsyncTracker from "./FsyncTracker.js"
import * as Placement from "./Placement.js"
import * as Reconciliation from "./Reconciliation.js"
import * as RemoveUpload from "./RemoveUpload.js"
import * as TailedBytes from "./TailedBytes.js"
import { pages, type StoredUpload, UploadRegistry } from "./UploadRegistry.js"
import { type Superseded, unknownDialect, type UploadStoreError } from "./UploadStoreError.js"
import { WaitingTails } from "./WaitingTails.js"

export { SmallUploads } from "./Placement.js"
export type { Removal } from "./RemoveUpload.js"

/**
 * What the answer to a client promises.
 *
 * - `"process"`: acknowledged bytes survive the end of the process (`kill -9`), not a power cut.
 * - `"completion"`: also, the bytes, directory entry and state of an upload survive a power cut once its completion was
 *   answered.
 * - `"always"`: every acknowledged byte survives a power cut.
 */
export class Durability extends Context.Reference<Durability>()("effect-tus/Durability", {
  defaultValue: (): "process" | "completion" | "always" => "completion"
}) {}

/** What `write` has done with the bytes of a body. */
export interface Written {
  /** The offset that they reach. */
  readonly end: number
  /** The bytes, if they wait for the commit: it stores them with the state. */
  readonly tail?: Uint8Array | undefined
}

/**
 * States and bytes of uploads. Backends do not implement it: `make` builds it from an `UploadRegistry` and a
 * `ByteStore`. Offsets are in bytes. Who changes an upload holds its lock, and has its entry from `claim`, `create` or
 * an earlier change: such an entry carries the fence of the lock. A failing backend is an `UploadStoreError`;
 * `Superseded` means that another writer was faster, and that no state was changed.
 */
export class UploadStore extends Context.Tag("effect-tus/UploadStore")<UploadStore, {
  /**
   * Absence is proven: a store that fails is an `UploadStoreError`. So is an upload whose dialect this version does not
   * serve, which no method but `remove` touches.
   */
  readonly get: (id: UploadId) => Effect.Effect<StoredUpload, UploadNotFound | UploadStoreError>

  /** The entry that `get` would return, if it is known without a wait. */
  readonly known: (id: UploadId) => StoredUpload | undefined

  /** The states of several uploads, in their order; `Option.none` for one that is absent. */
  readonly getAll: (
    ids: ReadonlyArray<UploadId>
  ) => Effect.Effect<ReadonlyArray<Option.Option<Upload>>, UploadStoreError>

  /** `get`, for the holder of the lock with this fence: from now on writers with a lower fence are `Superseded`. */
  readonly claim: (
    id: UploadId,
    fence: number
  ) => Effect.Effect<StoredUpload, Superseded | UploadNotFound | UploadStoreError>

  /**
   * Frees an id for a new upload: bytes that are stored under it without a state are set aside. Returns whether the id
   * is free now. The caller holds its lock and has seen that it has no state.
   */
  readonly vacate: (id: UploadId) => Effect.Effect<boolean, UploadStoreError>

  /**
   * Stores a new upload; one of length 0 is full already. Fails with `Superseded` if the id is taken.
   */
  readonly create: (upload: Upload, fence: number) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /**
   * Writes the bytes of `pull` behind the offset of the upload; commits nothing. `onWritten` runs with each offset on
   * the way. A few bytes that are there whole may wait for the commit instead, which is handed them. If committed bytes
   * have gone, the upload is set back to the bytes that are there, and the write fails with `OffsetMismatch`.
   */
  readonly write: <E, R>(
    entry: StoredUpload,
    pull: Pull.Pull<UploadStoreError>,
    onWritten: (end: number) => Effect.Effect<void, E, R>
  ) => Effect.Effect<Written, E | OffsetMismatch | Superseded | UploadStoreError, R>

  /**
   * The bytes from `start` to `end` (exclusive): committed ones, or ones that are written and do not wait for the
   * commit.
   */
  readonly read: (
    id: UploadId,
    range: { readonly start: number; readonly end: number }
  ) => Stream.Stream<Uint8Array, UploadStoreError>

  /** Whether the bytes of unfinished uploads can be read, too. */
  readonly readsUnfinished: boolean

  /**
   * Makes `next` the state of the upload, and creates it if `entry` is a draft. Its bytes have been written before;
   * `tail` is what waits of them. If an fsync of the bytes fails, or has failed before, the commit fails, and the
   * upload is set back to its last synced byte.
   */
  readonly commit: (
    entry: StoredUpload,
    next: Upload,
    tail?: Uint8Array
  ) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /** Whether a full upload, parts included, is not complete before `secure`. */
  readonly seals: boolean

  /**
   * Before anybody hears that an upload with all its bytes is complete: makes them durable, unless `Durability` is
   * `process`, and seals them. Can be repeated. Fails like `commit`.
   */
  readonly secure: (entry: StoredUpload) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /** Whether the tail of this complete upload has yet to move into the byte store. */
  readonly isYetToMove: (entry: StoredUpload) => boolean

  /**
   * Moves the tail of a complete upload into the byte store, durably unless `Durability` is `process`. Can be repeated.
   */
  readonly moveTail: (entry: StoredUpload) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /** Unfinished uploads that a power cut would set back. */
  readonly unsynced: Stream.Stream<UploadId, UploadStoreError>

  /**
   * Syncs the committed bytes of an unfinished upload, beside its writer. Returns false if the sync failed. Call
   * `recordSync` afterwards; until then commits of this upload fail.
   */
  readonly sync: (id: UploadId) => Effect.Effect<boolean, UploadStoreError>

  /** Records the result of `sync` in the state: after a failed fsync the offset goes back to the last synced byte. */
  readonly recordSync: (id: UploadId, fence: number) => Effect.Effect<void, Superseded | UploadStoreError>

  /**
   * Sets an unfinished upload, or a part, back to the bytes that are there if committed bytes have gone, and returns
   * their number. `Option.none` if all are there, or if nothing can be done: for example if the bytes belong to another
   * registry, or their directory has gone. A part that had all its bytes is open until `expiresAt`, or without end.
   */
  readonly recover: (
    id: UploadId,
    fence: number,
    expiresAt?: Option.Option<DateTime.Utc>
  ) => Effect.Effect<Option.Option<number>, Superseded | UploadStoreError>

  /** Frees bytes behind the offset that were never committed. */
  readonly discard: (entry: StoredUpload) => Effect.Effect<void, Superseded | UploadStoreError>

  /** Copies the bytes of complete uploads to the upload, in order; commits nothing. */
  readonly concat: (
    entry: StoredUpload,
    parts: ReadonlyArray<Upload>
  ) => Effect.Effect<void, Superseded | UploadStoreError>

  /** Removes the state, then the bytes. A draft has only bytes. */
  readonly remove: (
    entry: StoredUpload,
    options?: RemoveUpload.Removal
  ) => Effect.Effect<void, Superseded | UploadStoreError>

  /** Open finals that wait for this partial upload. */
  readonly finalsOf: (part: UploadId) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /** Uploads that the server has to finish by itself, and those whose tail has yet to move. */
  readonly pending: Stream.Stream<UploadId, UploadStoreError>

  /**
   * The location of the bytes, for people; `Option.none` if they have none, such as bytes that are in the registry.
   * `TusServer.locate` moves those first that have yet to move.
   */
  readonly locate: (id: UploadId) => Effect.Effect<Option.Option<string>, UploadStoreError>
}>() {}

/** `get`, as an `Exit` if the entry is known now: run it once, and at once. */
export const current = (store: UploadStore["Type"], id: UploadId): ReturnType<UploadStore["Type"]["get"]> => {
  const entry = store.known(id)
  return entry === undefined ? store.get(id) : Exit.succeed(entry)
}

/** Joins the provided registry and byte store, with `Durability` and `SmallUploads` of the context of its making. */
export const make = Effect.gen(function*() {
  const all = yield* UploadRegistry
  const registry = served(all)
  const bytes = yield* ByteStore
  const durability = yield* Durability
  const smallUploads = yield* Placement.SmallUploads
  const syncs = FsyncTracker.make(registry, bytes)
  const reconciliation = Reconciliation.make(registry, bytes, syncs)
  const waiting = new WaitingTails()
  const { append, move, read } = TailedBytes.make(all, bytes, waiting)
  const forget = (id: UploadId) => {
    syncs.forget(id)
    waiting.drop(id)
  }

  return UploadStore.of({
    ...CommitPath.make({ append, bytes, durability, move, reconciliation, registry, smallUploads, syncs, waiting }),
    get: (id) => Effect.flatMap(all.get(id), present(id)),
    known: (id) => {
      const entry = all.known?.(id)
      return entry !== undefined && Dialect.isServed(entry.upload) ? entry : undefined
    },
    getAll: (ids) =>
      Effect.flatMap(all.getAll(ids), (found) =>
        Effect.forEach(found, (entry) =>
          Option.isNone(entry)
            ? Effect.succeedNone
            : Effect.map(servedOnly(entry.value), ({ upload }) => Option.some(upload)))),
    claim: (id, fence) => Effect.flatMap(all.claim(id, fence), present(id)),
    vacate: reconciliation.vacate,
    recover: reconciliation.recover,
    read,
    readsUnfinished: bytes.reads !== "sealed",
    seals: bytes.seal !== undefined,
    unsynced: pages(registry.unsynced),
    sync: syncs.sync,
    recordSync: syncs.recordSync,
    discard: ({ fence, stored, upload }) => bytes.truncate(upload.id, { at: stored, fence }),
    concat: ({ fence, upload }, parts) =>
      bytes.concat(upload.id, parts.map((part) => ({ id: part.id, length: part.offset })), fence),
    remove: RemoveUpload.make({ registry, bytes, durability, forget, setAside: reconciliation.setAside }),
    finalsOf: registry.finalsOf,
    isYetToMove: (entry) => Placement.isYetToMove(entry, smallUploads),
    pending: registry.tails === undefined || smallUploads === "registry"
      ? pages(registry.pending)
      : Stream.concat(pages(registry.pending), pages(registry.tails.complete)),
    locate: TailedBytes.locate(all, bytes)
  })
})

const present =
  (id: UploadId) =>
  (found: Option.Option<StoredUpload>): Effect.Effect<StoredUpload, UploadNotFound | UploadStoreError> =>
    Option.isSome(found) ? servedOnly(found.value) : Exit.fail(new UploadNotFound({ id }))

/** Fails for an upload of a dialect that this version does not serve. */
const servedOnly = (entry: StoredUpload): Effect.Effect<StoredUpload, UploadStoreError> =>
  Dialect.isServed(entry.upload) ? Effect.succeed(entry) : unknownDialect(entry.upload.id, entry.upload.dialect)

/** The registry, except for uploads of other dialects: those are an `UploadStoreError`. */
const served = (registry: UploadRegistry["Type"]): UploadRegistry["Type"] => ({
  ...registry,
  get: (id) => Effect.flatMap(registry.get(id), servedIfAny),
  claim: (id, fence) => Effect.flatMap(registry.claim(id, fence), servedIfAny)
})

const servedIfAny = (entry: Option.Option<StoredUpload>) =>
  Option.isSome(entry) ? Effect.asSome(servedOnly(entry.value)) : Effect.succeedNone

/**
 * The store over any registry and byte store. Provide `Durability` and `SmallUploads` to this layer: they are read
 * once, when the layer is built.
 */
export const layer: Layer.Layer<UploadStore, never, UploadRegistry | ByteStore> = Layer.effect(UploadStore, make)
