/**
 * Appends pulled bytes to an open file, batch by batch.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { forEachBatch, type Pull } from "../../bytes/Pull.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as Known from "../../time/Known.js"
import * as NodeFs from "./NodeFs.js"
import type { OpenFile } from "./OpenFiles.js"
import * as WritevBatch from "./WritevBatch.js"

/**
 * Cuts the file off at `at`, appends the bytes of `pull`, and returns the new size. An interruption comes between two
 * writes, never between a write and its `onWritten`.
 */
export const append = <E, R, E2, R2>(
  file: OpenFile,
  at: number,
  pull: Pull<E, R>,
  onWritten: (end: number) => Effect.Effect<void, E2, R2>
): Effect.Effect<number, E | E2 | UploadStoreError, R | R2> =>
  file.end < at
    ? NodeFs.tooShort(file.path, at)
    : Known.flatMap(cut(file, at), () => write(file, pull, onWritten))

/** Cuts the file off at `at` if it is longer. */
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
        return Known.map(onWritten(file.end), () => WritevBatch.drop(buffers, written))
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

/** The size of the file. Fails if it has been unlinked: then nobody finds the written bytes. */
const found = (file: OpenFile) =>
  Effect.flatMap(
    NodeFs.sizeNow(file),
    (size) => Option.isNone(size) ? NodeFs.tooShort(file.path, file.end) : Effect.succeed(file.end)
  )
