/**
 * A file as the source of an upload. Its version is checked with every block: bytes of a file that has changed since it
 * was first seen are never handed out, so no upload mixes two versions.
 *
 * A version is identified by size and date. The numbers of device and inode do not identify a file: sshfs, mergerfs and
 * some SMB mounts return other ones at each look, and a free inode number is given to the next file. If they differ, or
 * `ctime` has changed, the last bytes that were handed out decide whether it is still the same file.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import * as Pull from "../bytes/Pull.js"
import * as UploadSource from "../client/sources/UploadSource.js"
import * as SystemReason from "../client/transport/SystemReason.js"
import * as FilePath from "./FilePath.js"

/**
 * The path is also the name, so a relative path is found again from the same directory only. A path that is not UTF-8
 * is given as bytes; its name is a text from which the bytes can be restored, with a lone surrogate, U+DC80 to U+DCFF,
 * for each invalid byte.
 *
 * @example
 * ```ts
 * import * as NodeContext from "@effect/platform-node/NodeContext"
 * import { Effect } from "effect"
 * import { TusUpload } from "effect-tus/client"
 * import { FileSource, NodeTusClient } from "effect-tus/node-client"
 *
 * export const main = FileSource.make("film.mp4").pipe(
 *   Effect.flatMap((source) => TusUpload.run({ endpoint: "http://127.0.0.1:1080/files", source })),
 *   Effect.provide(NodeTusClient.layer()),
 *   Effect.provide(NodeContext.layer)
 * )
 * ```
 */
export const make = Effect.fnUntraced(function*(
  file: string | Uint8Array
): Effect.fn.Return<UploadSource.UploadSource, UploadSource.SourceError> {
  const path = typeof file === "string" ? file : FilePath.fromBytes(file)
  // Checked before the file is opened: opening a FIFO waits for a writer.
  const stats = yield* call<Fs.Stats>(path, (done) => Fs.stat(FilePath.toSystem(path), done))
  if (!stats.isFile()) {
    return yield* notAFile(
      path,
      stats.isDirectory() ? "it is a directory" : `it is a ${kindOf(stats)}, not a file: ${asStream}`
    )
  }
  if ((stats.mode & forEverybody) !== forEverybody) {
    yield* call<void>(path, (done) => Fs.access(FilePath.toSystem(path), Fs.constants.R_OK, done))
  }
  const original = versionOf(stats)
  // Files that the kernel generates, as under /proc, report a size of 0.
  if (original.size === 0 && !(yield* isEmpty(path))) {
    return yield* notAFile(path, `its size is not known before it is read: ${asStream}`)
  }
  const lastBytes: LastBytes = { at: 0, bytes: new Uint8Array(0) }
  const read = (start: number, end: number) =>
    Effect.flatMap(open(path), (fd) =>
      Effect.onError(
        Effect.as(checkLastBytes(fd, path, original, lastBytes), {
          pull: blocks(fd, path, original, lastBytes, start, end),
          close: () => close(path, fd)
        }),
        () => close(path, fd)
      ))
  return UploadSource.seekable({
    name: path,
    length: original.size,
    modified: original.modified,
    read,
    bytes: (start, end) => bytes(path, original, lastBytes, start, end, read)
  })
})

/** The mode of a file that its owner, its group and all others may read. */
const forEverybody = Fs.constants.S_IRUSR | Fs.constants.S_IRGRP | Fs.constants.S_IROTH

/** The last bytes that were handed out, at most `keptBytes`, and their offset. */
interface LastBytes {
  at: number
  bytes: Uint8Array
}

const keptBytes = 4096

/** Fails if the path now names another file. Its bytes decide, unless device, inode and ctime are unchanged. */
const checkLastBytes = Effect.fnUntraced(
  function*(fd: number, path: string, original: Version, { at, bytes }: LastBytes) {
    if (bytes.length === 0) {
      return
    }
    const { device, inode, ctime } = versionOf(yield* call<Fs.Stats>(path, (done) => Fs.fstat(fd, done)))
    if (device === original.device && inode === original.inode && ctime === original.ctime) {
      return
    }
    const found = new Uint8Array(bytes.length)
    const count = yield* call<number>(path, (done) => Fs.read(fd, found, 0, found.length, at, done))
    if (!found.subarray(0, count).every((byte, i) => byte === bytes[i])) {
      return yield* changed(path, "another file has replaced it")
    }
  }
)

/** What identifies a version of a file. */
interface Version {
  readonly isFile: boolean
  readonly size: number
  readonly modified: number
  /** The last change of anything, including name and date, in milliseconds. It cannot be set. */
  readonly ctime: number
  readonly device: number
  readonly inode: number
}

const versionOf = (stats: Fs.Stats): Version => ({
  isFile: stats.isFile(),
  size: stats.size,
  modified: stats.mtime.getTime(),
  ctime: stats.ctimeMs,
  device: stats.dev,
  inode: stats.ino
})

const open = (path: string) => call<number>(path, (done) => Fs.open(FilePath.toSystem(path), "r", done))

const close = (path: string, fd: number) => Effect.orDie(call<void>(path, (done) => Fs.close(fd, done)))

const isEmpty = (path: string) =>
  Effect.acquireUseRelease(
    open(path),
    (fd) =>
      Effect.map(
        call<number>(path, (done) => Fs.read(fd, new Uint8Array(1), 0, 1, 0, done)),
        (count) => count === 0
      ),
    (fd) => close(path, fd)
  )

const blocks = (
  fd: number,
  path: string,
  original: Version,
  lastBytes: LastBytes,
  start: number,
  end: number
): Pull.Pull<UploadSource.SourceError> => {
  const buffer = new Uint8Array(Math.min(UploadSource.pieceBytes, end - start))
  let at = start
  const block = Effect.suspend(() => call(path, readBlock(fd, buffer.subarray(0, end - at), at))).pipe(
    Effect.flatMap((block) => take(path, original, lastBytes, at, buffer, block)),
    Effect.mapBoth({
      onFailure: Option.some,
      onSuccess: (bytes) => {
        at += bytes.length
        return Chunk.of(bytes)
      }
    })
  )
  return Effect.suspend(() => (at === end ? Pull.end : block))
}

/** The bytes of a block that was read at `at`, if they are of the original version. */
const take = (
  path: string,
  original: Version,
  lastBytes: LastBytes,
  at: number,
  buffer: Uint8Array,
  { cause, count, stats }: Block
): Effect.Effect<Uint8Array, UploadSource.SourceError> => {
  const problem = difference(path, original, versionOf(stats))
    ?? (cause !== null
      ? toSourceError(path, cause)
      : count === 0
      ? UploadSource.tooShort(path, original.size, at)
      : undefined)
  if (problem !== undefined) {
    return problem
  }
  const kept = Math.min(count, keptBytes)
  lastBytes.at = at + count - kept
  lastBytes.bytes = buffer.slice(count - kept, count)
  return Effect.succeed(buffer.subarray(0, count))
}

/** In one call, unless there are bytes to compare with, or the system reads fewer than it was asked for. */
const bytes = (
  path: string,
  original: Version,
  lastBytes: LastBytes,
  start: number,
  end: number,
  read: (start: number, end: number) => Effect.Effect<Pull.Reading<UploadSource.SourceError>, UploadSource.SourceError>
): Effect.Effect<Uint8Array, UploadSource.SourceError> => {
  const buffer = new Uint8Array(end - start)
  const gathered = Effect.suspend(() => UploadSource.gather(read(start, end), end - start))
  return lastBytes.bytes.length > 0 ? gathered : Effect.flatMap(
    call(path, readFile(path, buffer, start)),
    (block) =>
      block.count > 0 && block.count < buffer.length
        ? gathered
        : take(path, original, lastBytes, start, buffer, block)
  )
}

interface Block {
  readonly cause: NodeJS.ErrnoException | null
  readonly count: number
  readonly stats: Fs.Stats
}

/** Reads a block, then checks the version even if the read failed: so the bytes are of the expected version. */
const readBlock = (fd: number, buffer: Uint8Array, at: number) => (done: Done<Block>) =>
  Fs.read(
    fd,
    buffer,
    0,
    buffer.length,
    at,
    (cause, count) => Fs.fstat(fd, (error, stats) => done(error, { cause, count, stats }))
  )

/** Opens the file for one block. */
const readFile = (path: string, buffer: Uint8Array, at: number) => (done: Done<Block>) =>
  Fs.open(FilePath.toSystem(path), "r", (error, fd) =>
    error !== null
      ? done(error, undefined as never)
      : readBlock(fd, buffer, at)((error, block) => Fs.close(fd, () => done(error, block))))

type Done<A> = (cause: NodeJS.ErrnoException | null, value: A) => void

/**
 * Waits for the call to end, even if interrupted. Afterwards the descriptor can be closed, and nothing is written to
 * the buffer.
 */
const call = <A>(path: string, start: (done: Done<A>) => void): Effect.Effect<A, UploadSource.SourceError> =>
  Effect.uninterruptible(
    Effect.async<A, UploadSource.SourceError>((resume) => {
      try {
        start((cause, value) => resume(cause === null ? Effect.succeed(value) : toSourceError(path, cause)))
      } catch (cause) {
        // Node throws if the path is invalid.
        resume(toSourceError(path, cause as Error))
      }
    })
  )

const difference = (path: string, before: Version, now: Version): UploadSource.SourceError | undefined =>
  before.isFile !== now.isFile
    ? changed(path, "it is no longer a file")
    : now.size < before.size
    ? UploadSource.tooShort(path, before.size, now.size)
    : now.size > before.size
    ? changed(path, `it grew from ${before.size} to ${now.size} bytes`)
    : before.modified !== now.modified
    ? changed(path, "it was written to after it was opened")
    : undefined

const changed = (source: string, detail: string): UploadSource.SourceError =>
  new UploadSource.SourceError({ reason: "Changed", source, detail })

const notAFile = (source: string, detail: string): UploadSource.SourceError =>
  new UploadSource.SourceError({ reason: "NotAFile", source, detail })

const asStream = "upload it as a stream"

const kindOf = (stats: Fs.Stats) =>
  stats.isFIFO()
    ? "FIFO"
    : stats.isSocket()
    ? "socket"
    : stats.isCharacterDevice()
    ? "character device"
    : "block device"

const toSourceError = (source: string, cause: Error): UploadSource.SourceError =>
  "code" in cause && cause.code === "ENOENT"
    ? new UploadSource.SourceError({ reason: "Missing", source, detail: "there is no such file", cause })
    : new UploadSource.SourceError({
      reason: "Unreadable",
      source,
      detail: `it cannot be read: ${SystemReason.of(cause)}`,
      cause
    })
