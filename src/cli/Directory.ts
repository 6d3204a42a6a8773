/**
 * What is in a directory, and in those in it: what can be uploaded, and beside it what cannot, and why.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { join } from "node:path"

/** The path is that from the directory, empty for itself. */
export type Found =
  | { readonly _tag: "File"; readonly path: string; readonly size: Option.Option<number> }
  | { readonly _tag: "Other"; readonly path: string; readonly type: string }
  | { readonly _tag: "Unreadable"; readonly path: string; readonly cause: PlatformError }

/** In the order of the names. Links to directories are not followed: they may lead back. */
export const walk = (directory: string): Effect.Effect<ReadonlyArray<Found>, never, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => {
    const list = (path: string): Effect.Effect<ReadonlyArray<Found>> =>
      fs.readDirectory(join(directory, path)).pipe(
        Effect.flatMap((names) => Effect.forEach(names.toSorted(), (name) => look(join(path, name)))),
        Effect.map(Arr.flatten),
        Effect.catchAll((cause) => Effect.succeed([{ _tag: "Unreadable" as const, path, cause }]))
      )

    const look = Effect.fnUntraced(function*(path: string): Effect.fn.Return<ReadonlyArray<Found>> {
      const info = yield* Effect.option(fs.stat(join(directory, path)))
      const type = Option.match(info, { onNone: () => "File" as const, onSome: ({ type }) => type })
      if (type === "File") {
        return [{ _tag: type, path, size: Option.map(info, ({ size }) => Number(size)) }]
      }
      if (type !== "Directory") {
        return [{ _tag: "Other", path, type }]
      }
      const isLink = Option.isSome(yield* Effect.option(fs.readLink(join(directory, path))))
      return isLink ? [{ _tag: "Other", path, type: "link to a directory" }] : yield* list(path)
    })

    return list("")
  })
