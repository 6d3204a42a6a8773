/**
 * The states of all uploads: which uploads exist, and how many of their bytes count. Knows nothing about bytes.
 */
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Stream from "effect/Stream"
import type { Bytes, Upload, UploadId } from "../protocol/Upload.js"
import { Superseded, type UploadStoreError } from "./UploadStoreError.js"
import * as Usage from "./Usage.js"

/** A stored state. */
export interface StoredUpload {
  readonly upload: Upload
  /** Grows by one with each commit; 0 before the first one. */
  readonly version: number
  /** The fence of the lock under which it was last written. */
  readonly fence: number
  /** How many of its first bytes are known to survive a power cut; never more than its offset. */
  readonly synced: number
}

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
   */
  readonly create: (upload: Upload, options: WriteOptions) => Effect.Effect<StoredUpload, Superseded | UploadStoreError>

  /** `Option.none` only if the upload is proven absent: never created, or removed. */
  readonly get: (id: UploadId) => Effect.Effect<Option.Option<StoredUpload>, UploadStoreError>

  /** The ids, of a page of them, that name no upload, in any order. */
  readonly absent: (ids: ReadonlyArray<UploadId>) => Effect.Effect<ReadonlyArray<UploadId>, UploadStoreError>

  /**
   * Replaces `entry` by `next`, as `committed` says, compare-and-set: fails with `Superseded` and changes nothing if
   * the stored version is another one, the stored fence is above `options.fence`, or the upload has been removed.
   * `entry.synced` replaces the stored value: the caller may have synced more bytes since it read the entry.
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

  /** The number of uploads, and the sum of their offsets in bytes. */
  readonly usage: Effect.Effect<{ readonly uploads: number; readonly bytes: number }, UploadStoreError>

  /** The usage of each owner, and of the uploads without an owner. */
  readonly usageByOwner: Effect.Effect<ReadonlyArray<Usage.OwnedUsage>, UploadStoreError>

  /** The highest stored fence; 0 if there is none. */
  readonly lastFence: Effect.Effect<number, UploadStoreError>

  /**
   * The name by which its bytes know the registry. A registry without this method, such as one in memory, goes with any
   * bytes.
   */
  readonly identity?: Identity | undefined
}>() {}

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

/** The fence of the writer, and the durability of the write. */
export interface WriteOptions {
  /** The fence of the lock that the writer holds. */
  readonly fence: number
  /** Survives a power cut before it returns, not only the end of the process; so do the bytes of the upload. */
  readonly durable: boolean
}

/** The conditions of a removal: those of every write, and one more. */
export interface RemoveOptions extends WriteOptions {
  /** Fails with `Superseded` if an unfinished final names the upload as its part. */
  readonly unlessNamed?: boolean | undefined
}

/** The entry of an upload that is not stored yet. */
export const draft = (upload: Upload, fence: number): StoredUpload => ({ upload, version: 0, fence, synced: 0 })

/** The entry of a new upload. */
export const created = (upload: Upload, { durable, fence }: WriteOptions): StoredUpload => ({
  upload,
  version: 1,
  fence,
  synced: durable ? upload.offset : 0
})

/** The entry that follows another. */
export const committed = (
  { synced, version }: StoredUpload,
  next: Upload,
  { durable, fence }: WriteOptions
): StoredUpload => ({
  upload: next,
  version: version + 1,
  fence,
  synced: durable ? next.offset : Math.min(synced, next.offset)
})

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

const isUnfinished = ({ completion: { _tag } }: Upload): boolean => _tag === "Open" || _tag === "Finishing"

const byTime: Order.Order<Due> = Order.combine(
  Order.mapInput(DateTime.Order, ({ expiresAt }: Due) => expiresAt),
  Order.mapInput(Order.string, ({ id }: Due) => id)
)

/** States in a Map; they live as long as the layer. */
export const layerMemory: Layer.Layer<UploadRegistry> = Layer.sync(UploadRegistry, () => {
  const entries = new Map<UploadId, StoredUpload>()

  const found = ({ after, limit }: Page, keep: (upload: Upload, entry: StoredUpload) => boolean) =>
    Effect.sync(() =>
      Array.from(entries.values())
        .filter((entry) => (after === undefined || entry.upload.id > after) && keep(entry.upload, entry))
        .map(({ upload }) => upload)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .slice(0, limit)
    )

  const page = (options: Page, keep: (upload: Upload, entry: StoredUpload) => boolean) =>
    Effect.map(found(options, keep), Arr.map(({ id }) => id))

  const replace = <A>(
    { upload: { id }, version }: StoredUpload,
    { fence, unlessNamed = false }: RemoveOptions,
    act: () => A
  ) =>
    Effect.suspend(() => {
      const stored = entries.get(id)
      const isNamed = unlessNamed && finalsNaming(id).some(isUnfinished)
      return stored === undefined || stored.version !== version || stored.fence > fence || isNamed
        ? new Superseded({ id })
        : Effect.succeed(act())
    })

  const put = (entry: StoredUpload) => {
    entries.set(entry.upload.id, entry)
    return entry
  }

  const finalsNaming = (part: UploadId) =>
    Array.from(entries.values(), ({ upload }) => upload)
      .filter(({ kind }) => kind._tag === "Final" && kind.parts.includes(part))

  return UploadRegistry.of({
    create: (upload, options) =>
      Effect.suspend(() =>
        entries.has(upload.id)
          ? new Superseded({ id: upload.id })
          : Effect.succeed(put(created(upload, options)))
      ),
    get: (id) => Effect.sync(() => Option.fromNullable(entries.get(id))),
    absent: (ids) => Effect.sync(() => ids.filter((id) => !entries.has(id))),
    commit: (entry, next, options) => replace(entry, options, () => put(committed(entry, next, options))),
    remove: (entry, options) => Effect.asVoid(replace(entry, options, () => entries.delete(entry.upload.id))),
    expired: (now, { after, limit }) =>
      Effect.sync(() =>
        Array.from(entries.values(), ({ upload }) => upload)
          .flatMap((upload) =>
            upload.hasExpired(now) && Option.isSome(upload.expiresAt)
              ? [{ id: upload.id, expiresAt: upload.expiresAt.value }]
              : []
          )
          .filter((due) => after === undefined || byTime(after, due) < 0)
          .toSorted(byTime)
          .slice(0, limit)
      ),
    pending: (options) =>
      page(options, (upload) => (upload.isFinal && upload.isOpen) || upload.completion._tag === "Finishing"),
    unsynced: (options) => page(options, ({ isOpen, offset }, { synced }) => isOpen && offset > synced),
    finalsOf: (part) => Effect.sync(() => finalsNaming(part).filter(({ isOpen }) => isOpen).map(({ id }) => id)),
    consumedParts: (options) =>
      page(options, (upload) => {
        const finals = upload.isPartial && !upload.isOpen ? finalsNaming(upload.id) : []
        return finals.some(({ completion }) => completion._tag === "Complete") &&
          !finals.some(isUnfinished)
      }),
    withBytes: ({ after, limit }) =>
      Effect.map(
        found({ after: after?.id, limit }, ({ isOpen, offset }) => isOpen && offset > 0),
        Arr.map(({ id, offset }) => ({ id, offset }))
      ),
    list: ({ after, limit }) =>
      Effect.map(found({ after: after as UploadId | undefined, limit }, () => true), Arr.map(Either.right)),
    usage: Effect.sync(() => ({
      uploads: entries.size,
      bytes: Array.from(entries.values()).reduce((sum, { upload }) => sum + upload.offset, 0)
    })),
    usageByOwner: Effect.sync(() => {
      const usageByOwner = new Map<string | undefined, Usage.OwnedUsage>()
      for (const { upload } of entries.values()) {
        const owner = Option.getOrUndefined(upload.owner)
        const usage = Usage.replace(
          usageByOwner.get(owner) ?? Usage.nothing,
          Usage.nothing,
          Usage.ofUpload(upload)
        )
        usageByOwner.set(owner, { owner: upload.owner, ...usage })
      }
      return Array.from(usageByOwner.values())
    }),
    lastFence: Effect.sync(() => Array.from(entries.values()).reduce((max, { fence }) => Math.max(max, fence), 0))
  })
})
