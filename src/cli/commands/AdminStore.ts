/**
 * What `effect-tus admin` works on: a directory that it has to itself, or one that a server uses and that it only
 * reads. Loaded only when it is asked for, since it is more than an upload needs.
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

/** Whatever others do with the directory. */
export const layerReading = (directory: string) => Layer.provideMerge(TusAdmin.layer, DirectoryReader.layer(directory))

const layerAlone = (directory: string) => Layer.provideMerge(TusAdmin.layer, EmbeddedStore.layer({ directory }))

/** To change what is there: no server may use it. */
export const layerWriting = (directory: string) =>
  Layer.mapError(layerAlone(directory), (error) =>
    isHeld(error)
      ? new CommandError({
        message: `a server is using ${directory}; stop it to change what it keeps there`,
        cause: error
      })
      : error)

/** To read what is there: its tables are brought up to date first, where nobody uses it. */
export const layerEither = (directory: string) =>
  Layer.catchAll(
    layerAlone(directory),
    (error) => isHeld(error) || error._tag === "StoreMismatch" ? layerReading(directory) : Layer.fail(error)
  )

const isHeld = (error: OptionError | StoreMismatch | UploadStoreError) =>
  error._tag === "UploadStoreError" && isLocked(error)
