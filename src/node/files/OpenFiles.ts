/**
 * Files that stay open for their next use: those used last, no more than `capacity` of them. One that is in use is in
 * nobody's hands but its user's.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"

export interface OpenFile extends NodeFs.File {
  /** Where the file ends. */
  end: number
}

export interface OpenFiles {
  /**
   * Hands the file over, where it is at hand; else what `open` opens. Whoever takes it gives it back or closes it. One
   * that somebody has removed meanwhile, directory and all, is not at hand: what is written to it nobody ever finds.
   */
  readonly take: (
    path: string,
    open: Effect.Effect<OpenFile, UploadStoreError>
  ) => Effect.Effect<OpenFile, UploadStoreError>
  /** Takes a file back, and closes the one that has waited longest where there are too many. */
  readonly keep: (file: OpenFile) => Effect.Effect<void>
  readonly close: (path: string) => Effect.Effect<void>
  /** Takes a file for one use, and keeps it if that succeeds. */
  readonly use: <A, E, R>(
    path: string,
    open: Effect.Effect<OpenFile, UploadStoreError>,
    use: (file: OpenFile) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | UploadStoreError, R>
}

/** To `take` a file that is there. */
export const openFile = (path: string): Effect.Effect<OpenFile, UploadStoreError> =>
  Effect.flatMap(
    NodeFs.open(path, "r+"),
    (file) =>
      NodeFs.size(file).pipe(
        Effect.map((end) => ({ ...file, end })),
        Effect.tapErrorCause(() => NodeFs.close(file))
      )
  )

/** To `take` a directory that is there. */
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
      // What waits here is never the reason that something else cannot be opened.
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
