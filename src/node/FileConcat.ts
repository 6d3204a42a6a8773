/**
 * One file out of several. It is assembled under another name and then renamed: a crash leaves all of it or nothing, and
 * the next try begins anew. Whether it survives a power cut is for a later sync to say.
 */
import * as Effect from "effect/Effect"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as File from "./File.js"

export interface Source {
  readonly path: string
  /** How many bytes of it are taken, from the first on. */
  readonly length: number
}

/** No upload id contains a dot. */
export const temporaryOf = (path: string): string => `${path}${extension}`

/** What a file is called that is, or was to become, this one. */
export const nameOf = (file: string): string => file.endsWith(extension) ? file.slice(0, -extension.length) : file

const extension = ".concat"

/** Makes `path` hold the sources one after the other, in place of what it held. */
export const concat = (
  path: string,
  sources: ReadonlyArray<Source>,
  permissions: File.Permissions
): Effect.Effect<void, UploadStoreError> => {
  const temporary = temporaryOf(path)
  const [first, ...others] = sources.filter(({ length }) => length > 0)
  const assembled = first === undefined
    ? File.use(temporary, "w", () => Effect.void, permissions)
    : verify([first, ...others]).pipe(
      Effect.zipRight(File.removeIfPresent(temporary)),
      Effect.zipRight(File.copy(first.path, temporary)),
      Effect.zipRight(File.use(temporary, "r+", (file) => extend(file, first, others)))
    )
  return assembled.pipe(
    Effect.zipRight(File.rename(temporary, path)),
    // Where even this fails, the leftover is no upload and the next try removes it.
    Effect.onError(() => Effect.ignore(File.remove(temporary)))
  )
}

const verify = (sources: ReadonlyArray<Source>) =>
  Effect.forEach(
    sources,
    ({ length, path }) =>
      Effect.flatMap(
        Effect.catchIf(File.sizeOf(path), File.isAbsent, () => File.lacking(path, length)),
        (size) => (size < length ? File.lacking(path, length) : Effect.void)
      ),
    { discard: true }
  )

/** How much of the sources is in memory: what the processor's cache still holds when it is written again. */
const bufferBytes = 512 * 1024

/**
 * Behind a copy of the first source come the others. Only a whole file can be copied without its bytes passing through
 * here; the others go through one buffer off the heap.
 */
const extend = Effect.fnUntraced(function*(file: File.File, first: Source, others: ReadonlyArray<Source>) {
  if ((yield* File.size(file)) < first.length) {
    return yield* File.lacking(first.path, first.length)
  }
  const buffer = Buffer.allocUnsafeSlow(bufferBytes)
  let end = first.length
  for (const { length, path } of others) {
    yield* File.use(path, "r", (source) => pour(source, length, file, end, buffer))
    end += length
  }
  return yield* File.truncate(file, end)
})

/** Copies the first `length` bytes of `from` to `at` in `to`. */
const pour = Effect.fnUntraced(function*(
  from: File.File,
  length: number,
  to: File.File,
  at: number,
  buffer: Uint8Array
) {
  for (let done = 0; done < length;) {
    const count = yield* File.read(from, buffer.subarray(0, length - done), done)
    for (let written = 0; written < count;) {
      written += yield* File.write(to, [buffer.subarray(written, count)], at + done + written)
    }
    done += count
  }
})
