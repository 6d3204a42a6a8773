/**
 * Keeps files without a state in the directory of uploads: `orphans/<last two characters of the
 * id>/<id>.<size>.<time>`, with the time at which they were set aside. A file is renamed, which is atomic, and never
 * replaces another one. Its name tells whether it was changed since.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import { UploadId } from "../../protocol/Upload.js"
import * as Orphans from "../../store/Orphans.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import type * as Folders from "./Folders.js"
import * as NodeFs from "./NodeFs.js"

/** How to find the file of an upload. */
export interface Files {
  readonly directory: string
  readonly folders: Folders.Folders
  /** The path of the file in its place. Nobody has it open afterwards. */
  readonly pathOf: (id: UploadId) => Effect.Effect<string>
}

export const make = ({ directory, folders, pathOf }: Files): Orphans.Orphans => {
  const folder = Path.join(directory, "orphans")
  const locate = (name: string) => Path.join(folder, name.slice(0, name.indexOf(".")).slice(-2), name)

  const orphanOf = (name: string): Effect.Effect<Option.Option<Orphans.Orphan>, UploadStoreError> =>
    Option.match(parse(name), {
      onNone: () => Effect.succeedNone,
      onSome: ({ id, since, size }) =>
        Effect.map(
          NodeFs.look(locate(name)),
          Option.map((look) => ({
            id,
            name,
            since,
            isIntact: look.size === size &&
              DateTime.lessThanOrEqualTo(
                look.writtenAt,
                DateTime.add(since, { seconds: 1, millis: Orphans.tolerance })
              ),
            ...look,
            location: Option.some(locate(name))
          }))
        )
    })

  /** Renames the file to a free name: the second orphan with the same id gets a later second. */
  const move = (
    id: UploadId,
    size: number,
    path: string,
    at: DateTime.Utc
  ): Effect.Effect<string, UploadStoreError> => {
    const name = `${id}.${size}.${stampOf(at)}`
    return Effect.flatMap(NodeFs.look(locate(name)), (taken) =>
      Option.isSome(taken)
        ? move(id, size, path, DateTime.add(at, { seconds: 1 }))
        : Effect.as(NodeFs.rename(path, locate(name)), name))
  }

  return {
    setAside: Effect.fnUntraced(function*(id, since) {
      const path = yield* pathOf(id)
      const found = yield* NodeFs.look(path)
      if (Option.isNone(found)) {
        return Option.none()
      }
      const { size, writtenAt } = found.value
      yield* Effect.forEach([folder, Path.dirname(locate(`${id}.`))], folders.makeDurable, { discard: true })
      return yield* orphanOf(yield* move(id, size, path, DateTime.max(since, writtenAt)))
    }),
    list: Stream.fromIterableEffect(names(folder)).pipe(
      Stream.mapConcatEffect((shard) => names(Path.join(folder, shard))),
      Stream.mapEffect(orphanOf),
      Stream.filterMap((orphan) => orphan)
    ),
    // A running server may create a file there meanwhile. The file is durable in its place before its old name is
    // removed.
    putBack: Effect.fnUntraced(function*({ id, name }) {
      const path = yield* pathOf(id)
      // A crash left the file with both names.
      if (yield* NodeFs.isSame(locate(name), path)) {
        return yield* Effect.as(NodeFs.removeIfPresent(locate(name)), true)
      }
      const isIntact = Option.exists(yield* orphanOf(name), ({ isIntact }) => isIntact)
      if (!isIntact || Option.isSome(yield* NodeFs.look(path))) {
        return false
      }
      yield* folders.makeDurable(Path.dirname(path))
      return yield* NodeFs.link(locate(name), path).pipe(
        Effect.zipRight(folders.syncEntries(Path.dirname(path))),
        Effect.zipRight(NodeFs.removeIfPresent(locate(name))),
        Effect.as(true),
        Effect.catchIf(NodeFs.isTaken, () => Effect.succeed(false))
      )
    }),
    remove: ({ name }) => NodeFs.removeIfPresent(locate(name))
  }
}

const names = (path: string): Effect.Effect<ReadonlyArray<string>, UploadStoreError> =>
  Effect.catchIf(NodeFs.list(path), NodeFs.isNowhere, () => Effect.succeed([]))

const isUploadId = Schema.is(UploadId)

const parse = (name: string): Option.Option<Pick<Orphans.Orphan, "id" | "since" | "size">> => {
  const [, id, size, ...at] = /^([^.]+)\.(\d+)\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(name) ?? []
  const [year, month, day, hours, minutes, seconds] = at
  const since = DateTime.make(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`)
  return Option.flatMap(
    since,
    (since) => isUploadId(id) ? Option.some({ id, size: Number(size), since: DateTime.toUtc(since) }) : Option.none()
  )
}

/** Such as 20261128T203105Z: it sorts, and is a valid name on every system. */
const stampOf = (at: DateTime.Utc): string => DateTime.formatIso(at).replace(/[-:]|\.\d+/g, "")
