/**
 * A pool of open files: the `capacity` files that were used last. A file in use is removed from the pool until it is
 * given back.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"

export interface OpenFile extends NodeFs.File {
  /** The size of the file. */
  end: number
}

export interface OpenFiles {
  /**
   * Takes the file out of the pool, or opens it with `open`. The caller gives it back or closes it. A pooled file that
   * has been unlinked is opened again: bytes written to it would be lost.
   */
  readonly take: (
    path: string,
    open: Effect.Effect<OpenFile, UploadStoreError>
  ) => Effect.Effect<OpenFile, UploadStoreError>
  /** Gives a file back, and closes the one that has waited longest if there are too many. */
  readonly keep: (file: OpenFile) => Effect.Effect<void>
  readonly close: (path: string) => Effect.Effect<void>
  /** Takes a file, and gives it back if its use succeeds; else closes it. */
  readonly use: <A, E, R>(
    path: string,
    open: Effect.Effect<OpenFile, UploadStoreError>,
    use: (file: OpenFile) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | UploadStoreError, R>
}

/** Opens an existing file, for `take`. */
export const openFile = (path: string): Effect.Effect<OpenFile, UploadStoreError> =>
  Effect.flatMap(
    NodeFs.open(path, "r+"),
    (file) =>
      NodeFs.size(file).pipe(
        Effect.map((end) => ({ ...file, end })),
        Effect.tapErrorCause(() => NodeFs.close(file))
      )
  )

/** Opens an existing directory, for `take`. */
export const openDirectory = (path: string): Effect.Effect<OpenFile, UploadStoreError> =>
  Effect.map(NodeFs.open(path, "r"), (file) => ({ ...file, end: 0 }))

export const make = (capacity: number): Effect.Effect<OpenFiles, never, Scope.Scope> => {
  const files = new Map<string, OpenFile>()

  const remove = (path: string) => {
    const file = files.get(path)
    files.delete(path)
    return file
  }

  const close = (path: string) =>
    Effect.suspend(() => {
      const file = remove(path)
      return file === undefined ? Effect.void : give(file)
    })

  const keep = (file: OpenFile) =>
    Effect.suspend(() => {
      const twin = remove(file.path)
      files.set(file.path, file)
      if (twin !== undefined) {
        return give(twin)
      }
      const [oldest = ""] = files.keys()
      return files.size > capacity ? close(oldest) : Effect.void
    })

  const closeAll = Effect.suspend(() => Effect.forEach(Array.from(files.keys()), close, { discard: true }))

  const take: OpenFiles["take"] = (path, open) =>
    Effect.suspend(() => {
      const file = remove(path)
      // The pool must not be the reason why another file cannot be opened.
      const opened = Effect.catchIf(open, NodeFs.isBeyondLimit, () => Effect.zipRight(closeAll, open))
      return file === undefined ? opened : NodeFs.sizeNow(file).pipe(
        Effect.tapError(() => give(file)),
        Effect.flatMap(Option.match({
          onNone: () => Effect.zipRight(give(file), opened),
          onSome: (end) => {
            file.end = end
            return Effect.succeed(file)
          }
        }))
      )
    })

  return Effect.as(
    Effect.addFinalizer(() => closeAll),
    {
      take,
      keep,
      close,
      use: (path, open, use) =>
        Effect.acquireUseRelease(
          take(path, open),
          use,
          (file, exit) => (Exit.isSuccess(exit) ? keep(file) : NodeFs.close(file))
        )
    }
  )
}

const give = (file: OpenFile) => NodeFs.close(file, file.end)
