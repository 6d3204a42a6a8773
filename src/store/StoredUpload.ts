/**
 * A stored state, and how one follows another.
 */
import type { Upload } from "../protocol/Upload.js"

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

/** The fence of the writer, and the durability of the write. */
export interface WriteOptions {
  /** The fence of the lock that the writer holds. */
  readonly fence: number
  /** Survives a power cut before it returns, not only the end of the process; so do the bytes of the upload. */
  readonly durable: boolean
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

/** Whether its bytes will not change any more. */
export const isConcluded = ({ completion: { _tag } }: Upload): boolean => _tag === "Complete" || _tag === "Rejected"

/** Whether all its bytes are there and synced: a later failed fsync then means nothing. */
export const isWhole = ({ synced, upload }: StoredUpload): boolean => !upload.isOpen && synced === upload.offset

/** Whether an fsync is due: the upload is unfinished, and a power cut would set it back. */
export const isBehind = ({ synced, upload }: StoredUpload): boolean => upload.isOpen && upload.offset > synced
