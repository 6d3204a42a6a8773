/**
 * `node:fs` on the simulated disk, for `vi.mock`. A call of a missing function fails: add a function here when the
 * store starts to call it.
 */
import { failure } from "./Disk.js"
import type { Call, DiskCalls, Done } from "./DiskCalls.js"

let calls: DiskCalls | undefined

/** From here on processes use this disk. */
export const mount = (disk: DiskCalls): void => {
  calls = disk
}

const mounted = (): DiskCalls => {
  if (calls === undefined) {
    throw new Error("no simulated disk is mounted")
  }
  return calls
}

type Bytes = Uint8Array

const opening = (path: string, flags: unknown): Call<number> => ({
  kind: flags === "w" || flags === "a" ? "disk name" : "disk read",
  syscall: `open ${String(flags)}`,
  path,
  perform: () => mounted().remember(mounted().disk.openFile(path, flags))
})

const writing = (fd: number, bytes: Bytes, at: number): Call<number> => ({
  kind: "disk write",
  syscall: `write ${bytes.length} bytes at ${at} of`,
  path: `fd ${fd}`,
  perform: ({ part }) => mounted().written(mounted().disk.write(fd, bytes.subarray(0, part(bytes.length)), at), bytes)
})

const reading = (fd: number, buffer: Bytes, at: number): Call<number> => ({
  kind: "disk read",
  syscall: `read ${buffer.length} bytes at ${at} of`,
  path: `fd ${fd}`,
  perform: ({ part }) => mounted().disk.read(fd, buffer.subarray(0, part(buffer.length)), at)
})

const syncing = (fd: number, syscall: string): Call<void> => {
  const { end, fail } = mounted().disk.sync(fd)
  return { kind: "disk sync", syscall, path: `fd ${fd}`, perform: end, fail }
}

const truncating = (fd: number, size: number): Call<void> => ({
  kind: "disk write",
  syscall: `truncate to ${size}`,
  path: `fd ${fd}`,
  perform: () => mounted().disk.truncate(fd, size)
})

const looking = <A>(syscall: string, path: string, perform: () => A): Call<A> => ({
  kind: "disk read",
  syscall,
  path,
  perform
})

const naming = <A>(syscall: string, path: string, perform: () => A): Call<A> => ({
  kind: "disk name",
  syscall,
  path,
  perform
})

/** A copy of the buffers: their owner may reuse the memory once the call has ended. */
const join = (buffers: ReadonlyArray<Bytes>) => Buffer.concat(buffers)

export const constants = {
  R_OK: 4,
  W_OK: 2,
  X_OK: 1,
  F_OK: 0,
  COPYFILE_EXCL: 1,
  COPYFILE_FICLONE: 2,
  COPYFILE_FICLONE_FORCE: 4
}

/** All arguments but the last, which is the callback. */
type WithDone<Arguments extends ReadonlyArray<unknown>, A> = (...all: [...Arguments, Done<A>]) => void

const async =
  <Arguments extends ReadonlyArray<unknown>, A>(call: (...given: Arguments) => Call<A>): WithDone<Arguments, A> =>
  (...all) => {
    const done = all.pop() as Done<A>
    mounted().call(call(...(all as unknown as Arguments)), done)
  }

const sync =
  <Arguments extends ReadonlyArray<unknown>, A>(call: (...given: Arguments) => Call<A>) => (...given: Arguments): A =>
    mounted().callSync(call(...given))

const writev = (fd: number, buffers: ReadonlyArray<Bytes>, at: number) => writing(fd, join(buffers), at)

const write = (fd: number, buffer: Bytes, offset: number, length: number, at: number) =>
  writing(fd, buffer.subarray(offset, offset + length), at)

const read = (fd: number, buffer: Bytes, offset: number, length: number, at: number) =>
  reading(fd, buffer.subarray(offset, offset + length), at)

const stat = (path: string) => looking("stat", path, () => mounted().disk.stat(path))
const lstat = stat
const fstat = (fd: number) => looking("fstat", `fd ${fd}`, () => mounted().disk.fstat(fd))
const readdir = (path: string) => looking("list", path, () => [...mounted().disk.list(path)])
const access = (path: string, _mode: number) => looking("access", path, () => void mounted().disk.stat(path))
const mkdir = (path: string, options?: { readonly recursive?: boolean }) =>
  naming(
    "mkdir",
    path,
    () => options?.recursive === true ? mounted().disk.makeDirectories(path) : mounted().disk.makeDirectory(path)
  )
const rename = (from: string, to: string) => naming("rename", `${from} to ${to}`, () => mounted().disk.rename(from, to))
const link = (from: string, to: string) => naming("link", `${from} to ${to}`, () => mounted().disk.link(from, to))
const unlink = (path: string) => naming("unlink", path, () => mounted().disk.unlink(path))
const copyFile = (from: string, to: string, mode: number) =>
  naming("copy", `${from} to ${to}`, () => {
    if ((mode & constants.COPYFILE_FICLONE_FORCE) !== 0 && !mounted().sharesBlocks) {
      throw failure("ENOTSUP", "copyfile", from)
    }
    if ((mode & constants.COPYFILE_EXCL) !== 0 && mounted().disk.find(to) !== undefined) {
      throw failure("EEXIST", "copyfile", to)
    }
    return mounted().disk.copy(from, to)
  })
const statfs = (path: string) =>
  looking("statfs", path, () => ({ bsize: 4096, bavail: mounted().full ? 0 : 1_000_000 }))
const fsync = (fd: number) => syncing(fd, "fsync")
const fdatasync = (fd: number) => syncing(fd, "fdatasync")

export const fileSystem = {
  constants,
  open: async(opening),
  openSync: sync(opening),
  close: (fd: number, done: Done<void>) => mounted().close(fd, done),
  closeSync: (fd: number) => mounted().closeSync(fd),
  write: async(write),
  writeSync: sync(write),
  writev: async(writev),
  writevSync: sync(writev),
  read: async(read),
  readSync: sync(read),
  fsync: async(fsync),
  fsyncSync: sync(fsync),
  fdatasync: async(fdatasync),
  fdatasyncSync: sync(fdatasync),
  ftruncate: async(truncating),
  ftruncateSync: sync(truncating),
  stat: async(stat),
  lstat: async(lstat),
  statSync: sync(stat),
  fstat: async(fstat),
  fstatSync: sync(fstat),
  readdir: async(readdir),
  access: async(access),
  mkdir: async(mkdir),
  rename: async(rename),
  link: async(link),
  unlink: async(unlink),
  unlinkSync: sync(unlink),
  copyFile: async(copyFile),
  statfs: async(statfs)
}
