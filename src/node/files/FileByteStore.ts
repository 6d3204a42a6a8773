/**
 * Bytes in files, one an upload, at `<directory>/<last two characters of the id>/<id>`: a million uploads do not sit in
 * one folder. Whoever uses a directory is alone in it. Where the file system does not tell capitals from small letters,
 * a name that has capitals is another one, as `FileNames` says.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import { forEachBatch, type Pull } from "../../bytes/Pull.js"
import type { UploadId } from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as CaseFolding from "./CaseFolding.js"
import * as Condemned from "./Condemned.js"
import * as FileConcat from "./FileConcat.js"
import * as FileIdentity from "./FileIdentity.js"
import * as FileNames from "./FileNames.js"
import * as FileOrphans from "./FileOrphans.js"
import * as NodeFs from "./NodeFs.js"
import * as OpenFiles from "./OpenFiles.js"
import * as WritevBatch from "./WritevBatch.js"

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
  /** Shard directories whose own entry is known to be synced in this process. */
  const lasting = new Set<string>()
  let syncsDirectories = NodeFs.canSyncDirectories
  const joining = FileConcat.make(permissions)
  /** Files that were assembled and not synced since. */
  const assembled = new Set<string>()

  /** Ids are checked wherever they enter; a path is worth a second look. */
  const locate = (id: UploadId): Option.Option<string> =>
    FileNames.isUploadId(id) ? Option.some([directory, ...names.of(id)].join(Path.sep)) : Option.none()

  const pathOf = (id: UploadId): Effect.Effect<string> =>
    Option.match(locate(id), {
      onNone: () => Effect.dieMessage(`not an upload id: ${id}`),
      onSome: Effect.succeed
    })

  /** The empty file of an upload, in a shard that may have to be made first. */
  const create = (path: string) =>
    Effect.map(
      Effect.catchIf(
        NodeFs.open(path, "w", permissions),
        NodeFs.isAbsent,
        () => Effect.zipRight(makeShard(Path.dirname(path)), NodeFs.open(path, "w", permissions))
      ),
      (file) => ({ ...file, end: 0 })
    )

  /** A file that is at hand, or that `open` opens, kept at hand where its use succeeds. */
  const use = <A, E, R>(
    path: string,
    open: Effect.Effect<OpenFiles.OpenFile, UploadStoreError>,
    use: (file: OpenFiles.OpenFile) => Effect.Effect<A, E, R>
  ) =>
    Effect.acquireUseRelease(
      files.take(path, open),
      use,
      (file, exit) => (Exit.isSuccess(exit) ? files.keep(file) : NodeFs.close(file))
    )

  const makeShard = (path: string) =>
    NodeFs.makeDirectory(path, permissions).pipe(
      Effect.tap(() => Effect.sync(() => lasting.delete(Path.basename(path)))),
      Effect.catchIf(NodeFs.isTaken, () => Effect.void)
    )

  /**
   * A directory that cannot be synced loses nothing: that is how its file system is, and asked once it is not asked
   * again.
   */
  const syncDirectory = (path: string) =>
    Effect.suspend(() =>
      syncsDirectories
        ? Effect.catchIf(use(path, openDirectory(path), NodeFs.syncDirectory), NodeFs.isUnsupported, (error) => {
          const isNews = syncsDirectories
          syncsDirectories = false
          return isNews ? Effect.logWarning(syncsNone(directory), error) : Effect.void
        })
        : Effect.void
    )

  const syncShard = (path: string) =>
    Effect.suspend(() => {
      const shard = Path.basename(path)
      return lasting.has(shard)
        ? syncDirectory(path)
        : Effect.forEach([path, directory], syncDirectory).pipe(Effect.map(() => lasting.add(shard)))
    })

  return ByteStore.of({
    append: (id, at, pull, onWritten) =>
      Effect.flatMap(pathOf(id), (path) =>
        use(
          path,
          at === 0 ? create(path) : Effect.catchIf(reopen(path), NodeFs.isAbsent, () => NodeFs.tooShort(path, at)),
          (file) =>
            file.end < at
              ? NodeFs.tooShort(path, at)
              : Effect.zipRight(cut(file, at), write(file, pull, onWritten))
        )),
    truncate: (id, at) =>
      Effect.flatMap(pathOf(id), (path) => unlessAbsent(use(path, reopen(path), (file) => cut(file, at)))),
    sync: (id) =>
      Effect.flatMap(
        pathOf(id),
        (path) => {
          const sync = Effect.zipRight(use(path, reopen(path), NodeFs.sync), syncShard(Path.dirname(path)))
          // One that was assembled has all its bytes to write.
          return unlessAbsent(assembled.delete(path) ? joining.alone(sync) : sync)
        }
      ),
    release: (id) =>
      Effect.flatMap(pathOf(id), (path) => {
        assembled.delete(path)
        return files.close(path)
      }),
    concat: Effect.fnUntraced(function*(id, parts) {
      const path = yield* pathOf(id)
      const sources = yield* Effect.forEach(
        parts,
        ({ id, length }) => Effect.map(pathOf(id), (path) => ({ path, length }))
      )
      yield* files.close(path)
      yield* makeShard(Path.dirname(path))
      yield* joining.concat(path, sources)
      assembled.add(path)
    }),
    read: (id, range) => Stream.unwrap(Effect.map(pathOf(id), (path) => read(path, range))),
    condemn: (id) => Effect.flatMap(pathOf(id), (path) => Condemned.add(path, permissions)),
    spare: (id) => Effect.flatMap(pathOf(id), Condemned.remove),
    remove: (id) =>
      Effect.flatMap(
        pathOf(id),
        (path) => {
          assembled.delete(path)
          return Effect.zipRight(
            files.close(path),
            Effect.forEach([FileConcat.temporaryOf(path), path], NodeFs.removeIfPresent, { discard: true })
          )
        }
      ),
    size: (id) =>
      Effect.flatMap(
        pathOf(id),
        (path) => Effect.catchIf(Effect.asSome(NodeFs.sizeOf(path)), NodeFs.isAbsent, () => Effect.succeedNone)
      ),
    list: Stream.suspend(() => {
      let failure: UploadStoreError | undefined
      return Stream.fromIterableEffect(NodeFs.list(directory)).pipe(
        Stream.filter(FileNames.isShard),
        Stream.mapEffect((shard) =>
          NodeFs.list(Path.join(directory, shard)).pipe(
            Effect.catchAll((error) =>
              Effect.sync((): ReadonlyArray<string> => {
                // A file may have such a name, too.
                failure ??= NodeFs.isNowhere(error) ? undefined : error
                return []
              })
            ),
            Effect.map((files) => {
              const all = new Set(files)
              return Array.from(new Set(files.map((file) => FileConcat.nameOf(Condemned.nameOf(file)))), (name) =>
                Option.map(names.idOf(shard, name), (id) => ({ id, isCondemned: Condemned.isIn(all, name) })))
            }),
            Effect.map((found) =>
              found.flatMap(Option.toArray)
            )
          )
        ),
        Stream.mapConcat((found) => found),
        Stream.map(({ id, isCondemned }) => ({ id, isCondemned, look: Effect.flatMap(pathOf(id), look) })),
        Stream.concat(Stream.suspend(() => failure === undefined ? Stream.empty : Stream.fail(failure)))
      )
    }),
    free: Effect.asSome(NodeFs.free(directory)),
    locate,
    orphans: FileOrphans.make({
      directory,
      permissions,
      pathOf: (id) => Effect.tap(pathOf(id), files.close),
      syncDirectory
    }),
    identity: FileIdentity.make({ directory, permissions, sync: syncDirectory(directory) })
  })
}

const syncsNone = (directory: string) =>
  `The file system of ${directory} syncs no directories: a power cut may take files from it whose names are new`

/** Of a final that was being assembled nothing counts: its parts are there. */
const look = (path: string) =>
  Effect.flatMap(NodeFs.look(path), (found) =>
    Option.isSome(found)
      ? Effect.succeed(found)
      : Effect.map(NodeFs.look(FileConcat.temporaryOf(path)), Option.map((found) => ({ ...found, size: 0 }))))

const reopen = (path: string): Effect.Effect<OpenFiles.OpenFile, UploadStoreError> =>
  Effect.flatMap(
    NodeFs.open(path, "r+"),
    (file) =>
      NodeFs.size(file).pipe(
        Effect.map((end) => ({ ...file, end })),
        Effect.tapErrorCause(() => NodeFs.close(file))
      )
  )

const openDirectory = (path: string) => Effect.map(NodeFs.open(path, "r"), (file) => ({ ...file, end: 0 }))

/** Makes the file end at `at`, where it ends behind it. */
const cut = (file: OpenFiles.OpenFile, at: number) =>
  file.end > at
    ? Effect.map(NodeFs.truncate(file, at), () => {
      file.end = at
    })
    : Effect.void

const write = <E, R, E2, R2>(
  file: OpenFiles.OpenFile,
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

/** Where it ends. What was written to a file that somebody has removed meanwhile is nowhere. */
const found = (file: OpenFiles.OpenFile) =>
  Effect.flatMap(
    NodeFs.sizeNow(file),
    (size) => Option.isNone(size) ? NodeFs.tooShort(file.path, file.end) : Effect.succeed(file.end)
  )

/** How much of a file one reader holds in memory. */
const readBytes = 256 * 1024

const read = (path: string, { end, start }: { readonly start: number; readonly end: number }) =>
  Stream.unwrapScoped(
    Effect.gen(function*() {
      const file = yield* NodeFs.openScoped(path, "r")
      if ((yield* NodeFs.size(file)) < end) {
        return yield* NodeFs.tooShort(path, end)
      }
      return start >= end ? Stream.empty : Stream.paginateEffect(start, (at) => {
        const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, end - at))
        return Effect.map(NodeFs.read(file, buffer, at), (count): [Uint8Array, Option.Option<number>] => [
          buffer.subarray(0, count),
          Option.liftPredicate(at + count, (next) => next < end)
        ])
      })
    }).pipe(
      Effect.catchIf(NodeFs.isAbsent, () => (end > 0 ? NodeFs.tooShort(path, end) : Effect.succeed(Stream.empty)))
    )
  )

const unlessAbsent = <A>(effect: Effect.Effect<A, UploadStoreError>) =>
  Effect.catchIf(Effect.asVoid(effect), NodeFs.isAbsent, () => Effect.void)
