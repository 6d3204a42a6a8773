/**
 * The folders inside the directory of uploads, and which of their entries survive a power cut.
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"
import * as OpenFiles from "./OpenFiles.js"

export interface Folders {
  /** Creates a folder if it is missing. Its entry is durable after the first `sync`. */
  readonly make: (path: string) => Effect.Effect<void, UploadStoreError>
  /** Creates a folder if it is missing, and makes its entry durable: a file that is moved there is not lost with it. */
  readonly makeDurable: (path: string) => Effect.Effect<void, UploadStoreError>
  /** Makes the entries of a folder durable, and its own entry. */
  readonly sync: (path: string) => Effect.Effect<void, UploadStoreError>
  /** Makes the entries of a folder durable. */
  readonly syncEntries: (path: string) => Effect.Effect<void, UploadStoreError>
}

/** @param directory - the directory of uploads, for the log. */
export const make = (directory: string, files: OpenFiles.OpenFiles, permissions: NodeFs.Permissions): Folders => {
  /** Folders whose own entry this process has synced. */
  const durable = new Set<string>()
  let canSync = NodeFs.canSyncDirectories

  const make = (path: string) =>
    NodeFs.makeDirectory(path, permissions).pipe(
      Effect.tap(() => Effect.sync(() => durable.delete(path))),
      Effect.catchIf(NodeFs.isTaken, () => Effect.void)
    )

  /** If the file system cannot sync directories, none of this is an error: that is logged once, and not tried again. */
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
  `The file system of ${directory} cannot sync directories: a power cut may lose new files in it`
