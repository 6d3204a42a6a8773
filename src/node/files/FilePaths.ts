/**
 * Where the file of an upload is.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "node:path"
import type { UploadId } from "../../protocol/Upload.js"
import * as FileNames from "./FileNames.js"

export interface FilePaths {
  /** `Option.none` for what is no id. */
  readonly locate: (id: UploadId) => Option.Option<string>
  /** Dies for what is no id: ids are checked where they enter, but no other input may become a path. */
  readonly of: (id: UploadId) => Effect.Effect<string>
}

export const make = (directory: string, names: FileNames.FileNames): FilePaths => {
  const locate = (id: UploadId) =>
    FileNames.isUploadId(id) ? Option.some([directory, ...names.of(id)].join(Path.sep)) : Option.none()

  return {
    locate,
    of: (id) =>
      Option.match(locate(id), {
        onNone: () => Effect.dieMessage(`not an upload id: ${id}`),
        onSome: Effect.succeed
      })
  }
}
