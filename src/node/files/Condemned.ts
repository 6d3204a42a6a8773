/**
 * Marks unwanted files, from before their state is removed until they are removed. The mark is an empty file beside
 * each: after a crash it says that the file is no orphan.
 */
import * as Effect from "effect/Effect"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"

/** No upload id contains a dot. */
const extension = ".removed"

/** The name of the file that this one marks; the same name if it is no mark. */
export const nameOf = (file: string): string => file.endsWith(extension) ? file.slice(0, -extension.length) : file

export const isIn = (files: ReadonlySet<string>, name: string): boolean => files.has(`${name}${extension}`)

/** Does nothing without a folder: then there is no file either. */
export const add = (path: string, permissions: NodeFs.Permissions): Effect.Effect<void, UploadStoreError> =>
  Effect.catchIf(
    NodeFs.use(`${path}${extension}`, "w", () => Effect.void, permissions),
    NodeFs.isAbsent,
    () => Effect.void
  )

export const remove = (path: string): Effect.Effect<void, UploadStoreError> =>
  NodeFs.removeIfPresent(`${path}${extension}`)
