/**
 * Whether a directory tells capitals from small letters, which is asked once, and what that means for the files in it.
 */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as FileConcat from "./FileConcat.js"
import * as FileNames from "./FileNames.js"
import * as NodeFs from "./NodeFs.js"

/** What files are called there. What has other names, since a server that did not ask has made them, is given these. */
export const namesIn = Effect.fnUntraced(function*(directory: string, permissions: NodeFs.Permissions) {
  const entries = yield* NodeFs.list(directory)
  const known = entries.find((name) => !entries.includes(otherwise(name))) ?? probe
  if (!entries.includes(known)) {
    yield* NodeFs.make(join(directory, known), permissions)
  }
  const folds = yield* isThere(join(directory, otherwise(known)))
  if (known === probe || entries.includes(probe)) {
    yield* NodeFs.removeIfPresent(join(directory, probe))
  }
  if (!folds) {
    return FileNames.plain
  }
  yield* Effect.forEach(entries.filter(FileNames.isShard), (shard) => rename(directory, shard), { discard: true })
  return FileNames.folded
})

/** An empty file, where no other name tells. One that a start has left which was cut short goes with the next. */
const probe = "case-probe"

/** In capitals where there is a small letter, and the other way round. Itself where it has no letters. */
const otherwise = (name: string) => name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase()

const isThere = (path: string): Effect.Effect<boolean, UploadStoreError> =>
  Effect.catchIf(Effect.as(NodeFs.sizeOf(path), true), NodeFs.isAbsent, () => Effect.succeed(false))

const rename = Effect.fnUntraced(function*(directory: string, shard: string) {
  for (const file of yield* NodeFs.list(join(directory, shard))) {
    const name = FileConcat.nameOf(file)
    if (FileNames.isUploadId(name)) {
      const [itsShard, itsName] = FileNames.folded.of(name)
      if (itsName !== name) {
        const to = join(directory, itsShard, `${itsName}${file.slice(name.length)}`)
        yield* NodeFs.rename(join(directory, shard, file), to)
      }
    }
  }
})
