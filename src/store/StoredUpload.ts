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
  /**
   * How many of its first bytes are in the byte store. Those behind them, up to the offset, are its tail, which the
   * registry keeps beside the state.
   */
  readonly stored: number
  /**
   * How many of its first bytes are known to survive a power cut if the state does; never more than its offset. A tail
   * is as durable as its state.
   */
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
  /**
   * The new bytes, up to the offset, if the registry is to keep them: they join the tail in the transaction of the
   * state. Without them, new bytes are in the byte store, and so are those of an earlier tail.
   */
  readonly tail?: Uint8Array | undefined
  /**
   * How many of the first bytes are in the byte store now, if that changes without new bytes: what it has of a tail
   * leaves the registry.
   */
  readonly stored?: number | undefined
}

/** The entry of an upload that is not stored yet. */
export const draft = (upload: Upload, fence: number): StoredUpload => ({
  upload,
  version: 0,
  fence,
  stored: upload.offset,
  synced: 0
})

/** The entry of a new upload. */
export const created = (upload: Upload, options: WriteOptions): StoredUpload => {
  const stored = options.stored ?? upload.offset - (options.tail?.length ?? 0)
  return { upload, version: 1, fence: options.fence, stored, synced: syncedOf(upload, stored, options.synced ?? 0) }
}

/** The entry that follows another. */
export const committed = (entry: StoredUpload, next: Upload, options: WriteOptions): StoredUpload => {
  const stored = storedAfter(entry, next, options)
  return {
    upload: next,
    version: entry.version + 1,
    fence: options.fence,
    stored,
    synced: syncedOf(next, stored, options.synced ?? Math.min(entry.synced, entry.stored))
  }
}

/** How many of the first bytes of `next` are in the byte store. */
const storedAfter = (entry: StoredUpload, next: Upload, options: WriteOptions): number =>
  options.stored ??
    (options.tail === undefined && next.offset > entry.upload.offset
      ? next.offset
      : Math.min(entry.stored, next.offset))

/** If all bytes in the byte store are synced, all are. */
const syncedOf = ({ offset }: Upload, stored: number, synced: number): number => synced < stored ? synced : offset

/** The entry, once its first `synced` bytes in the byte store are synced. */
export const withSynced = (entry: StoredUpload, synced: number): StoredUpload => ({
  ...entry,
  synced: Math.max(entry.synced, syncedOf(entry.upload, entry.stored, synced))
})

/** The number of bytes in the tail. */
export const tailOf = ({ stored, upload }: StoredUpload): number => upload.offset - stored

/** Whether it is full, and all its bytes are in the registry. They stay there. */
export const isBesideState = ({ stored, upload }: StoredUpload): boolean =>
  !upload.isOpen && stored === 0 && upload.offset > 0

/** Whether it is complete, and has bytes in the registry. */
export const isCompleteWithTail = (entry: StoredUpload): boolean =>
  entry.upload.completion._tag === "Complete" && tailOf(entry) > 0

/** Whether its bytes will not change any more. */
export const isConcluded = ({ completion: { _tag } }: Upload): boolean => _tag === "Complete" || _tag === "Rejected"

/** Whether all its bytes are there and synced: a later failed fsync then means nothing. */
export const isWhole = ({ synced, upload }: StoredUpload): boolean => !upload.isOpen && synced === upload.offset

/** Whether an fsync is due: the upload is unfinished, and a power cut would set it back. */
export const isBehind = ({ synced, upload }: StoredUpload): boolean => upload.isOpen && upload.offset > synced
