/**
 * Bytes in files, one an upload, at `<directory>/<last two characters of the id>/<id>`: a million uploads do not sit in
 * one folder. Whoever uses a directory is alone in it. Where the file system does not tell capitals from small letters,
 * a name that has capitals is another one, as `FileNames` says.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import { ByteStore } from "../../store/ByteStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
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

/** Where bytes are kept, and who may read them. */
export interface Options {
  /** Made where it is missing. */
  readonly directory: string
  /**
   * Who else may read the files that are made from now on: nobody by default (`"owner"`: modes 0600 and 0700), or
   * whoever is in the group of the directory (`"group"`: 0640 and 0750). What is there keeps its modes.
   */
  readonly permissions?: "owner" | "group" | undefined
}

/**
 * Makes the directory where there is none, and fails where it cannot be written to. An interruption comes between two
 * writes, never between a write and its `onWritten`: what reached the file has been reported.
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

/** Descriptors that are kept for files in progress and the directories above them, besides those in use. */
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

  /** Opens the empty file of an upload, in a shard that may have to be made first. */
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
    append: (id, at, pull, onWritten) =>
      Effect.flatMap(paths.of(id), (path) =>
        files.use(
          path,
          at === 0 ? create(path) : reopen(path, at),
          (file) => FileAppend.append(file, at, pull, onWritten)
        )),
    truncate: (id, at) =>
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
    free: Effect.asSome(NodeFs.free(directory)),
    locate: paths.locate,
    orphans: FileOrphans.make({ directory, folders, pathOf: (id) => Effect.tap(paths.of(id), files.close) }),
    identity: FileIdentity.make({ directory, permissions, sync: folders.syncEntries(directory) })
  })
}

/** Opens the file of an upload that has bytes. */
const reopen = (path: string, at: number) =>
  Effect.catchIf(OpenFiles.openFile(path), NodeFs.isAbsent, () => NodeFs.tooShort(path, at))

/** No byte of a final that is being assembled counts: its parts are there. */
const look = (path: string) =>
  Effect.flatMap(NodeFs.look(path), (found) =>
    Option.isSome(found)
      ? Effect.succeed(found)
      : Effect.map(NodeFs.look(FileConcat.temporaryOf(path)), Option.map((found) => ({ ...found, size: 0 }))))

const unlessAbsent = <A>(effect: Effect.Effect<A, UploadStoreError>) =>
  Effect.catchIf(Effect.asVoid(effect), NodeFs.isAbsent, () => Effect.void)
