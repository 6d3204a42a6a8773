/**
 * A stored state, and how one follows another.
 */
import type { Upload } from "../protocol/Upload.js"

/** A stored state. */
export interface StoredUpload {
  readonly upload: Upload
  /** Grows by one with each commit; 0 before the first one. */
  readonly version: number
  /** The fence of the lock under which it was last written or claimed. */
  readonly fence: number
  /** How many of its first bytes are known to survive a power cut; never more than its offset. */
  readonly synced: number
}

/** The fence of the writer, and what survives a power cut. */
export interface WriteOptions {
  /** The fence of the lock that the writer holds. */
  readonly fence: number
  /** Whether the state survives a power cut before the write returns, not only the end of the process. */
  readonly durable: boolean
  /** How many of the first bytes are known to survive a power cut now. By default as many as before. */
  readonly synced?: number | undefined
}

/** The entry of an upload that is not stored yet. */
export const draft = (upload: Upload, fence: number): StoredUpload => ({ upload, version: 0, fence, synced: 0 })

/** The entry of a new upload. */
export const created = (upload: Upload, { fence, synced = 0 }: WriteOptions): StoredUpload => ({
  upload,
  version: 1,
  fence,
  synced: Math.min(synced, upload.offset)
})

/** The entry that follows another. */
export const committed = (
  entry: StoredUpload,
  next: Upload,
  { fence, synced = entry.synced }: WriteOptions
): StoredUpload => ({
  upload: next,
  version: entry.version + 1,
  fence,
  synced: Math.min(synced, next.offset)
})

/** Whether its bytes will not change any more. */
export const isConcluded = ({ completion: { _tag } }: Upload): boolean => _tag === "Complete" || _tag === "Rejected"

/** Whether all its bytes are there and synced: a later failed fsync then means nothing. */
export const isWhole = ({ synced, upload }: StoredUpload): boolean => !upload.isOpen && synced === upload.offset

/** Whether an fsync is due: the upload is unfinished, and a power cut would set it back. */
export const isBehind = ({ synced, upload }: StoredUpload): boolean => upload.isOpen && upload.offset > synced
