/**
 * Files of which nobody wants anything any more, from before their state is removed until they are: an empty file
 * beside each says so to whoever finds it after a crash.
 */
import * as Effect from "effect/Effect"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"

/** No upload id contains a dot. */
const extension = ".removed"

/** What a file is called of which this one says so. */
export const nameOf = (file: string): string => file.endsWith(extension) ? file.slice(0, -extension.length) : file

export const isIn = (files: ReadonlySet<string>, name: string): boolean => files.has(`${name}${extension}`)

/** Nothing is said where there is no folder: then there is no file either. */
export const add = (path: string, permissions: NodeFs.Permissions): Effect.Effect<void, UploadStoreError> =>
  Effect.catchIf(
    NodeFs.use(`${path}${extension}`, "w", () => Effect.void, permissions),
    NodeFs.isAbsent,
    () => Effect.void
  )

export const remove = (path: string): Effect.Effect<void, UploadStoreError> =>
  NodeFs.removeIfPresent(`${path}${extension}`)
