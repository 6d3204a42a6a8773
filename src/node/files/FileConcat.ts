/**
 * One file out of several. It is assembled under another name and then renamed: a crash leaves all of it or nothing,
 * and the next try begins anew. Whether it survives a power cut is for a later sync to say.
 *
 * The bytes go in pieces, and of all files that are assembled at a time one piece is under way: Node has four threads
 * for the files of a process, and small uploads find three of them free, however long this takes.
 */
import * as Effect from "effect/Effect"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as FairTurn from "./FairTurn.js"
import * as NodeFs from "./NodeFs.js"

export interface Source {
  readonly path: string
  /** How many bytes of it are taken, from the first on. */
  readonly length: number
}

/** No upload id contains a dot. */
export const temporaryOf = (path: string): string => `${path}${extension}`

/** What a file is called that is, or was to become, this one. */
export const nameOf = (file: string): string => file.endsWith(extension) ? file.slice(0, -extension.length) : file

const extension = ".concat"

export interface FileConcat {
  /**
   * Makes `path` hold the sources one after the other, in place of what it held. Can be interrupted between two pieces.
   */
  readonly concat: (path: string, sources: ReadonlyArray<Source>) => Effect.Effect<void, UploadStoreError>
  /**
   * Runs the first sync of an assembled file, which has all its bytes to write, while no piece is copied. Other files
   * are synced at once.
   */
  readonly syncing: <A, E, R>(path: string, sync: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The file is not appended to or synced any more. */
  readonly forget: (path: string) => void
}

/** How much goes at a time: what the processor's cache still holds when it is written again. */
const pieceBytes = 512 * 1024

/** How many files are assembled at a time, each with two descriptors. */
const mostAssembled = 16

export const make = (permissions: NodeFs.Permissions): FileConcat => {
  const assembling = Effect.unsafeMakeSemaphore(mostAssembled)
  const alone = FairTurn.make()
  /** Files that were assembled and not synced since. */
  const assembled = new Set<string>()
  let buffer: Uint8Array | undefined

  /** Copies up to one piece of what is left at `at` in `from` to `to`, and returns how much that was. */
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

  /** Puts the sources behind what the file holds already, and lets it end behind them. */
  const extend = Effect.fnUntraced(function*(file: NodeFs.File, sources: ReadonlyArray<Source>, held: number) {
    let end = held
    for (const { length, path } of sources) {
      yield* NodeFs.use(path, "r", (source) => copy(source, length, file, end))
      end += length
    }
    return yield* NodeFs.truncate(file, end)
  })

  /** A file system that shares blocks has the whole first source at once, and all of its bytes stay where they are. */
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
        // Where even this fails, the leftover is no upload and the next try removes it.
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
