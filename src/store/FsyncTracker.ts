/**
 * Tracks the results of fsyncs. An fsync that succeeds beside a writer is noted, and the next commit records it. After
 * a failed fsync the bytes can be read although they are lost: the kernel takes them for written, and a later fsync
 * says nothing about them. So no commit of this upload is allowed until it is set back to its last synced byte.
 *
 * Notes end with the process: bytes whose fsync was not recorded are synced again.
 */
import * as Cause from "effect/Cause"
import type * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { Upload, UploadId } from "../protocol/Upload.js"
import type { ByteStore } from "./ByteStore.js"
import type { StoredUpload, UploadRegistry, WriteOptions } from "./UploadRegistry.js"
import { type Superseded, UploadStoreError } from "./UploadStoreError.js"

/** The synced bytes, to be recorded with the state that follows `version`. */
interface Note {
  readonly version: number
  readonly synced: number
}

export const make = (registry: UploadRegistry["Type"], bytes: ByteStore["Type"]) => {
  const notes = new Map<UploadId, Note>()
  /** Running fsyncs, and their ends. */
  const running = new Map<UploadId, Deferred.Deferred<void>>()
  /** Uploads whose fsync failed, and that have not been set back yet. */
  const failed = new Set<UploadId>()
  let setBacks = 0

  const forget = (id: UploadId) => {
    notes.delete(id)
    failed.delete(id)
  }

  /** The stored state, with the synced bytes that are known here. */
  const known = (entry: StoredUpload): StoredUpload => {
    const note = notes.get(entry.upload.id)
    return note?.version === entry.version ? { ...entry, synced: Math.max(entry.synced, note.synced) } : entry
  }

  /**
   * One fsync per upload at a time: after a failed fsync the kernel reports success to the next caller although the
   * bytes are lost.
   */
  const syncBytes = (id: UploadId): Effect.Effect<void, UploadStoreError> =>
    Effect.uninterruptible(Effect.suspend(() => {
      const other = running.get(id)
      if (other !== undefined) {
        return Effect.zipRight(Deferred.await(other), syncBytes(id))
      }
      const ended = Deferred.unsafeMake<void>(FiberId.none)
      running.set(id, ended)
      return Effect.onExit(bytes.sync(id), (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit) && isLoss(exit.cause)) {
            failed.add(id)
          }
          running.delete(id)
          Deferred.unsafeDone(ended, Effect.void)
        }))
    }))

  /**
   * The commit invalidates the old entry. If it fails, the file is truncated instead: the next process then sees that
   * acknowledged bytes are missing. Bytes that were synced before, and completions that were decided, stand.
   */
  const setBack = (entry: StoredUpload, fence: number) =>
    Effect.suspend(() => {
      const { upload } = entry
      const now = known(entry)
      setBacks++
      return entry.version === 0 || isConcluded(upload) || isWhole(now)
        ? Effect.sync(() => forget(upload.id))
        : registry.commit(now, upload.cut(now.synced), { fence, durable: false }).pipe(
          Effect.map(() => forget(upload.id)),
          Effect.tapErrorTag("UploadStoreError", () => Effect.ignoreLogged(bytes.truncate(upload.id, now.synced)))
        )
    })

  /**
   * Sets an upload back to its first `size` bytes, since the others have gone. The commit is durable if synced bytes
   * are written again: otherwise a power cut could undo it, and new bytes would be taken for synced ones. An upload
   * that had all its bytes is open until `expiresAt`.
   */
  const cut = (entry: StoredUpload, size: number, fence: number, expiresAt?: Option.Option<DateTime.Utc>) =>
    Effect.suspend(() => {
      const now = known(entry)
      setBacks++
      return registry.commit(now, entry.upload.cut(size, expiresAt), { fence, durable: size <= now.synced })
    })

  /** Sets the upload back, and fails. */
  const refuse = (entry: StoredUpload, fence: number): Effect.Effect<never, UploadStoreError> =>
    Effect.zipRight(
      Effect.ignoreLogged(setBack(entry, fence)),
      new UploadStoreError({ reason: "Write", operation: `count the bytes of ${entry.upload.id}: a sync has failed` })
    )

  return {
    cut,
    forget,
    refuse,
    hasFailed: (id: UploadId): boolean => failed.has(id),

    /** Commits under the lock. The bytes are synced first if the commit has to be durable. */
    commit: (
      entry: StoredUpload,
      next: Upload,
      options: WriteOptions
    ): Effect.Effect<StoredUpload, Superseded | UploadStoreError> => {
      const commit = () =>
        failed.has(next.id) && !isWhole(entry)
          ? refuse(entry, options.fence)
          : entry.version === 0
          ? registry.create(next, options)
          : Effect.tap(registry.commit(known(entry), next, options), () => Effect.sync(() => notes.delete(next.id)))
      return options.durable && (next.offset > entry.synced || (entry.upload.isOpen && !next.isOpen))
        ? Effect.matchCauseEffect(syncBytes(next.id), {
          onSuccess: commit,
          onFailure: (cause) =>
            isLoss(cause)
              ? Effect.zipRight(Effect.ignoreLogged(setBack(entry, options.fence)), Effect.failCause(cause))
              : Effect.failCause(cause)
        })
        : commit()
    },

    /**
     * Syncs the committed bytes of an unfinished upload, beside its writer. Bytes below a committed offset are written
     * again only after a set-back, and then nothing is noted. Of a final, which may be assembled again, no byte counts
     * before. Returns whether it succeeded; `recordSync` records it.
     */
    sync: Effect.fnUntraced(function*(id: UploadId) {
      const before = yield* registry.get(id)
      if (Option.isNone(before) || !isBehind(known(before.value)) || failed.has(id)) {
        return !failed.has(id)
      }
      const counted = setBacks
      const synced = yield* Effect.exit(syncBytes(id))
      if (synced._tag === "Failure") {
        yield* Effect.logWarning(`${id} cannot be synced`, synced.cause)
        return !failed.has(id)
      }
      const after = yield* registry.get(id)
      if (Option.isNone(after) || !after.value.upload.isOpen) {
        yield* bytes.release(id)
      } else if (counted === setBacks) {
        notes.set(id, { version: after.value.version, synced: before.value.upload.offset })
      }
      return true
    }, Effect.uninterruptible),

    /** Records, under the lock, the results of fsyncs. */
    recordSync: (id: UploadId, fence: number): Effect.Effect<void, Superseded | UploadStoreError> =>
      Effect.flatMap(registry.get(id), (found) => {
        if (Option.isNone(found) || isConcluded(found.value.upload)) {
          return Effect.sync(() => forget(id))
        }
        const entry = found.value
        if (failed.has(id)) {
          return setBack(entry, fence)
        }
        const now = known(entry)
        return now === entry
          ? Effect.void
          : Effect.map(registry.commit(now, entry.upload, { fence, durable: false }), () => void notes.delete(id))
      })
  }
}

/** After any other failure nothing was synced and nothing is lost: it may be tried again. */
const isLoss = (cause: Cause.Cause<UploadStoreError>) =>
  Option.exists(Cause.failureOption(cause), ({ reason }) => reason === "Unsynced")

/** Whether all its bytes are synced: a later failed fsync then means nothing. */
const isWhole = ({ synced, upload }: StoredUpload): boolean => !upload.isOpen && synced === upload.offset

/** Whether its bytes will not change any more. */
const isConcluded = ({ completion: { _tag } }: Upload): boolean => _tag === "Complete" || _tag === "Rejected"

const isBehind = ({ synced, upload }: StoredUpload): boolean => upload.isOpen && upload.offset > synced
