/**
 * Whether this process may write the files of a database. SQLite does not say it: it opens a database for reading only,
 * or says that it is unable to open it.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { UploadStoreError } from "../../store/UploadStoreError.js"

/** Fails if the file is there, and this process may not read and write it. */
export const check = (path: string): Effect.Effect<void, UploadStoreError> =>
  Effect.async<void, UploadStoreError>((resume) =>
    Fs.access(path, Fs.constants.R_OK | Fs.constants.W_OK, (cause) =>
      resume(
        cause === null || cause.code === "ENOENT"
          ? Effect.void
          : new UploadStoreError({
            reason: "Write",
            operation: `write to ${path}`,
            cause: new Error(`${cause.message}; let the user of this process read and write it`, { cause })
          })
      ))
  )
