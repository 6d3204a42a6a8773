/**
 * Stores the name of the registry to which a directory belongs, in a file.
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import type { Identity } from "../../store/ByteStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"

export interface Options {
  readonly directory: string
  /** The mode of the file. */
  readonly permissions: NodeFs.Permissions
  /** Makes the entries of the directory durable. */
  readonly sync: Effect.Effect<void, UploadStoreError>
}

export const make = ({ directory, permissions, sync }: Options): Identity => {
  const path = Path.join(directory, "identity")
  const next = `${path}.new`
  return {
    place: directory,
    get: NodeFs.use(path, "r", read).pipe(
      Effect.asSome,
      Effect.catchIf(NodeFs.isAbsent, () => Effect.succeedNone)
    ),
    // Written to a temporary file and renamed: after a crash it has the old or the new name.
    set: (name) =>
      NodeFs.use(
        next,
        "w",
        (file) => Effect.zipRight(write(file, Buffer.from(`${name}\n`), 0), NodeFs.sync(file)),
        permissions
      ).pipe(
        Effect.zipRight(NodeFs.rename(next, path)),
        Effect.zipRight(sync)
      )
  }
}

/** Longer than any name; the rest of a longer file is not read. */
const most = 256

const read = Effect.fnUntraced(function*(file: NodeFs.File) {
  const buffer = Buffer.alloc(Math.min(yield* NodeFs.size(file), most))
  for (let end = 0; end < buffer.length;) {
    end += yield* NodeFs.read(file, buffer.subarray(end), end)
  }
  return buffer.toString().trim()
})

const write = (file: NodeFs.File, bytes: Uint8Array, at: number): Effect.Effect<void, UploadStoreError> =>
  at === bytes.length
    ? Effect.void
    : Effect.flatMap(NodeFs.write(file, [bytes.subarray(at)], at), (written) => write(file, bytes, at + written))
