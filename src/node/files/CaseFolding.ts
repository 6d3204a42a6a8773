/**
 * Detects, once, whether a directory is case-sensitive, and chooses the names of its files.
 */
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as FileConcat from "./FileConcat.js"
import * as FileNames from "./FileNames.js"
import * as NodeFs from "./NodeFs.js"

/**
 * The names of files in the directory. On a case-insensitive file system, files that an older server named otherwise
 * are renamed.
 */
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

/**
 * The name of an empty file that is created if no existing name answers the question. A crash may leave it; the next
 * start removes it.
 */
const probe = "case-probe"

/** In upper case, or in lower case if it has no lower-case letter. The same name if it has no letters. */
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
