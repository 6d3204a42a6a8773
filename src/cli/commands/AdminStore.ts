/**
 * The store of `effect-tus admin`: for it alone, or read-only beside a server. Loaded on demand, since `effect-tus
 * upload` needs none of it.
 */
import * as Layer from "effect/Layer"
import * as DirectoryReader from "../../node/embedded/DirectoryReader.js"
import * as EmbeddedStore from "../../node/embedded/EmbeddedStore.js"
import * as TusAdmin from "../../server/operations/TusAdmin.js"
import type { OptionError } from "../../server/policy/OptionError.js"
import { isLocked } from "../../sql/SqlFailure.js"
import type { StoreMismatch } from "../../store/Pairing.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import { CommandError } from "../terminal/Failure.js"

export { backup, copy } from "../../node/embedded/DirectoryReader.js"
export { layer as layerFiles } from "../../node/files/FileByteStore.js"
export { TusAdmin } from "../../server/operations/TusAdmin.js"

/** Read-only, beside a running server or without one. */
export const layerReading = (directory: string) => Layer.provideMerge(TusAdmin.layer, DirectoryReader.layer(directory))

const layerAlone = (directory: string) => Layer.provideMerge(TusAdmin.layer, EmbeddedStore.layer({ directory }))

/** For changes. Fails if a server uses the directory. */
export const layerWriting = (directory: string) =>
  Layer.mapError(layerAlone(directory), (error) =>
    isHeld(error)
      ? new CommandError({
        message: `a server is using ${directory}; stop it first`,
        cause: error
      })
      : error)

/** For reading. If no server uses the directory, its tables are migrated first. */
export const layerEither = (directory: string) =>
  Layer.catchAll(
    layerAlone(directory),
    (error) => isHeld(error) || error._tag === "StoreMismatch" ? layerReading(directory) : Layer.fail(error)
  )

const isHeld = (error: OptionError | StoreMismatch | UploadStoreError) =>
  error._tag === "UploadStoreError" && isLocked(error)
