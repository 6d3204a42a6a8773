/**
 * The folders inside the directory of uploads, and which of their entries survive a power cut.
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"
import * as OpenFiles from "./OpenFiles.js"

export interface Folders {
  /** Makes a folder unless it is there. Its entry is durable after the first `sync`. */
  readonly make: (path: string) => Effect.Effect<void, UploadStoreError>
  /** Makes a folder unless it is there, with a durable entry: a file can be moved to it without being lost. */
  readonly makeDurable: (path: string) => Effect.Effect<void, UploadStoreError>
  /** Makes the entries of a folder durable, and its own. */
  readonly sync: (path: string) => Effect.Effect<void, UploadStoreError>
  /** Makes the entries of a folder durable. */
  readonly syncEntries: (path: string) => Effect.Effect<void, UploadStoreError>
}

/** @param directory - the directory of uploads, for the log. */
export const make = (directory: string, files: OpenFiles.OpenFiles, permissions: NodeFs.Permissions): Folders => {
  /** Folders whose own entry is known to be synced in this process. */
  const durable = new Set<string>()
  let canSync = NodeFs.canSyncDirectories

  const make = (path: string) =>
    NodeFs.makeDirectory(path, permissions).pipe(
      Effect.tap(() => Effect.sync(() => durable.delete(path))),
      Effect.catchIf(NodeFs.isTaken, () => Effect.void)
    )

  /**
   * A file system that cannot sync a directory loses nothing by it. It is asked once, and the log says so once.
   */
  const syncEntries = (path: string) =>
    Effect.suspend(() =>
      canSync
        ? Effect.catchIf(
          files.use(path, OpenFiles.openDirectory(path), NodeFs.syncDirectory),
          NodeFs.isUnsupported,
          (error) => {
            const isNews = canSync
            canSync = false
            return isNews ? Effect.logWarning(cannotSync(directory), error) : Effect.void
          }
        )
        : Effect.void
    )

  const syncEntryOf = (path: string) => Effect.map(syncEntries(Path.dirname(path)), () => void durable.add(path))

  return {
    make,
    makeDurable: (path) =>
      Effect.zipRight(make(path), Effect.suspend(() => durable.has(path) ? Effect.void : syncEntryOf(path))),
    sync: (path) =>
      Effect.suspend(() =>
        durable.has(path) ? syncEntries(path) : Effect.zipRight(syncEntries(path), syncEntryOf(path))
      ),
    syncEntries
  }
}

const cannotSync = (directory: string) =>
  `The file system of ${directory} syncs no directories: a power cut may take files from it whose names are new`
