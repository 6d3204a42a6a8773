/**
 * The name of the registry to which a directory belongs, in a file of its own.
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import type { Identity } from "../../store/ByteStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"

export interface Options {
  readonly directory: string
  /** Of the file. */
  readonly permissions: NodeFs.Permissions
  /** Has the names in the directory survive a power cut. */
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
    // Written beside it and renamed: a crash leaves the one or the other.
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

/** Longer than any name: of what is longer, which is none, no more is read. */
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
