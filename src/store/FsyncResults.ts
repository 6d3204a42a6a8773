/**
 * The results of fsyncs that no state records yet. They end with the process: bytes whose fsync was not recorded are
 * synced again.
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { UploadId } from "../protocol/Upload.js"
import { type StoredUpload, withSynced } from "./StoredUpload.js"

/** The synced bytes, to be recorded with the state that follows `version`. */
interface Note {
  readonly version: number
  /** Of the bytes in the byte store. */
  readonly synced: number
}

export interface FsyncResults {
  readonly notes: Map<UploadId, Note>
  /** Uploads whose fsync failed, and that have not been set back yet. */
  readonly failed: Set<UploadId>
  /** The number of set-backs so far. An fsync that began before one says nothing about the bytes after it. */
  setBacks: number
}

export const make = (): FsyncResults => ({ notes: new Map(), failed: new Set(), setBacks: 0 })

export const forget = ({ failed, notes }: FsyncResults, id: UploadId): void => {
  notes.delete(id)
  failed.delete(id)
}

/** The stored state, with the synced bytes that are known here. */
export const known = ({ notes }: FsyncResults) => (entry: StoredUpload): StoredUpload => {
  const note = notes.get(entry.upload.id)
  return note?.version === entry.version ? withSynced(entry, note.synced) : entry
}

/** The stored state says now what the note said. */
export const recorded = ({ notes }: FsyncResults) => (entry: StoredUpload): Effect.Effect<StoredUpload> => {
  notes.delete(entry.upload.id)
  return Exit.succeed(entry)
}
