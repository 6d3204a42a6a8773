/**
 * Lists a directory tree: the files that can be uploaded, and everything else with the reason. Names are bytes, see
 * `FilePath`.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as FilePath from "../../node-client/FilePath.js"

/** Not a regular file, such as a link or a FIFO. */
export interface Other {
  readonly _tag: "Other"
  readonly path: string
  readonly kind: string
}

/** The path is relative to the directory; that of the directory itself is empty. */
export type Found =
  | { readonly _tag: "File"; readonly path: string; readonly size: number }
  | Other
  | { readonly _tag: "Unreadable"; readonly path: string; readonly cause: Error }

/**
 * In the order of names. Links to files or directories are not followed: the tree may belong to somebody else, and a
 * link may lead out of it or into a loop.
 */
export const walk = (directory: string): Effect.Effect<ReadonlyArray<Found>> => {
  const list = (path: string): Effect.Effect<ReadonlyArray<Found>> =>
    names(join(directory, path)).pipe(
      Effect.flatMap((names) => Effect.forEach(names.toSorted(), (name) => look(join(path, name)))),
      Effect.map(Arr.flatten),
      Effect.catchAll((cause) => Effect.succeed([{ _tag: "Unreadable" as const, path, cause }]))
    )

  const look = (path: string): Effect.Effect<ReadonlyArray<Found>> =>
    Effect.matchEffect(own(join(directory, path)), {
      onFailure: (cause) => Effect.succeed([{ _tag: "Unreadable" as const, path, cause }]),
      onSuccess: (stats) =>
        stats.isDirectory()
          ? list(path)
          : Effect.succeed([
            stats.isFile()
              ? { _tag: "File" as const, path, size: stats.size }
              : { _tag: "Other" as const, path, kind: kindOf(stats) }
          ])
    })

  return list("")
}

/** Follows a link. Fails with the error of the system, which has a `code`. */
export const stat = (path: string): Effect.Effect<Fs.Stats, Error> =>
  call((done) => Fs.stat(FilePath.toSystem(path), done))

const own = (path: string) => call<Fs.Stats>((done) => Fs.lstat(FilePath.toSystem(path), done))

const names = (path: string) =>
  Effect.map(
    call<ReadonlyArray<Buffer>>((done) => Fs.readdir(FilePath.toSystem(path), { encoding: "buffer" }, done)),
    Arr.map(FilePath.fromBytes)
  )

const call = <A>(start: (done: (cause: Error | null, value: A) => void) => void): Effect.Effect<A, Error> =>
  Effect.async<A, Error>((resume) => {
    try {
      start((cause, value) => resume(cause === null ? Effect.succeed(value) : Effect.fail(cause)))
    } catch (cause) {
      // Node throws for an impossible path.
      resume(Effect.fail(cause as Error))
    }
  })

const kindOf = (stats: Fs.Stats): string =>
  stats.isSymbolicLink() ? "link" : stats.isFIFO() ? "FIFO" : stats.isSocket() ? "socket" : "device"
