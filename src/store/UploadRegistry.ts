/**
 * The states of all uploads: which uploads exist, and how many of their bytes count. Knows nothing about bytes.
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Bytes, Upload, UploadId } from "../protocol/Upload.js"
import * as MemoryRegistry from "./MemoryRegistry.js"
import type { StoredUpload, WriteOptions } from "./StoredUpload.js"
import type { Superseded, UploadStoreError } from "./UploadStoreError.js"
import type { OwnedUsage } from "./Usage.js"

export { committed, created, draft } from "./StoredUpload.js"
export type { StoredUpload, WriteOptions } from "./StoredUpload.js"

/**
 * Keyset pagination. `after` is the last key of the previous page; keys are ids in code-unit order unless the query
 * says otherwise. A page shorter than `limit` is the last one.
 */
export interface Page<A = UploadId> {
  readonly limit: number
  readonly after?: A | undefined
}

/** An unfinished upload and the time at which it expires. */
export interface Due {
  readonly id: UploadId
  readonly expiresAt: DateTime.Utc
}

/** An unfinished upload and its offset in bytes. */
export interface Begun {
  readonly id: UploadId
  readonly offset: Bytes
}

/**
 * The contract of a registry: `layerMemory` keeps states in memory, `SqlUploadRegistry` in a database;
 * `UploadRegistrySuite` tests a registry of your own. A failing backend is an `UploadStoreError`.
 */
export class UploadRegistry extends Context.Tag("effect-tus/UploadRegistry")<UploadRegistry, {
  /**
   * Stores a new upload as version 1, `created`. Fails with `Superseded` if the id is taken. Survives the end of the
   * process.
   *
   * A registry that does not learn the result may look for the row, but must not try again: another server may have
   * removed the upload meanwhile, which would come back. The other writes can be repeated, because they name a version.
   */
  readonly create: (upload: Upload, options: WriteOptions) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /** `Option.none` only if the upload is proven absent: never created, or removed. */
  readonly get: (id: UploadId) => Effect.Effect<Option.Option<StoredUpload>, UploadStoreError>

  /** The state that `get` would return, if the registry knows it without a wait. */
  readonly known?: ((id: UploadId) => StoredUpload | undefined) | undefined

  /** `get` of each id, in their order. */
  readonly getAll: (
    ids: ReadonlyArray<UploadId>
  ) => Effect.Effect<ReadonlyArray<Option.Option<StoredUpload>>, UploadStoreError>

  /**
   * Loads a state for the writer that holds the lock with this fence, which the entry has from then on: every later
   * write under a lower fence fails with `Superseded`. Fails so itself if the stored fence is higher.
   */
  readonly claim: (
    id: UploadId,
    fence: number
  ) => Effect.Effect<Option.Option<StoredUpload>, Superseded | UploadStoreError>

  /** The ids, of a page of them, that name no upload, in any order. */
  readonly absent: (ids: ReadonlyArray<UploadId>) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /**
   * Replaces `entry` by `next`, as `committed` says, compare-and-set: fails with `Superseded` and changes nothing if
   * the stored version is another one, the stored fence is above `options.fence`, or the upload has been removed.
   */
  readonly commit: (
    entry: StoredUpload,
    next: Upload,
    options: WriteOptions
  ) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /** Removes `entry` under the conditions of `commit` and of `unlessNamed`. */
  readonly remove: (entry: StoredUpload, options: RemoveOptions) => Effect.Effect<void, Superseded | UploadStoreError>

  /**
   * Unfinished uploads that had expired at `now`, found by an index, in the order of expiry and then of ids. Never an
   * upload that has all its bytes.
   */
  readonly expired: (now: DateTime.Utc, page: Page<Due>) => Effect.Effect<ReadonlyArray<Due>, UploadStoreError>

  /** Uploads that the server has to finish by itself: open finals, and uploads in `Finishing`. */
  readonly pending: (page: Page) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /** Unfinished uploads whose offset is above their synced bytes, found by an index. */
  readonly unsynced: (page: Page) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /** The open finals that name this partial upload. */
  readonly finalsOf: (part: UploadId) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /** Complete partial uploads that at least one complete final names, and no unfinished final. */
  readonly consumedParts: (page: Page) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /** Unfinished uploads with an offset above 0, in the order of their ids, found by an index. */
  readonly withBytes: (page: Page<Begun>) => Effect.Effect<ReadonlyArray<Begun>, UploadStoreError>

  /** All uploads in the order of their ids. A state that cannot be read is a `Left` with the reason. */
  readonly list: (
    page: Page<string>
  ) => Effect.Effect<ReadonlyArray<Either.Either<Upload, Unreadable>>, UploadStoreError>

  /**
   * The number of uploads, and the sum of their offsets in bytes, whichever server wrote them. SQLite reads all uploads
   * for it, and PostgreSQL a row for each owner.
   */
  readonly usage: Effect.Effect<{ readonly uploads: number; readonly bytes: number }, UploadStoreError>

  /** The usage of each owner, and of the uploads without an owner. */
  readonly usageByOwner: Effect.Effect<ReadonlyArray<OwnedUsage>, UploadStoreError>

  /** The highest stored fence; 0 if there is none. */
  readonly lastFence: Effect.Effect<number, UploadStoreError>

  /** Whether it keeps bytes beside their state. A registry without it takes no `tail`. */
  readonly tails?: Tails | undefined

  /**
   * Takes the turn for some work, or keeps it, for `length` from now by the registry's own clock. Returns whether this
   * registry has it: meanwhile no other one has, in any process. A registry to which one process writes has no turns.
   */
  readonly takeTurn?:
    | ((work: string, length: Duration.Duration) => Effect.Effect<boolean, UploadStoreError>)
    | undefined

  /** Gives space that it no longer needs back to the file system. A registry without it has none. */
  readonly giveBack?: Effect.Effect<void, UploadStoreError> | undefined

  /**
   * The name by which its bytes know the registry. A registry without this method, such as one in memory, goes with any
   * bytes.
   */
  readonly identity?: Identity | undefined
}>() {}

/** The bytes that a registry keeps beside the states of uploads. */
export interface Tails {
  /** The most bytes of a tail; a longer one is a bug of the writer. */
  readonly limit: number
  /** The tail as of one moment; `Option.none` for an absent upload. */
  readonly read: (id: UploadId) => Effect.Effect<Option.Option<Tail>, UploadStoreError>
  /** Those of these uploads that are full and have no byte in the byte store, in any order. */
  readonly whole: (ids: ReadonlyArray<UploadId>) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>
  /** Complete uploads with a tail, found by an index. */
  readonly complete: (page: Page) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>
}

/** The bytes of an upload from `at` to its offset. */
export interface Tail {
  readonly at: number
  readonly pieces: ReadonlyArray<Uint8Array>
}

/** What a registry stores about itself. */
export interface Identity {
  /** `Option.none` in a new registry. */
  readonly get: Effect.Effect<Option.Option<Name>, UploadStoreError>
  /** Survives a power cut before it returns. */
  readonly set: (name: Name) => Effect.Effect<void, UploadStoreError>
}

/** The identity of a registry. */
export interface Name {
  readonly name: string
  /** Whether the bytes have stored the name: from then on bytes without it are other bytes. */
  readonly isTold: boolean
}

/** A stored state that cannot be read. Nothing is known of the upload, and nothing is done to it. */
export interface Unreadable {
  readonly id: string
  readonly error: UploadStoreError
}

/** The conditions of a removal: those of every write, and one more. */
export interface RemoveOptions extends WriteOptions {
  /** Fails with `Superseded` if an unfinished final names the upload as its part. */
  readonly unlessNamed?: boolean | undefined
}

/** All results of a paged query. Yields between the pages. */
export const pages = <A, E>(
  query: (page: Page<A>) => Effect.Effect<ReadonlyArray<A>, E>,
  limit = 256
): Stream.Stream<A, E> =>
  Stream.paginateChunkEffect(
    undefined as A | undefined,
    (after) =>
      Effect.when(Effect.sleep(0), () => after !== undefined).pipe(
        Effect.zipRight(query({ limit, after })),
        Effect.map((found) => [
          Chunk.unsafeFromArray([...found]),
          found.length < limit ? Option.none() : Option.fromNullable(found.at(-1))
        ])
      )
  )

/** States in a Map; they live as long as the layer. */
export const layerMemory: Layer.Layer<UploadRegistry> = Layer.sync(UploadRegistry, MemoryRegistry.make)
