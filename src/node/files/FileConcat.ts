/**
 * Joins files. The result is assembled under a temporary name and then renamed: after a crash it is complete or
 * missing, and the next try starts anew. It survives a power cut only after a sync.
 *
 * Only one piece of one file is copied at a time: Node has four threads for file operations, and small uploads must
 * find three of them free.
 */
import * as Effect from "effect/Effect"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as FairTurn from "./FairTurn.js"
import * as NodeFs from "./NodeFs.js"

export interface Source {
  readonly path: string
  /** How many of its first bytes are copied. */
  readonly length: number
}

/** No upload id contains a dot. */
export const temporaryOf = (path: string): string => `${path}${extension}`

/** The name of the file that this one is, or was to become. */
export const nameOf = (file: string): string => file.endsWith(extension) ? file.slice(0, -extension.length) : file

const extension = ".concat"

export interface FileConcat {
  /** Replaces the contents of `path` by the sources, in order. Can be interrupted between two pieces. */
  readonly concat: (path: string, sources: ReadonlyArray<Source>) => Effect.Effect<void, UploadStoreError>
  /**
   * Runs `sync` of a file. The first sync of an assembled file has all its bytes to write, so no piece is copied
   * meanwhile.
   */
  readonly syncing: <A, E, R>(path: string, sync: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** No append or sync follows for now. */
  readonly forget: (path: string) => void
}

/** The bytes of a piece: few enough to be still in the CPU cache when they are written. */
const pieceBytes = 512 * 1024

/** How many files are assembled at a time; each needs two descriptors. */
const mostAssembled = 16

export const make = (permissions: NodeFs.Permissions): FileConcat => {
  const assembling = Effect.unsafeMakeSemaphore(mostAssembled)
  const alone = FairTurn.make()
  /** Assembled files that were not synced yet. */
  const assembled = new Set<string>()
  let buffer: Uint8Array | undefined

  /** Copies up to one piece of the `left` bytes at `at` in `from`, to `end` in `to`. Returns how many. */
  const move = Effect.fnUntraced(function*(from: NodeFs.File, at: number, left: number, to: NodeFs.File, end: number) {
    buffer ??= Buffer.allocUnsafeSlow(pieceBytes)
    const count = yield* NodeFs.read(from, buffer.subarray(0, left), at)
    for (let written = 0; written < count;) {
      written += yield* NodeFs.write(to, [buffer.subarray(written, count)], end + written)
    }
    return count
  })

  /** Copies the first `length` bytes of `from` to `end` in `to`. */
  const copy = Effect.fnUntraced(function*(from: NodeFs.File, length: number, to: NodeFs.File, end: number) {
    for (let done = 0; done < length;) {
      done += yield* alone(move(from, done, length - done, to, end + done))
    }
  })

  /** Appends the sources to the first `held` bytes of the file, and truncates the rest. */
  const extend = Effect.fnUntraced(function*(file: NodeFs.File, sources: ReadonlyArray<Source>, held: number) {
    let end = held
    for (const { length, path } of sources) {
      yield* NodeFs.use(path, "r", (source) => copy(source, length, file, end))
      end += length
    }
    return yield* NodeFs.truncate(file, end)
  })

  /** A file system with copy-on-write clones the first source without copying. */
  const assemble = (temporary: string, [first, ...others]: ReadonlyArray<Source>) =>
    Effect.flatMap(
      first === undefined ? Effect.succeed(false) : alone(NodeFs.clone(first.path, temporary)),
      (isCloned) =>
        isCloned && first !== undefined
          ? NodeFs.use(temporary, "r+", (file) =>
            Effect.flatMap(
              NodeFs.size(file),
              (size) =>
                size < first.length ? NodeFs.tooShort(first.path, first.length) : extend(file, others, first.length)
            ))
          : NodeFs.use(
            temporary,
            "w",
            (file) => extend(file, first === undefined ? [] : [first, ...others], 0),
            permissions
          )
    )

  return {
    syncing: (path, sync) => assembled.delete(path) ? alone(sync) : sync,
    forget: (path) => void assembled.delete(path),
    concat: (path, sources) => {
      const temporary = temporaryOf(path)
      const filled = sources.filter(({ length }) => length > 0)
      return verify(filled).pipe(
        Effect.zipRight(NodeFs.removeIfPresent(temporary)),
        Effect.zipRight(assemble(temporary, filled)),
        Effect.zipRight(NodeFs.rename(temporary, path)),
        // If this fails, too, the leftover is no upload, and the next try removes it.
        Effect.onError(() => Effect.ignore(NodeFs.remove(temporary))),
        Effect.map(() => void assembled.add(path)),
        assembling.withPermits(1)
      )
    }
  }
}

const verify = (sources: ReadonlyArray<Source>) =>
  Effect.forEach(
    sources,
    ({ length, path }) =>
      Effect.flatMap(
        Effect.catchIf(NodeFs.sizeOf(path), NodeFs.isAbsent, () => NodeFs.tooShort(path, length)),
        (size) => (size < length ? NodeFs.tooShort(path, length) : Effect.void)
      ),
    { discard: true }
  )
