/**
 * Bytes in files, one per upload, at `<directory>/<last two characters of the id>/<id>`, so that no folder has a
 * million files. One process owns a directory. On a case-insensitive file system names are different, see `FileNames`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import { ByteStore } from "../../store/ByteStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as Known from "../../time/Known.js"
import * as CaseFolding from "./CaseFolding.js"
import * as Condemned from "./Condemned.js"
import * as FileAppend from "./FileAppend.js"
import * as FileConcat from "./FileConcat.js"
import * as FileIdentity from "./FileIdentity.js"
import * as FileList from "./FileList.js"
import type * as FileNames from "./FileNames.js"
import * as FileOrphans from "./FileOrphans.js"
import * as FilePaths from "./FilePaths.js"
import * as FileRead from "./FileRead.js"
import * as Folders from "./Folders.js"
import * as NodeFs from "./NodeFs.js"
import * as OpenFiles from "./OpenFiles.js"

/** The directory, and the modes of its files. */
export interface Options {
  /** Created if it is missing. */
  readonly directory: string
  /**
   * Who may read new files: only the owner by default (`"owner"`: modes 0600 and 0700), or the group of the directory,
   * too (`"group"`: 0640 and 0750). Existing files keep their modes.
   */
  readonly permissions?: "owner" | "group" | undefined
}

/**
 * Creates the directory if it is missing, and fails if it cannot be written. An interruption comes between two writes,
 * never between a write and its `onWritten`: every written byte has been reported.
 */
export const layer = (options: Options): Layer.Layer<ByteStore, UploadStoreError> =>
  Layer.scoped(
    ByteStore,
    Effect.suspend(() => {
      const directory = Path.resolve(options.directory)
      const permissions = NodeFs.permissions[options.permissions ?? "owner"]
      return Effect.zipRight(
        NodeFs.prepareDirectory(directory, permissions),
        Effect.zipWith(
          OpenFiles.make(keptOpen),
          CaseFolding.namesIn(directory, permissions),
          (files, names) => make(directory, files, permissions, names)
        )
      )
    })
  )

/** Descriptors that are kept open for files and their folders, besides those in use. */
const keptOpen = 512

const make = (
  directory: string,
  files: OpenFiles.OpenFiles,
  permissions: NodeFs.Permissions,
  names: FileNames.FileNames
) => {
  const paths = FilePaths.make(directory, names)
  const folders = Folders.make(directory, files, permissions)
  const joining = FileConcat.make(permissions)

  /** Creates the empty file of an upload, and its folder if it is missing. */
  const create = (path: string) =>
    Effect.map(
      Effect.catchIf(
        NodeFs.open(path, "w", permissions),
        NodeFs.isAbsent,
        () => Effect.zipRight(folders.make(Path.dirname(path)), NodeFs.open(path, "w", permissions))
      ),
      (file) => ({ ...file, end: 0 })
    )

  return ByteStore.of({
    append: (id, { at }, pull, onWritten) =>
      Known.flatMap(paths.of(id), (path) =>
        files.use(
          path,
          at === 0 ? create(path) : reopen(path, at),
          (file) => FileAppend.append(file, at, pull, onWritten)
        )),
    truncate: (id, { at }) =>
      Effect.flatMap(
        paths.of(id),
        (path) => unlessAbsent(files.use(path, OpenFiles.openFile(path), (file) => FileAppend.cut(file, at)))
      ),
    sync: (id) =>
      Effect.flatMap(paths.of(id), (path) => {
        const sync = files.use(path, OpenFiles.openFile(path), NodeFs.sync)
        return unlessAbsent(joining.syncing(path, Effect.zipRight(sync, folders.sync(Path.dirname(path)))))
      }),
    release: (id) =>
      Effect.flatMap(paths.of(id), (path) => {
        joining.forget(path)
        return files.close(path)
      }),
    concat: Effect.fnUntraced(function*(id, parts) {
      const path = yield* paths.of(id)
      const sources = yield* Effect.forEach(
        parts,
        ({ id, length }) => Effect.map(paths.of(id), (path) => ({ path, length }))
      )
      yield* files.close(path)
      yield* folders.make(Path.dirname(path))
      yield* joining.concat(path, sources)
    }),
    read: (id, range) => Stream.unwrap(Effect.map(paths.of(id), (path) => FileRead.read(path, range))),
    condemn: (id) => Effect.flatMap(paths.of(id), (path) => Condemned.add(path, permissions)),
    spare: (id) => Effect.flatMap(paths.of(id), Condemned.remove),
    remove: (id) =>
      Effect.flatMap(paths.of(id), (path) => {
        joining.forget(path)
        return Effect.zipRight(
          files.close(path),
          Effect.forEach([FileConcat.temporaryOf(path), path], NodeFs.removeIfPresent, { discard: true })
        )
      }),
    size: (id) =>
      Effect.flatMap(
        paths.of(id),
        (path) => Effect.catchIf(Effect.asSome(NodeFs.sizeOf(path)), NodeFs.isAbsent, () => Effect.succeedNone)
      ),
    list: Stream.map(
      FileList.list(directory, names),
      (listed) => ({ ...listed, look: Effect.flatMap(paths.of(listed.id), look) })
    ),
    free: NodeFs.free(directory),
    locate: paths.locate,
    orphans: FileOrphans.make({ directory, folders, pathOf: (id) => Effect.tap(paths.of(id), files.close) }),
    identity: FileIdentity.make({ directory, permissions, sync: folders.syncEntries(directory) })
  })
}

/** Opens the file of an upload that has bytes already. */
const reopen = (path: string, at: number) =>
  Effect.catchIf(OpenFiles.openFile(path), NodeFs.isAbsent, () => NodeFs.tooShort(path, at))

/** A final whose assembly was not finished has no bytes that count; its parts still exist. */
const look = (path: string) =>
  Effect.flatMap(NodeFs.look(path), (found) =>
    Option.isSome(found)
      ? Effect.succeed(found)
      : Effect.map(NodeFs.look(FileConcat.temporaryOf(path)), Option.map((found) => ({ ...found, size: 0 }))))

const unlessAbsent = <A>(effect: Effect.Effect<A, UploadStoreError>) =>
  Effect.catchIf(Effect.asVoid(effect), NodeFs.isAbsent, () => Effect.void)
