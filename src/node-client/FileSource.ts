/**
 * A file as the source of an upload. It is looked at anew with every block: bytes of a file that has changed since it was
 * first seen are never handed out, so that no upload is made of two versions.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as SystemReason from "./SystemReason.js"
import * as UploadSource from "./UploadSource.js"

/** `path` is also its name: given as a relative one, it is found again from the same directory only. */
export const make = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const { type } = yield* Effect.mapError(fs.stat(path), broken(path))
  // Before it is opened: a FIFO would wait for somebody to write to it.
  if (type !== "File") {
    return yield* notAFile(
      path,
      type === "Directory" ? "it is a directory" : `it is no file but a ${type}: ${asStream}`
    )
  }
  const original = yield* Effect.scoped(inspect(fs, path))
  return UploadSource.fromRange({
    name: path,
    length: original.size,
    modified: original.modified,
    read: (start, end) => read(fs, path, original, { start, end })
  })
})

/** What tells one version of a file from another. */
interface Version {
  readonly type: FileSystem.File.Type
  readonly size: number
  readonly modified: number | undefined
  readonly device: number
  readonly inode: number | undefined
}

const versionOf = (info: FileSystem.File.Info): Version => ({
  type: info.type,
  size: Number(info.size),
  modified: Option.getOrUndefined(info.mtime)?.getTime(),
  device: info.dev,
  inode: Option.getOrUndefined(info.ino)
})

const inspect = Effect.fnUntraced(function*(fs: FileSystem.FileSystem, path: string) {
  const file = yield* Effect.mapError(fs.open(path), broken(path))
  const version = versionOf(yield* Effect.mapError(file.stat, broken(path)))
  // What the kernel makes up while it is read, as under /proc, says that it is empty.
  if (version.size === 0 && (yield* Effect.mapError(readInto(file, new Uint8Array(1)), broken(path))) > 0) {
    return yield* notAFile(path, `its size is not known before it is read: ${asStream}`)
  }
  return version
})

const read = (
  fs: FileSystem.FileSystem,
  path: string,
  original: Version,
  range: { readonly start: number; readonly end: number }
): Stream.Stream<Uint8Array, UploadSource.SourceError> =>
  Stream.unwrapScoped(
    Effect.gen(function*() {
      const file = yield* Effect.mapError(fs.open(path), broken(path))
      const check = Effect.flatMap(
        Effect.mapError(file.stat, broken(path)),
        (info) => Option.getOrElse(difference(path, original, versionOf(info)), () => Effect.void)
      )
      yield* check
      yield* file.seek(range.start, "start")
      const buffer = new Uint8Array(Math.min(UploadSource.pieceBytes, range.end - range.start))
      return Stream.unfoldEffect(range.start, (at) =>
        at === range.end ? Effect.succeedNone : Effect.mapError(
          readInto(file, buffer.subarray(0, range.end - at)),
          broken(path)
        ).pipe(
          Effect.zipLeft(check),
          Effect.filterOrFail((count) => count > 0, () => UploadSource.tooShort(path, original.size, at)),
          Effect.asSome,
          Effect.map(Option.map((count) => [buffer.subarray(0, count), at + count] as const))
        ))
    })
  )

/** Waits for the call to end, interrupted or not: the descriptor may then be closed, and the buffer is written no more. */
const readInto = (file: FileSystem.File, buffer: Uint8Array): Effect.Effect<number, PlatformError> =>
  Effect.uninterruptible(Effect.map(file.read(buffer), Number))

const difference = (path: string, before: Version, now: Version): Option.Option<UploadSource.SourceError> =>
  before.type !== now.type || before.device !== now.device || before.inode !== now.inode
    ? changed(path, "another file took its place")
    : now.size < before.size
    ? Option.some(UploadSource.tooShort(path, before.size, now.size))
    : now.size > before.size
    ? changed(path, `it grew from ${before.size} to ${now.size} bytes`)
    : before.modified !== now.modified
    ? changed(path, "it was written to")
    : Option.none()

const changed = (source: string, detail: string): Option.Option<UploadSource.SourceError> =>
  Option.some(new UploadSource.SourceError({ reason: "Changed", source, detail }))

const notAFile = (source: string, detail: string): UploadSource.SourceError =>
  new UploadSource.SourceError({ reason: "NotAFile", source, detail })

const asStream = "what can be read only once is sent as a stream"

const broken = (source: string) => (cause: PlatformError): UploadSource.SourceError =>
  cause._tag === "SystemError" && cause.reason === "NotFound"
    ? new UploadSource.SourceError({ reason: "Missing", source, detail: "there is no such file", cause })
    : new UploadSource.SourceError({
      reason: "Unreadable",
      source,
      detail: `it cannot be read: ${SystemReason.of(cause)}`,
      cause
    })
