/**
 * Where the uploads lie on the simulated disk.
 */
import type { Upload } from "effect-tus"

export const directory = "/data"

/** Where the directory remembers its database. */
export const identity = `${directory}/identity`

export const pathOf = (id: string) => `${directory}/${id.slice(-2)}/${id}`

/** What says of an upload, while it is removed, that its client wants none of it. */
export const condemnedOf = (id: string) => `${pathOf(id)}.removed`

/** The upload that a URL or a file belongs to; undefined for what belongs to none. */
export const idOf = (path: string): Upload.UploadId | undefined => {
  const [, id] = /([A-Za-z0-9_-]{22,})(?:\.concat)?$/.exec(path) ?? []
  return id as Upload.UploadId | undefined
}
