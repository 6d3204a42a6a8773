/**
 * Sets an upload back to the bytes that it still has: those that are synced after a failed fsync, or those that are
 * there if bytes have gone.
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { ByteStore } from "./ByteStore.js"
import * as FsyncResults from "./FsyncResults.js"
import { isConcluded, isWhole, type StoredUpload } from "./StoredUpload.js"
import type { UploadRegistry } from "./UploadRegistry.js"
import { type Superseded, UploadStoreError } from "./UploadStoreError.js"

export const make = (
  registry: UploadRegistry["Type"],
  bytes: ByteStore["Type"],
  results: FsyncResults.FsyncResults
) => {
  /**
   * Sets an upload back after a failed fsync. The commit invalidates the old entry. If it fails, the file is truncated
   * instead: the next process then sees that acknowledged bytes are missing. Bytes that were synced before, and
   * completions that were decided, stand.
   */
  const toSynced = (entry: StoredUpload, fence: number): Effect.Effect<void, Superseded | UploadStoreError> =>
    Effect.suspend(() => {
      const { upload } = entry
      const now = FsyncResults.known(results)(entry)
      const forget = () => FsyncResults.forget(results, upload.id)
      results.setBacks++
      return entry.version === 0 || isConcluded(upload) || isWhole(now)
        ? Effect.sync(forget)
        : registry.commit(now, upload.cut(now.synced), { fence, durable: false }).pipe(
          Effect.map(forget),
          Effect.tapErrorTag(
            "UploadStoreError",
            () => Effect.ignoreLogged(bytes.truncate(upload.id, { at: Math.min(now.synced, now.stored), fence }))
          )
        )
    })

  return {
    toSynced,

    /**
     * Sets an upload back to its first `size` bytes, since the others have gone. The commit is durable if synced bytes
     * are written again: otherwise a power cut could undo it, and new bytes would be taken for synced ones. An upload
     * that had all its bytes is open until `expiresAt`.
     */
    to: (entry: StoredUpload, size: number, fence: number, expiresAt?: Option.Option<DateTime.Utc>) =>
      Effect.suspend(() => {
        const now = FsyncResults.known(results)(entry)
        results.setBacks++
        return registry.commit(now, entry.upload.cut(size, expiresAt), { fence, durable: size <= now.synced })
      }),

    /** Sets an upload back after a failed fsync, and fails. */
    refuse: (entry: StoredUpload, fence: number): Effect.Effect<never, UploadStoreError> =>
      Effect.zipRight(
        Effect.ignoreLogged(toSynced(entry, fence)),
        new UploadStoreError({
          reason: "Write",
          operation: `commit ${entry.upload.id}`,
          cause: new Error("an fsync of its bytes has failed, so it goes back to its last synced byte")
        })
      )
  }
}
