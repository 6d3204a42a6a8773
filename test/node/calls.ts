/**
 * Watches the system calls of a store. A test may count them, delay one, or make it fail. Each test file passes `watch`
 * to `vi.mock`.
 */
import * as Effect from "effect/Effect"
import type * as Fs from "node:fs"

type Done = (error: NodeJS.ErrnoException | null, value?: unknown) => void

export const calls = {
  writes: new Array<{ readonly buffers: number; readonly bytes: number }>(),
  writing: 0,
  mostWriting: 0,
  /** Synced files, if the system tells their paths. */
  synced: new Array<string>(),
  /** The error of a sync; undefined if it succeeds. The call distinguishes directories from files. */
  onSync: (_call: "fsync" | "fdatasync", _file: string): string | undefined => undefined,
  /** Running calls that copy or sync bytes, each of which occupies a thread of the pool, and the most at a time. */
  long: 0,
  mostLong: 0,
  /** The modes of system copies, and the error of a clone. */
  copies: new Array<number>(),
  cloneError: undefined as string | undefined,
  /** The most bytes of one write, if limited. */
  limit: undefined as number | undefined,
  onWrite: (run: () => void): void => run(),
  onRead: (run: () => void): void => run(),
  /** The most bytes of one read, if limited. */
  readLimit: Infinity,
  readError: undefined as NodeJS.ErrnoException | undefined,
  /** Changes the result of `stat`. */
  onStat: (stats: Fs.Stats): Fs.Stats => stats,
  accessError: undefined as NodeJS.ErrnoException | undefined,
  renameError: undefined as NodeJS.ErrnoException | undefined
}

/** Resets the counts and applies `changes` for one test. */
export const watching = (changes: Partial<typeof calls>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = { ...calls, writes: [], synced: [], copies: [], mostWriting: 0, mostLong: 0 }
      Object.assign(calls, before, changes)
      return before
    }),
    (before) => Effect.sync(() => Object.assign(calls, before))
  )

const told = (done: Done) => (error: NodeJS.ErrnoException | null, stats?: Fs.Stats) =>
  done(error, stats === undefined ? stats : calls.onStat(stats))

/** Counts a call while it runs. */
const long = (done: Done): Done => {
  calls.long += 1
  calls.mostLong = Math.max(calls.mostLong, calls.long)
  return (error, value) => {
    calls.long -= 1
    done(error, value)
  }
}

export const watch = (fs: typeof Fs) => {
  const sync = (call: "fsync" | "fdatasync", fd: number, done: Done) => {
    const file = fs.existsSync("/proc/self/fd") ? fs.readlinkSync(`/proc/self/fd/${fd}`) : ""
    const code = calls.onSync(call, file)
    if (code !== undefined) {
      return done(Object.assign(new Error(code), { code }))
    }
    if (file !== "") {
      calls.synced.push(file)
    }
    fs[call](fd, long(done))
  }
  return {
    ...fs,
    copyFile: (from: string, to: string, mode: number, done: Done) => {
      calls.copies.push(mode)
      const code = calls.cloneError
      fs.copyFile(from, to, code === undefined ? 0 : mode, long((error) => done(error)))
    },
    writev: (fd: number, buffers: ReadonlyArray<Uint8Array>, position: number, done: Done) => {
      calls.writes.push({ buffers: buffers.length, bytes: buffers.reduce((sum, { length }) => sum + length, 0) })
      calls.writing += 1
      calls.mostWriting = Math.max(calls.mostWriting, calls.writing)
      const taken = calls.limit === undefined ? buffers : [Buffer.concat(buffers).subarray(0, calls.limit)]
      calls.onWrite(() =>
        fs.writev(
          fd,
          taken,
          position,
          long((error, written) => {
            calls.writing -= 1
            done(error, written)
          })
        )
      )
    },
    read: (fd: number, buffer: Uint8Array, at: number, length: number, position: number, done: Done) => {
      const taken = Math.min(length, calls.readLimit)
      calls.onRead(() =>
        calls.readError === undefined ? fs.read(fd, buffer, at, taken, position, long(done)) : done(calls.readError)
      )
    },
    stat: (path: string, done: Done) => fs.stat(path, told(done)),
    fstat: (fd: number, done: Done) => fs.fstat(fd, told(done)),
    access: (path: string, mode: number, done: Done) =>
      calls.accessError === undefined ? fs.access(path, mode, done) : done(calls.accessError),
    fsync: (fd: number, done: Done) => sync("fsync", fd, done),
    fdatasync: (fd: number, done: Done) => sync("fdatasync", fd, done),
    rename: (from: string, to: string, done: Done) =>
      calls.renameError === undefined ? fs.rename(from, to, done) : done(calls.renameError)
  }
}
