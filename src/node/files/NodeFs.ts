/**
 * The calls of node:fs that storage needs, as Effects. A call that has begun is waited for, by an interrupted fiber
 * too: where the Effect has ended, nothing is read or written any more. Knows nothing about uploads.
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

/** An open file, and how errors call it. */
export interface File {
  readonly fd: number
  readonly path: string
}

/**
 * `r` reads, `r+` also writes; `w` makes the file where there is none, and empties it where there is one, `a` only the
 * former.
 */
export type Mode = "r" | "r+" | "w" | "a"

/** Who may use what is made. A umask takes away what it always does; what is there already keeps what it has. */
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
 * Nothing but a network file system has anything to say at a close, and there only what `sync` reports as well. It is
 * also the only one that may have to send what was written: a file of no more than `soon` bytes is closed at once,
 * since asking another thread for it costs more than doing it.
 *
 * @param size - how long the file is.
 */
export const close = ({ fd, path }: File, size = Infinity): Effect.Effect<void> =>
  size <= soon
    ? Effect.sync(() => Fs.closeSync(fd))
    : Effect.orDie(act("Write", `close ${path}`, (done) => Fs.close(fd, done)))

/**
 * To open a file and to write to it is never done at once, however small it is: each may wait for the journal, and then
 * all other uploads would wait as well. With 32 clients on ext4 that took more than it gave.
 */
const soon = 64 * 1024

export const use = <A, E, R>(
  path: string,
  mode: Mode,
  use: (file: File) => Effect.Effect<A, E, R>,
  permissions?: Permissions
) => Effect.acquireUseRelease(open(path, mode, permissions), use, (file) => close(file))

/**
 * An empty file where there is none. One that is there is not opened: whoever closes it gives up the locks that this
 * process has on it.
 */
export const make = (path: string, permissions: Permissions) =>
  Effect.unlessEffect(use(path, "a", () => Effect.void, permissions), exists(path))

export const openScoped = (path: string, mode: Mode): Effect.Effect<File, UploadStoreError, Scope.Scope> =>
  Effect.acquireRelease(open(path, mode), (file) => close(file))

export const size = ({ fd, path }: File): Effect.Effect<number, UploadStoreError> =>
  Effect.map(call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.fstat(fd, done)), (stats) => stats.size)

export const sizeOf = (path: string): Effect.Effect<number, UploadStoreError> =>
  Effect.map(call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.stat(path, done)), (stats) => stats.size)

/** The size of a file and when it was last written; none where there is none, or something that is no file. */
export const look = (path: string): Effect.Effect<Option.Option<Look>, UploadStoreError> =>
  call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.lstat(path, done)).pipe(
    Effect.map((stats) =>
      stats.isFile() ? Option.some({ size: stats.size, writtenAt: DateTime.unsafeMake(stats.mtimeMs) }) : Option.none()
    ),
    Effect.catchIf(isNowhere, () => Effect.succeedNone)
  )

/** Whether two names are of one file, so that it stays when one of them goes. */
export const isSame = (path: string, other: string): Effect.Effect<boolean, UploadStoreError> =>
  Effect.zipWith(
    call<Fs.Stats>("Read", `stat ${path}`, (done) => Fs.lstat(path, done)),
    call<Fs.Stats>("Read", `stat ${other}`, (done) => Fs.lstat(other, done)),
    (one, two) => one.dev === two.dev && one.ino === two.ino && one.nlink > 1
  ).pipe(Effect.catchIf(isNowhere, () => Effect.succeed(false)))

/** Whether anything has this name. */
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

/** Makes the file end at `size`, which also lengthens one that is shorter. */
export const truncate = ({ fd, path }: File, size: number): Effect.Effect<void, UploadStoreError> =>
  act("Write", `truncate ${path}`, (done) => Fs.ftruncate(fd, size, done))

/** Fills `buffer` from `position` on as far as one call gets, and fails with `Corrupt` where the file ends there. */
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

/** Writes at `position` and returns how much of the buffers one call took, never nothing. */
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
 * The contents survive a power cut; that the file is found is for the directory to say. Where nothing can be synced at
 * all nothing is lost either: it fails, and not with `Unsynced`.
 */
export const sync = ({ fd, path }: File): Effect.Effect<void, UploadStoreError> =>
  Effect.mapError(act("Unsynced", `sync ${path}`, (done) => Fs.fdatasync(fd, done)), (error) =>
    isUnsupported(error)
      ? new UploadStoreError({
        reason: "Write",
        operation: `sync ${path}, which its file system cannot: durability "process" alone asks for no syncs`,
        cause: error.cause
      })
      : error)

/** Windows syncs no directories and needs it not. */
export const canSyncDirectories: boolean = Os.platform() !== "win32"

/**
 * The names in a directory survive a power cut. Fails as `isUnsupported` says where the file system syncs no
 * directories.
 */
export const syncDirectory = ({ fd, path }: File): Effect.Effect<void, UploadStoreError> =>
  act("Unsynced", `sync ${path}`, (done) => Fs.fsync(fd, done))

/**
 * Makes a copy that shares the blocks of the other one, where the file system can do that, and tells whether it has.
 * All else that keeps it from it is found out by whoever copies the bytes.
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

/** Copies a file in the kernel to one that is not there yet, without its bytes where the file system can share them. */
export const copy = (from: string, to: string): Effect.Effect<void, UploadStoreError> =>
  act(
    "Write",
    `copy ${from} to ${to}`,
    (done) => Fs.copyFile(from, to, Fs.constants.COPYFILE_FICLONE | Fs.constants.COPYFILE_EXCL, done)
  )

export const rename = (from: string, to: string): Effect.Effect<void, UploadStoreError> =>
  act("Write", `rename ${from} to ${to}`, (done) => Fs.rename(from, to, done))

/** Gives a file another name, unless something has it; where the file system knows no such thing, it is renamed. */
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
 * Makes a directory with all above it, to last, and fails where it cannot be read and written. What is there already
 * may have been made by a process that died before it synced anything.
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

/** Bytes that a user without privileges can still store. */
export const free = (path: string): Effect.Effect<number, UploadStoreError> =>
  Effect.map(fileSystemOf(path), ({ bavail, bsize }) => bavail * bsize)

/** Bytes that its file system can store in all. */
export const capacity = (path: string): Effect.Effect<number, UploadStoreError> =>
  Effect.map(fileSystemOf(path), ({ blocks, bsize }) => blocks * bsize)

const fileSystemOf = (path: string) =>
  call<Fs.StatsFs>("Read", `stat file system of ${path}`, (done) => Fs.statfs(path, done))

/** A file is shorter than what has been acknowledged. */
export const tooShort = (path: string, size: number): UploadStoreError =>
  new UploadStoreError({ reason: "Corrupt", operation: `find ${size} bytes in ${path}` })

/** Whether there was no such file. Anything else that goes wrong proves no absence. */
export const isAbsent = ({ cause }: UploadStoreError): boolean => codeOf(cause) === "ENOENT"

/** Whether there is no such directory, be it that something else has its name. */
export const isNowhere = ({ cause }: UploadStoreError): boolean => nowhere.has(codeOf(cause))

const nowhere: ReadonlySet<unknown> = new Set(["ENOENT", "ENOTDIR"])

/** Whether there was such a file already. */
export const isTaken = ({ cause }: UploadStoreError): boolean => codeOf(cause) === "EEXIST"

/** Whether there is no descriptor left to open it with. */
export const isBeyondLimit = ({ cause }: UploadStoreError): boolean => beyondLimit.has(codeOf(cause))

const beyondLimit: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE"])

/**
 * Whether a sync, or opening what is to be synced, says that it is not to be had here, as many network file systems and
 * shared folders say of their directories. It says nothing of what was written: that is what EIO, ENOSPC and EDQUOT are
 * for, and whatever else nobody can explain.
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

/** Of some errors, such as EDQUOT, Node knows the number and not the name. */
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
