/**
 * Tracks the results of fsyncs, if the byte store has any: without `sync`, written bytes survive a power cut. An fsync
 * that succeeds beside a writer is noted, and the next commit records it. After a failed fsync the bytes can be read
 * although they are lost: the kernel takes them for written, and a later fsync says nothing about them. So no commit of
 * this upload is allowed until it is set back to its last synced byte.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Upload, UploadId } from "../protocol/Upload.js"
import { Signal } from "../time/Signal.js"
import type { ByteStore } from "./ByteStore.js"
import * as FsyncResults from "./FsyncResults.js"
import * as SetBack from "./SetBack.js"
import { committed, isBehind, isConcluded, isWhole, type StoredUpload, type WriteOptions } from "./StoredUpload.js"
import type { UploadRegistry } from "./UploadRegistry.js"
import type { Superseded, UploadStoreError } from "./UploadStoreError.js"

export const make = (registry: UploadRegistry["Type"], bytes: ByteStore["Type"]) => {
  const results = FsyncResults.make()
  const { failed, notes } = results
  const known = FsyncResults.known(results)
  const recorded = FsyncResults.recorded(results)
  const setBack = SetBack.make(registry, bytes, results)

  const { sync: fsyncOf } = bytes

  const fsync = fsyncOf && oneAtATime(fsyncOf, (id) => failed.add(id))

  return {
    cut: setBack.to,
    refuse: setBack.refuse,
    forget: (id: UploadId): void => FsyncResults.forget(results, id),
    hasFailed: (id: UploadId): boolean => failed.has(id),

    /** Commits under the lock. The bytes are synced first if `syncsFirst`: by default, if the commit is durable. */
    commit: (
      entry: StoredUpload,
      next: Upload,
      options: WriteOptions,
      syncsFirst = options.durable
    ): Effect.Effect<StoredUpload, Superseded | UploadStoreError> => {
      const commit = (synced?: number) =>
        failed.has(next.id) && !isWhole(entry)
          ? setBack.refuse(entry, options.fence)
          : entry.version === 0
          ? registry.create(next, { ...options, synced })
          : Effect.flatMap(registry.commit(known(entry), next, { ...options, synced }), recorded)
      return fsync === undefined
        ? commit(next.offset)
        : syncsFirst && needsFsync(entry, committed(entry, next, options))
        ? Effect.matchCauseEffect(fsync(next.id), {
          onSuccess: () => commit(next.offset),
          onFailure: (cause) =>
            isLoss(cause)
              ? Effect.zipRight(Effect.ignoreLogged(setBack.toSynced(entry, options.fence)), Effect.failCause(cause))
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
      if (
        fsync === undefined || Option.isNone(before) || !isBehind(known(before.value)) ||
        failed.has(id)
      ) {
        return !failed.has(id)
      }
      const counted = results.setBacks
      const synced = yield* Effect.exit(fsync(id))
      if (synced._tag === "Failure") {
        yield* Effect.logWarning(`the bytes of ${id} cannot be synced`, synced.cause)
        return !failed.has(id)
      }
      const after = yield* registry.get(id)
      if (Option.isNone(after) || !after.value.upload.isOpen) {
        yield* bytes.release?.(id) ?? Effect.void
      } else if (counted === results.setBacks) {
        notes.set(id, { version: after.value.version, synced: before.value.stored })
      }
      return true
    }, Effect.uninterruptible),

    /** Records, under the lock, the results of fsyncs. */
    recordSync: (id: UploadId, fence: number): Effect.Effect<void, Superseded | UploadStoreError> =>
      Effect.flatMap(registry.claim(id, fence), (found) => {
        if (Option.isNone(found) || isConcluded(found.value.upload)) {
          return Effect.sync(() => FsyncResults.forget(results, id))
        }
        const entry = found.value
        if (failed.has(id)) {
          return setBack.toSynced(entry, fence)
        }
        const now = known(entry)
        return now === entry
          ? Effect.void
          : Effect.asVoid(
            Effect.flatMap(registry.commit(now, entry.upload, { fence, durable: false }), recorded)
          )
      })
  }
}

/**
 * One fsync per upload at a time: after a failed fsync the kernel reports success to the next caller although the
 * bytes are lost. `onLoss` learns of it before the next caller begins.
 */
const oneAtATime = (
  sync: (id: UploadId) => Effect.Effect<void, UploadStoreError>,
  onLoss: (id: UploadId) => void
) => {
  /** Running fsyncs, and their ends. */
  const running = new Map<UploadId, Signal>()

  const next = (id: UploadId): Effect.Effect<void, UploadStoreError> =>
    Effect.uninterruptible(Effect.suspend(() => {
      const other = running.get(id)
      if (other !== undefined) {
        return Effect.zipRight(other.wait(), next(id))
      }
      const ended = new Signal()
      running.set(id, ended)
      return Effect.onExit(sync(id), (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit) && isLoss(exit.cause)) {
            onLoss(id)
          }
          running.delete(id)
          ended.give()
        }))
    }))

  return next
}

/**
 * Whether the byte store has bytes of `after` that are not known to survive a power cut. When the upload gets full, its
 * entry in the directory is synced, too. A tail needs no fsync.
 */
const needsFsync = (before: StoredUpload, after: StoredUpload): boolean =>
  after.stored > Math.min(before.synced, before.stored) ||
  (before.upload.isOpen && !after.upload.isOpen && after.stored === after.upload.offset)

/** After any other failure nothing was synced and nothing is lost: it may be tried again. */
const isLoss = (cause: Cause.Cause<UploadStoreError>) =>
  Option.exists(Cause.failureOption(cause), ({ reason }) => reason === "Unsynced")
