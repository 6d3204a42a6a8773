/**
 * The bytes of a stream that may be asked for again: between what was released and what has come. In memory, and beyond
 * what is wanted there in a temporary file. Knows nothing about where a stream comes from or how it ends.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SourceError } from "./UploadSource.js"

export interface ReplayWindow {
  /** Behind the last byte that has come. */
  readonly end: () => number
  /** Before it, nothing is kept. */
  readonly start: () => number
  /** Copies the bytes, so that it does not matter whose memory they lie in. Must not be interrupted. */
  readonly append: (chunks: Iterable<Uint8Array>) => Effect.Effect<void, SourceError>
  /** Some of the bytes at `offset`, at most `size`; where they are not in memory they are read into `lent`. */
  readonly read: (offset: number, size: number, lent: () => Uint8Array) => Effect.Effect<Uint8Array, SourceError>
  readonly release: (offset: number) => Effect.Effect<void>
  /** Releases everything, and waits for what is still under way. */
  readonly close: Effect.Effect<void>
}

export interface Options {
  /** How errors call it. */
  readonly name: string
  /** How many bytes will come at most. */
  readonly total: number
  /**
   * Where the bytes go that `memory`, a block at least, has no room for; opened when first needed. Without it, all
   * stay.
   */
  readonly spill?: { readonly memory: number; readonly open: Effect.Effect<Spill, SourceError> } | undefined
}

/** Bytes at positions. */
export interface Spill {
  readonly write: (position: number, bytes: Uint8Array) => Effect.Effect<void, SourceError>
  /** Fills some of the buffer and returns that. */
  readonly read: (position: number, buffer: Uint8Array) => Effect.Effect<Uint8Array, SourceError>
  readonly clear: Effect.Effect<void>
}

/** The unit of keeping and dropping: no chunk that is read is larger. */
export const blockBytes = 256 * 1024

type Block = Uint8Array<ArrayBuffer> | { readonly spill: Spill; readonly position: number }

export const make = ({ name, spill, total }: Options): ReplayWindow => {
  const most = spill === undefined ? Infinity : Math.max(1, Math.floor(spill.memory / blockBytes))
  const lock = Effect.unsafeMakeSemaphore(1)
  const blocks: Array<Block> = []
  /** The last of the blocks, to which bytes are added: always in memory. */
  let tail: Uint8Array<ArrayBuffer> = new Uint8Array()
  let inMemory = 0
  /** Blocks to be used again: new memory for each would be gigabytes for the collector. */
  const spare: Array<Uint8Array<ArrayBuffer>> = []
  let dropped = 0
  let start = 0
  let end = 0
  let spilled: Spill | undefined
  /** Places in the file, one block each: all that it has, and those that are free. */
  let places = 0
  let free: Array<number> = []

  const moveTail = Effect.fnUntraced(function*(open: Effect.Effect<Spill, SourceError>) {
    spilled ??= yield* open
    const position = free.pop() ?? blockBytes * places++
    yield* spilled.write(position, tail)
    blocks[blocks.length - 1] = { spill: spilled, position }
    inMemory -= 1
    spare.push(tail)
  })

  const append = Effect.fnUntraced(function*(chunks: Iterable<Uint8Array>) {
    for (const chunk of chunks) {
      for (let taken = 0; taken < chunk.length;) {
        const at = end % blockBytes
        if (at === 0) {
          if (spill !== undefined && inMemory >= most) {
            yield* moveTail(spill.open)
          }
          tail = spare.pop() ?? new Uint8Array(Math.min(blockBytes, total - end))
          blocks.push(tail)
          inMemory += 1
        }
        const piece = chunk.subarray(taken, taken + blockBytes - at)
        tail.set(piece, at)
        taken += piece.length
        end += piece.length
      }
    }
  })

  const release = (offset: number): Effect.Effect<void> => {
    start = Math.max(start, Math.min(offset, end))
    while (blocks.length > 0 && (dropped + 1) * blockBytes <= start) {
      const block = blocks.shift()
      dropped += 1
      if (block instanceof Uint8Array) {
        inMemory -= 1
        spare.push(block)
      } else if (block !== undefined) {
        free.push(block.position)
      }
    }
    if (spilled === undefined || places === 0 || free.length < places) {
      return Effect.void
    }
    places = 0
    free = []
    return spilled.clear
  }

  return {
    end: () => end,
    start: () => start,
    append: (chunks) => lock.withPermits(1)(append(chunks)),
    read: (offset, size, lent) =>
      lock.withPermits(1)(Effect.suspend(() => {
        const block = blocks[Math.floor(offset / blockBytes) - dropped]
        const at = offset % blockBytes
        const length = Math.min(size, blockBytes - at, end - offset)
        return block === undefined || offset < start
          ? spent(name, offset)
          : block instanceof Uint8Array
          ? Effect.succeed(block.subarray(at, at + length))
          : block.spill.read(block.position + at, lent().subarray(0, length))
      })),
    release: (offset) => lock.withPermits(1)(Effect.suspend(() => release(offset))),
    close: lock.withPermits(1)(Effect.sync(() => {
      start = Infinity
      blocks.length = 0
    }))
  }
}

export const spent = (source: string, offset: number): SourceError =>
  new SourceError({ reason: "Spent", source, detail: `its bytes at ${offset} are gone: it can be read only once` })

/** A temporary file, in `directory` or where the system has them, that goes with the scope. */
export const openSpill = (
  source: string,
  directory?: string | undefined
): Effect.Effect<Spill, SourceError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped({
      prefix: "effect-tus-",
      ...(directory === undefined ? {} : { directory })
    })
    const file = yield* fs.open(path, { flag: "r+" })
    // The window uses it for one thing at a time: nothing moves between a seek and what it is for. No call outlives its
    // fiber, or the descriptor could be closed, and be another file's, while it runs.
    return {
      write: (position, bytes) =>
        Effect.zipRight(file.seek(position, "start"), file.writeAll(bytes)).pipe(
          Effect.uninterruptible,
          Effect.mapError(notKept(source))
        ),
      read: (position, buffer) =>
        Effect.zipRight(file.seek(position, "start"), file.read(buffer)).pipe(
          Effect.uninterruptible,
          Effect.mapError(notKept(source)),
          Effect.filterOrFail((count) => count > 0, () => notKept(source)(new Error(`${path} lacks bytes`))),
          Effect.map((count) => buffer.subarray(0, Number(count)))
        ),
      clear: Effect.ignore(Effect.uninterruptible(file.truncate(0)))
    } satisfies Spill
  }).pipe(Effect.mapError(notKept(source)))

const notKept = (source: string) => (cause: { readonly message: string }): SourceError =>
  new SourceError({
    reason: "Unreadable",
    source,
    detail: `its bytes cannot be kept in a temporary file: ${cause.message}`,
    cause
  })
