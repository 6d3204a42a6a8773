/**
 * The path of an upload's file.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "node:path"
import type { UploadId } from "../../protocol/Upload.js"
import * as FileNames from "./FileNames.js"

export interface FilePaths {
  /** `Option.none` for an invalid id. */
  readonly locate: (id: UploadId) => Option.Option<string>
  /** Dies for an invalid id. Ids are checked where they enter; this makes sure that no other input becomes a path. */
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
