/**
 * The calls of node:fs that storage needs, as Effects. A started call is waited for, also by an interrupted fiber: once
 * the Effect has ended, nothing is read or written any more. Knows nothing about uploads.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Look } from "../../store/ByteStore.js"
import { UploadStoreError } from "../../store/UploadStoreError.js"

/** An open file, and its path for errors. */
export interface File {
  readonly fd: number
  readonly path: string
}

/** `r` reads, `r+` reads and writes. `w` creates or empties the file, `a` only creates it. */
export type Mode = "r" | "r+" | "w" | "a"

/** The modes of new files and directories, before the umask. Existing ones keep theirs. */
export interface Permissions {
  readonly file: number
  readonly directory: number
}

export const permissions = {
  owner: { file: 0o600, directory: 0o700 },
  group: { file: 0o640, directory: 0o750 }
} as const satisfies Record<string, Permissions>

export const open = (
  path: string,
  mode: Mode,
  { file }: Permissions = permissions.owner
): Effect.Effect<File, UploadStoreError> =>
  call<number>(mode === "r" ? "Read" : "Write", `open ${path}`, (done) => Fs.open(path, mode, file, done)).pipe(
    Effect.map((fd) => ({ fd, path }))
  )

/**
 * Only a network file system reports errors at a close, and `sync` reports those, too. Only there a close has to send
 * what was written. A file of at most `soon` bytes is closed synchronously: a switch to another thread costs more.
 *
 * @param size - the size of the file.
 */
export const close = ({ fd, path }: File, size = Infinity): Effect.Effect<void> =>
  size <= soon
    ? Effect.sync(() => Fs.closeSync(fd))
    : Effect.orDie(act("Write", `close ${path}`, (done) => Fs.close(fd, done)))

/**
 * Opening and writing are never synchronous, for any size: each may wait for the journal of the file system, and would
 * block all other uploads. With 32 clients on ext4 that cost more than it saved.
 */
const soon = 64 * 1024

export const use = <A, E, R>(
  path: string,
  mode: Mode,
  use: (file: File) => Effect.Effect<A, E, R>,
  permissions?: Permissions
) => Effect.acquireUseRelease(open(path, mode, permissions), use, (file) => close(file))

/**
 * Creates an empty file if it is missing. An existing file is not opened: closing it would release the locks of this
 * process on it.
 */
export const make = (path: string, permissions: Permissions) =>
  Effect.unlessEffect(use(path, "a", () => Effect.void, permissions), exists(path))

export const openScoped = (path: string, mode: Mode): Effect.Effect<File, UploadStoreError, Scope.Scope> =>
  Effect.acquireRelease(open(path, mode), (file) => close(file))

export const size = ({ fd, path }: File): Effect.Effect<number, UploadStoreError> =>
  Effect.map(call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.fstat(fd, done)), (stats) => stats.size)

export const sizeOf = (path: string): Effect.Effect<number, UploadStoreError> =>
  Effect.map(call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.stat(path, done)), (stats) => stats.size)

/** The size and modification time of a file; `Option.none` if it is missing, or not a regular file. */
export const look = (path: string): Effect.Effect<Option.Option<Look>, UploadStoreError> =>
  call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.lstat(path, done)).pipe(
    Effect.map((stats) =>
      stats.isFile() ? Option.some({ size: stats.size, writtenAt: DateTime.unsafeMake(stats.mtimeMs) }) : Option.none()
    ),
    Effect.catchIf(isNowhere, () => Effect.succeedNone)
  )

/** Which file a name stands for, also after it was renamed; `Option.none` if it is missing. */
export const identityOf = (path: string): Effect.Effect<Option.Option<string>, UploadStoreError> =>
  call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.stat(path, done)).pipe(
    Effect.map(({ dev, ino }) => Option.some(`${dev} ${ino}`)),
    Effect.catchIf(isNowhere, () => Effect.succeedNone)
  )

/** Whether two names are hard links to one file, so that it stays when one of them is removed. */
export const isSame = (path: string, other: string): Effect.Effect<boolean, UploadStoreError> =>
  Effect.zipWith(
    call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.lstat(path, done)),
    call<Fs.Stats>("Read", `stat ${other}`, (done) => Fs.lstat(other, done)),
    (one, two) => one.dev === two.dev && one.ino === two.ino && one.nlink > 1
  ).pipe(Effect.catchIf(isNowhere, () => Effect.succeed(false)))

/** Whether the path exists. */
export const exists = (path: string): Effect.Effect<boolean, UploadStoreError> =>
  call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.lstat(path, done)).pipe(
    Effect.as(true),
    Effect.catchIf(isAbsent, () => Effect.succeed(false))
  )

/**
 * The size of an open file; `Option.none` if it has been unlinked. `fstat` does not touch the disk, so the synchronous
 * call is cheaper.
 */
export const sizeNow = ({ fd, path }: File): Effect.Effect<Option.Option<number>, UploadStoreError> =>
  Effect.try({
    try: () => {
      const { nlink, size } = Fs.fstatSync(fd)
      return nlink === 0 ? Option.none() : Option.some(size)
    },
    catch: (cause) => new UploadStoreError({ reason: "Read", operation: `stat ${path}`, cause })
  })

/** Sets the size of the file; a shorter file becomes longer. */
export const truncate = ({ fd, path }: File, size: number): Effect.Effect<void, UploadStoreError> =>
  act("Write", `truncate ${path}`, (done) => Fs.ftruncate(fd, size, done))

/** Reads at `position` as many bytes into `buffer` as one call returns. Fails with `Corrupt` at the end of the file. */
export const read = (
  { fd, path }: File,
  buffer: Uint8Array,
  position: number
): Effect.Effect<number, UploadStoreError> =>
  Effect.filterOrFail(
    call<number>("Read", `read ${path}`, (done) => Fs.read(fd, buffer, 0, buffer.length, position, done)),
    (count) => count > 0,
    () => tooShort(path, position + buffer.length)
  )

/** Writes at `position`. Returns how many bytes one call took, at least one. */
export const write = (
  { fd, path }: File,
  buffers: ReadonlyArray<Uint8Array>,
  position: number
): Effect.Effect<number, UploadStoreError> =>
  Effect.filterOrFail(
    call<number>("Write", `write ${path}`, (done) => Fs.writev(fd, buffers, position, done)),
    (written) => written > 0,
    () => new UploadStoreError({ reason: "Write", operation: `write ${path}`, cause: new Error("nothing was written") })
  )

/**
 * Makes the contents of the file survive a power cut; its directory entry needs `syncDirectory`. If the file system
 * cannot sync at all, the error is not `Unsynced`, since no written byte is lost.
 */
export const sync = ({ fd, path }: File): Effect.Effect<void, UploadStoreError> =>
  Effect.mapError(act("Unsynced", `sync ${path}`, (done) => Fs.fdatasync(fd, done)), (error) =>
    isUnsupported(error)
      ? new UploadStoreError({
        reason: "Write",
        operation: `sync ${path}, which its file system does not support; only durability "process" works there`,
        cause: error.cause
      })
      : error)

/** Windows cannot sync directories, and does not need it. */
export const canSyncDirectories: boolean = Os.platform() !== "win32"

/**
 * Makes the entries of a directory survive a power cut. Fails as in `isUnsupported` if the file system cannot do that.
 */
export const syncDirectory = ({ fd, path }: File): Effect.Effect<void, UploadStoreError> =>
  act("Unsynced", `sync ${path}`, (done) => Fs.fsync(fd, done))

/**
 * Makes a copy-on-write clone, if the file system can. Returns false after any failure: the copy of the bytes that
 * follows reports its own.
 */
export const clone = (from: string, to: string): Effect.Effect<boolean> =>
  act(
    "Write",
    `clone ${from} to ${to}`,
    (done) => Fs.copyFile(from, to, Fs.constants.COPYFILE_FICLONE_FORCE, done)
  ).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )

/** Copies a file in the kernel to a new file, as a clone if the file system can. */
export const copy = (from: string, to: string): Effect.Effect<void, UploadStoreError> =>
  act(
    "Write",
    `copy ${from} to ${to}`,
    (done) => Fs.copyFile(from, to, Fs.constants.COPYFILE_FICLONE | Fs.constants.COPYFILE_EXCL, done)
  )

export const rename = (from: string, to: string): Effect.Effect<void, UploadStoreError> =>
  act("Write", `rename ${from} to ${to}`, (done) => Fs.rename(from, to, done))

/** Makes a hard link, which fails if the name is taken. On a file system without links the file is renamed instead. */
export const link = (from: string, to: string): Effect.Effect<void, UploadStoreError> =>
  Effect.catchIf(
    act("Write", `link ${from} to ${to}`, (done) => Fs.link(from, to, done)),
    ({ cause }) => unlinkable.has(codeOf(cause)),
    () => rename(from, to)
  )

const unlinkable: ReadonlySet<unknown> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

export const remove = (path: string): Effect.Effect<void, UploadStoreError> =>
  act("Write", `remove ${path}`, (done) => Fs.unlink(path, done))

export const removeIfPresent = (path: string): Effect.Effect<void, UploadStoreError> =>
  act("Write", `remove ${path}`, (done) => Fs.unlink(path, (cause) => done(codeOf(cause) === "ENOENT" ? null : cause)))

export const list = (path: string): Effect.Effect<ReadonlyArray<string>, UploadStoreError> =>
  call<Array<string>>("Read", `list ${path}`, (done) => Fs.readdir(path, done))

export const makeDirectory = (path: string, { directory }: Permissions): Effect.Effect<void, UploadStoreError> =>
  act("Write", `make directory ${path}`, (done) => Fs.mkdir(path, { mode: directory }, done))

/**
 * Creates a directory and those above it, makes their entries durable, and fails if it cannot be read and written.
 * Existing directories are synced, too: a process may have died before it synced them.
 */
export const prepareDirectory = Effect.fnUntraced(function*(path: string, { directory }: Permissions) {
  yield* call<string | undefined>(
    "Write",
    `make directory ${path}`,
    (done) => Fs.mkdir(path, { recursive: true, mode: directory }, done)
  )
  yield* act(
    "Write",
    `use directory ${path}`,
    (done) => Fs.access(path, Fs.constants.R_OK | Fs.constants.W_OK | Fs.constants.X_OK, done)
  )
  yield* Effect.forEach(
    canSyncDirectories ? directoriesAbove(path) : [],
    // One above may be another user's, or on a file system in which nothing can be made from here.
    (directory) => Effect.catchIf(use(directory, "r", syncDirectory), isUnsupported, () => Effect.void),
    { discard: true }
  )
})

/** From the root down. */
const directoriesAbove = (path: string): ReadonlyArray<string> => {
  const above = Path.dirname(path)
  return above === path ? [] : [...directoriesAbove(above), above]
}

/** Free space in bytes for a process without privileges. */
export const free = (path: string): Effect.Effect<number, UploadStoreError> =>
  Effect.map(fileSystemOf(path), ({ bavail, bsize }) => bavail * bsize)

/** The size of its file system in bytes. */
export const capacity = (path: string): Effect.Effect<number, UploadStoreError> =>
  Effect.map(fileSystemOf(path), ({ blocks, bsize }) => blocks * bsize)

const fileSystemOf = (path: string) =>
  call<Fs.StatsFs>("Read", `stat file system of ${path}`, (done) => Fs.statfs(path, done))

/** The error of a file that is shorter than its acknowledged bytes. */
export const tooShort = (path: string, size: number): UploadStoreError =>
  new UploadStoreError({ reason: "Corrupt", operation: `find ${size} bytes in ${path}` })

/** Whether the file does not exist. No other error proves that. */
export const isAbsent = ({ cause }: UploadStoreError): boolean => codeOf(cause) === "ENOENT"

/** Whether the directory does not exist, or is no directory. */
export const isNowhere = ({ cause }: UploadStoreError): boolean => nowhere.has(codeOf(cause))

const nowhere: ReadonlySet<unknown> = new Set(["ENOENT", "ENOTDIR"])

/** Whether the file already exists. */
export const isTaken = ({ cause }: UploadStoreError): boolean => codeOf(cause) === "EEXIST"

/** Whether no file descriptor is left. */
export const isBeyondLimit = ({ cause }: UploadStoreError): boolean => beyondLimit.has(codeOf(cause))

const beyondLimit: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE"])

/**
 * Whether a sync, or the open before it, failed because the file system does not support it, as many network file
 * systems and shared folders do for directories. Such an error says nothing about the written bytes; EIO, ENOSPC,
 * EDQUOT and all unknown errors do.
 */
export const isUnsupported = ({ cause }: UploadStoreError): boolean => unsupported.has(codeOf(cause))

const unsupported: ReadonlySet<unknown> = new Set([
  "EACCES",
  "EBADF",
  "EINVAL",
  "EISDIR",
  "ENOSYS",
  "ENOTSUP",
  "ENOTTY",
  "EOPNOTSUPP",
  "EPERM",
  "EROFS"
])

/** Node has no name for some errors, such as EDQUOT. */
const codeOf = (cause: unknown): unknown =>
  cause instanceof Error && "code" in cause
    ? (("errno" in cause && names.get(Number(cause.errno))) || cause.code)
    : undefined

const names: ReadonlyMap<number, string> = new Map([[-Os.constants.errno.EDQUOT, "EDQUOT"]])

const noSpace: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"])

type Done<A> = (cause: NodeJS.ErrnoException | null, value: A) => void

type Reason = "Read" | "Write" | "Unsynced"

const reasonOf = (reason: Reason, cause: unknown) =>
  reason !== "Unsynced" && noSpace.has(codeOf(cause)) ? "NoSpace" : reason

const call = <A>(reason: Reason, operation: string, start: (done: Done<A>) => void) =>
  Effect.uninterruptible(
    Effect.async<A, UploadStoreError>((resume) =>
      start((cause, value) =>
        resume(
          cause === null || cause === undefined
            ? Effect.succeed(value)
            : new UploadStoreError({ reason: reasonOf(reason, cause), operation, cause })
        )
      )
    )
  )

const act = (reason: Reason, operation: string, start: (done: Fs.NoParamCallback) => void) =>
  call<void>(reason, operation, (done) => start((cause) => done(cause)))
