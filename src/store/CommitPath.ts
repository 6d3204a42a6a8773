/**
 * The commit path: bytes are written, then synced as `Durability` says, then the state is committed. A tail is written
 * with the state.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pull from "../bytes/Pull.js"
import { OffsetMismatch } from "../protocol/Refusal.js"
import type { Upload, UploadId } from "../protocol/Upload.js"
import type { ByteStore } from "./ByteStore.js"
import type * as FsyncTracker from "./FsyncTracker.js"
import * as Placement from "./Placement.js"
import type * as Reconciliation from "./Reconciliation.js"
import { committed, type StoredUpload, tailOf } from "./StoredUpload.js"
import type { TailedBytes } from "./TailedBytes.js"
import type { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStore } from "./UploadStore.js"
import { isCorrupt, type Superseded, type UploadStoreError } from "./UploadStoreError.js"
import type { WaitingTails } from "./WaitingTails.js"

interface Dependencies extends Pick<TailedBytes, "append" | "move"> {
  readonly bytes: ByteStore["Type"]
  readonly durability: "process" | "completion" | "always"
  readonly reconciliation: ReturnType<typeof Reconciliation.make>
  readonly registry: UploadRegistry["Type"]
  readonly smallUploads: Placement.Placement
  readonly syncs: ReturnType<typeof FsyncTracker.make>
  readonly waiting: WaitingTails
}

export const make = (
  { append, bytes, durability, move, reconciliation, registry, smallUploads, syncs, waiting }: Dependencies
): Pick<UploadStore["Type"], "commit" | "create" | "moveTail" | "secure" | "write"> => {
  const { tails } = registry

  /** Whether this commit has to survive a power cut before the client is told. */
  const isDurable = (before: Upload | undefined, after: Upload) =>
    durability === "always" || (durability === "completion" && before?.completion._tag !== after.completion._tag
      && !after.isOpen)

  const releasing = releaser(bytes)

  /** Whether the bytes of `pull` wait for the commit. */
  const waits = (entry: StoredUpload, pull: Pull.Pull<UploadStoreError>): pull is Pull.Whole =>
    smallUploads !== "byteStore" && tails !== undefined && Pull.isWhole(pull) &&
    Placement.fits(entry, Pull.sizeOf(pull.bytes), tails.limit)

  /** If committed bytes have gone, the upload is set back to those that are there. */
  const recoverFrom = <E>(
    { fence, upload: { id, offset } }: StoredUpload,
    cause: Cause.Cause<E>
  ): Effect.Effect<never, E | OffsetMismatch | Superseded | UploadStoreError> =>
    Option.exists(Cause.failureOption(cause), isCorrupt)
      ? Effect.flatMap(
        reconciliation.recover(id, fence),
        (recovered): Effect.Effect<never, E | OffsetMismatch> =>
          Option.isNone(recovered)
            ? Exit.failCause(cause)
            : new OffsetMismatch({ expected: recovered.value, actual: offset })
      )
      : Exit.failCause(cause)

  const mayHaveTail = (entry: StoredUpload) => Placement.mayHaveTail(entry, smallUploads, bytes.seal !== undefined)

  /** Until the commit the registry has the tail, and again if a power cut undoes the commit. */
  const moveTail = (entry: StoredUpload) => {
    const { fence, upload } = entry
    const options = { fence, durable: false, stored: upload.offset }
    const commit = syncs.commit(entry, upload, options, durability !== "process")
    return Effect.map(releasing(upload.id, Effect.zipRight(move(entry, undefined), commit)), (moved) => {
      waiting.drop(upload.id)
      return moved
    })
  }

  /**
   * Keeps a tail of which all bytes are there, and which moves soon, once it is committed. Not if other processes may
   * move it, or remove it and use its id again.
   */
  const keeping = <E>(after: StoredUpload, tail: Uint8Array | undefined, commit: Effect.Effect<StoredUpload, E>) =>
    bytes.isShared !== true && tail?.length === after.upload.offset && Placement.isYetToMove(after, smallUploads)
      ? Effect.tap(commit, () => waiting.keep(after.upload.id, tail))
      : commit

  return {
    moveTail,

    create: (upload, fence) => {
      const durable = isDurable(undefined, upload)
      const create = registry.create(upload, { fence, durable })
      return upload.isOpen ? create : releasing(
        upload.id,
        bytes.append(upload.id, { at: 0, fence }, Pull.end, () => Effect.void).pipe(
          Effect.zipRight((durable && bytes.sync?.(upload.id)) || Effect.void),
          Effect.zipRight(create)
        )
      )
    },

    write: (entry, pull, onWritten) =>
      syncs.hasFailed(entry.upload.id)
        ? syncs.refuse(entry, entry.fence)
        : waits(entry, pull)
        ? Exit.succeed({ end: entry.upload.offset + Pull.sizeOf(pull.bytes), tail: Pull.joined(pull.bytes) })
        : Effect.matchCauseEffect(append(entry, pull, onWritten), {
          onSuccess: (end) => Exit.succeed({ end }),
          onFailure: (cause) => recoverFrom(entry, cause)
        }),

    commit: (entry, next, tail) => {
      const options = { fence: entry.fence, durable: isDurable(entry.upload, next), tail }
      const after = committed(entry, next, options)
      if (!mayHaveTail(after)) {
        const commit = syncs.commit(entry, next, { ...options, tail: undefined, stored: next.offset })
        return releasing(next.id, Effect.zipRight(move(entry, tail), commit))
      }
      const commit = keeping(after, tail, syncs.commit(entry, next, options))
      return next.isOpen || tailOf(after) > 0 ? commit : releasing(next.id, commit)
    },

    secure: (stored) =>
      Effect.flatMap(mayHaveTail(stored) ? Exit.succeed(stored) : moveTail(stored), (entry) => {
        const { fence, upload: { id, offset: length } } = entry
        const synced = durability === "process" || entry.synced === length
          ? Exit.succeed(entry)
          : syncs.commit(entry, entry.upload, { fence, durable: true })
        return Effect.zipLeft(synced, bytes.seal?.(id, { length, fence }) ?? Effect.void)
      })
  }
}

/** Nothing is appended to the upload afterwards. */
const releaser = ({ release }: ByteStore["Type"]) => <A, E>(id: UploadId, self: Effect.Effect<A, E>) =>
  release === undefined ? self : Effect.zipLeft(self, release(id))
