/**
 * Lists the uploads that have a file in a directory: complete or not, condemned, or being assembled.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import type { UploadId } from "../../protocol/Upload.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as Condemned from "./Condemned.js"
import * as FileConcat from "./FileConcat.js"
import * as FileNames from "./FileNames.js"
import * as NodeFs from "./NodeFs.js"

export interface Listed {
  readonly id: UploadId
  readonly isCondemned: boolean
}

/** If a shard cannot be listed, the stream fails after all others. */
export const list = (directory: string, names: FileNames.FileNames): Stream.Stream<Listed, UploadStoreError> =>
  Stream.suspend(() => {
    let failure: UploadStoreError | undefined

    const filesIn = (shard: string) =>
      Effect.catchAll(NodeFs.list(Path.join(directory, shard)), (error) =>
        Effect.sync((): ReadonlyArray<string> => {
          // A file may have the name of a shard.
          failure ??= NodeFs.isNowhere(error) ? undefined : error
          return []
        }))

    return Stream.fromIterableEffect(NodeFs.list(directory)).pipe(
      Stream.filter(FileNames.isShard),
      Stream.mapEffect((shard) => Effect.map(filesIn(shard), (files) => uploadsIn(shard, files, names))),
      Stream.mapConcat(identity),
      Stream.concat(Stream.suspend(() => failure === undefined ? Stream.empty : Stream.fail(failure)))
    )
  })

/** Several files may belong to one upload, with different extensions. */
const uploadsIn = (
  shard: string,
  files: ReadonlyArray<string>,
  names: FileNames.FileNames
): ReadonlyArray<Listed> => {
  const all = new Set(files)
  const plain = new Set(files.map((file) => FileConcat.nameOf(Condemned.nameOf(file))))
  return Arr.filterMap(
    plain,
    (name) => Option.map(names.idOf(shard, name), (id) => ({ id, isCondemned: Condemned.isIn(all, name) }))
  )
}
