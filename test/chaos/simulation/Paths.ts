/**
 * The paths of uploads on the simulated disk.
 */
import type { Upload } from "effect-tus"

export const directory = "/data"

/** The file with the name of the database. */
export const identity = `${directory}/identity`

export const pathOf = (id: string) => `${directory}/${id.slice(-2)}/${id}`

/** The mark of an upload that its client wants removed. */
export const condemnedOf = (id: string) => `${pathOf(id)}.removed`

/** Whether the file was set aside, as bytes that no state names. */
export const isAside = (path: string) => path.startsWith(`${directory}/orphans/`)

/** The upload that a URL or a file belongs to; undefined if there is none. */
export const idOf = (path: string): Upload.UploadId | undefined => {
  const [, id] = /([A-Za-z0-9_-]{22,})(?:\.concat)?$/.exec(path) ?? []
  return id as Upload.UploadId | undefined
}
