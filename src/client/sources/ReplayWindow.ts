/**
 * The window of a stream's bytes that may be asked for again: those that were read and not released. They are in
 * memory, and beyond a limit in a temporary file. Knows nothing about where a stream comes from or how it ends.
 */
import * as Effect from "effect/Effect"
import * as Spill from "./Spill.js"
import { SourceError } from "./UploadSource.js"

export interface ReplayWindow {
  /** The offset behind the last byte. */
  readonly end: () => number
  /** Bytes before this offset are released. */
  readonly start: () => number
  /** Copies the bytes, so the caller keeps its memory. Must not be interrupted. */
  readonly append: (chunks: Iterable<Uint8Array>) => Effect.Effect<void, SourceError>
  /** Some bytes at `offset`, at most `size`. Bytes that are not in memory are read into `lent`. */
  readonly read: (offset: number, size: number, lent: () => Uint8Array) => Effect.Effect<Uint8Array, SourceError>
  readonly release: (offset: number) => Effect.Effect<void>
  /** Releases everything, and waits for calls that are running. */
  readonly close: Effect.Effect<void>
}

export interface Options {
  /** The name of the source in errors. */
  readonly name: string
  /** The stream has at most this many bytes. */
  readonly total: number
  /**
   * Takes the bytes beyond `memory` bytes, but at least a block. Opened when it is first needed. Without it, all bytes
   * stay in memory.
   */
  readonly spill?: { readonly memory: number; readonly open: Effect.Effect<Spill.Spill, SourceError> } | undefined
}

/** The unit of keeping and releasing: no chunk that is read is larger. */
export const blockBytes = 256 * 1024

type Block = Uint8Array<ArrayBuffer> | Spill.Place

interface State {
  /** Offsets in the stream: the bytes between them may be asked for. */
  start: number
  end: number
  /** The blocks from `start` on. */
  readonly blocks: Array<Block>
  /** The last of them, to which bytes are added: always in memory. */
  tail: Uint8Array<ArrayBuffer>
  /** How many blocks are before them. */
  dropped: number
  inMemory: number
  /** Blocks to be used again: new memory for each would be gigabytes for the garbage collector. */
  readonly spare: Array<Uint8Array<ArrayBuffer>>
}

export const make = ({ name, spill, total }: Options): ReplayWindow => {
  const most = spill === undefined ? Infinity : Math.max(1, Math.floor(spill.memory / blockBytes))
  const spilled = spill && Spill.blocks(spill.open, blockBytes)
  const lock = Effect.unsafeMakeSemaphore(1)
  const state: State = { start: 0, end: 0, blocks: [], tail: new Uint8Array(), dropped: 0, inMemory: 0, spare: [] }

  const append = Effect.fnUntraced(function*(chunks: Iterable<Uint8Array>) {
    for (const chunk of chunks) {
      for (let taken = 0; taken < chunk.length;) {
        const at = state.end % blockBytes
        if (at === 0) {
          if (spilled !== undefined && state.inMemory >= most) {
            moveTail(state, yield* spilled.write(state.tail))
          }
          addBlock(state, total)
        }
        const piece = chunk.subarray(taken, taken + blockBytes - at)
        state.tail.set(piece, at)
        taken += piece.length
        state.end += piece.length
      }
    }
  })

  return {
    end: () => state.end,
    start: () => state.start,
    append: (chunks) => lock.withPermits(1)(append(chunks)),
    read: (offset, size, lent) =>
      lock.withPermits(1)(Effect.suspend(() => {
        const block = state.blocks[Math.floor(offset / blockBytes) - state.dropped]
        const at = offset % blockBytes
        const length = Math.min(size, blockBytes - at, state.end - offset)
        return block === undefined || offset < state.start
          ? spent(name, offset)
          : block instanceof Uint8Array
          ? Effect.succeed(block.subarray(at, at + length))
          : block.spill.read(block.position + at, lent().subarray(0, length))
      })),
    release: (offset) =>
      lock.withPermits(1)(Effect.suspend(() => {
        release(state, offset).forEach((place) => spilled?.free(place))
        return spilled?.clearIfUnused ?? Effect.void
      })),
    close: lock.withPermits(1)(Effect.sync(() => {
      state.start = Infinity
      state.blocks.length = 0
    }))
  }
}

const addBlock = (state: State, total: number) => {
  state.tail = state.spare.pop() ?? new Uint8Array(Math.min(blockBytes, total - state.end))
  state.blocks.push(state.tail)
  state.inMemory += 1
}

/** The tail has been written to the file. */
const moveTail = (state: State, place: Spill.Place) => {
  state.blocks[state.blocks.length - 1] = place
  state.inMemory -= 1
  state.spare.push(state.tail)
}

/** Drops the blocks before `offset`, and returns their places in the file. */
const release = (state: State, offset: number): ReadonlyArray<Spill.Place> => {
  const places: Array<Spill.Place> = []
  state.start = Math.max(state.start, Math.min(offset, state.end))
  while (state.blocks.length > 0 && (state.dropped + 1) * blockBytes <= state.start) {
    const block = state.blocks.shift()
    state.dropped += 1
    if (block instanceof Uint8Array) {
      state.inMemory -= 1
      state.spare.push(block)
    } else if (block !== undefined) {
      places.push(block)
    }
  }
  return places
}

export const spent = (source: string, offset: number): SourceError =>
  new SourceError({ reason: "Spent", source, detail: `its bytes at ${offset} are gone: it can be read only once` })
