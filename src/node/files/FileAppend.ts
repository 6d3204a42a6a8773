/**
 * Writes pulled bytes to an open file, one batch after the other.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { forEachBatch, type Pull } from "../../bytes/Pull.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"
import type { OpenFile } from "./OpenFiles.js"
import * as WritevBatch from "./WritevBatch.js"

/**
 * Writes the bytes of `pull` at `at`, in place of what the file holds there, and returns where it ends. An interruption
 * comes between two writes, never between a write and its `onWritten`.
 */
export const append = <E, R, E2, R2>(
  file: OpenFile,
  at: number,
  pull: Pull<E, R>,
  onWritten: (end: number) => Effect.Effect<void, E2, R2>
): Effect.Effect<number, E | E2 | UploadStoreError, R | R2> =>
  file.end < at ? NodeFs.tooShort(file.path, at) : Effect.zipRight(cut(file, at), write(file, pull, onWritten))

/** Makes the file end at `at`, unless it ends before. */
export const cut = (file: OpenFile, at: number): Effect.Effect<void, UploadStoreError> =>
  file.end > at
    ? Effect.map(NodeFs.truncate(file, at), () => {
      file.end = at
    })
    : Effect.void

const write = <E, R, E2, R2>(
  file: OpenFile,
  pull: Pull<E, R>,
  onWritten: (end: number) => Effect.Effect<void, E2, R2>
) => {
  const put = (buffers: ReadonlyArray<Uint8Array>): Effect.Effect<void, E2 | UploadStoreError, R2> =>
    NodeFs.write(file, buffers, file.end).pipe(
      Effect.flatMap((written) => {
        file.end += written
        return Effect.as(onWritten(file.end), WritevBatch.drop(buffers, written))
      }),
      Effect.uninterruptible,
      Effect.flatMap((rest) => (rest.length === 0 ? Effect.void : put(rest)))
    )

  const putAll = (groups: ReturnType<typeof WritevBatch.split>) => {
    const [first, ...others] = groups
    return first !== undefined && others.length === 0 ? put(first) : Effect.forEach(groups, put, { discard: true })
  }

  return Effect.flatMap(forEachBatch(pull, (batch) => putAll(WritevBatch.split(batch))), () => found(file))
}

/** The end of the file. Fails if somebody has unlinked it: then nobody finds what was written to it. */
const found = (file: OpenFile) =>
  Effect.flatMap(
    NodeFs.sizeNow(file),
    (size) => Option.isNone(size) ? NodeFs.tooShort(file.path, file.end) : Effect.succeed(file.end)
  )
