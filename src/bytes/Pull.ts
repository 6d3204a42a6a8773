/**
 * Bytes that are pulled batch by batch: what `Stream.toPull` returns; `toStream` goes the other way. Setting up a
 * Stream costs more than storing or sending a few KiB.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** Waits for the next bytes; fails with `Option.none` at the end. */
export type Pull<E = never, R = never> = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E>, R>

/** An open source of bytes. The caller has to close it. */
export interface Reading<E> {
  readonly pull: Pull<E>
  /** Receives the exit of the reader. */
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

/** The number of bytes of a batch. */
export const sizeOf = (batch: Chunk.Chunk<Uint8Array>): number =>
  Chunk.reduce(batch, 0, (sum, { length }) => sum + length)

/** The bytes of all chunks in one array; a single chunk is not copied. */
export const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = chunks
  if (first !== undefined && chunks.length === 1) {
    return first
  }
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const chunk of chunks) {
    bytes.set(chunk, end)
    end += chunk.length
  }
  return bytes
}

/** The bytes of a batch in one array. */
export const joined = (batch: Chunk.Chunk<Uint8Array>): Uint8Array => concat(Chunk.toReadonlyArray(batch))

/** The end. */
export const end: Pull = Exit.fail(Option.none())

/** A failure of the source. */
export const fail = <E>(error: E): Pull<E> => Effect.fail(Option.some(error))

/** For a pull that needs no closing. */
export const reading = <E>(pull: Pull<E>): Reading<E> => ({ pull, close: () => Effect.void })

/** The batch, and then what `pull` gives. */
export const after = <E, R>(batch: Chunk.Chunk<Uint8Array>, pull: Pull<E, R>): Pull<E, R> => {
  let isPulled = false
  return Effect.suspend(() => {
    if (isPulled) {
      return pull
    }
    isPulled = true
    return Exit.succeed(batch)
  })
}

/** All bytes are there, so that a reader may take them from here. A reader that pulls gets them, too. */
export interface Whole extends Pull {
  readonly bytes: Chunk.Chunk<Uint8Array>
}

/** The batch, and then the end. */
export const whole = (bytes: Chunk.Chunk<Uint8Array>): Whole => Object.assign(after(bytes, end), { bytes })

/** Whether all bytes are there. */
export const isWhole = <E, R>(pull: Pull<E, R>): pull is Whole => "bytes" in pull

/** Calls `act` with each batch, to the end. */
export const forEachBatch = <E, R, E2, R2>(
  pull: Pull<E, R>,
  act: (batch: Chunk.Chunk<Uint8Array>) => Effect.Effect<void, E2, R2>
): Effect.Effect<void, E | E2, R | R2> =>
  isWhole(pull) ? Effect.suspend(() => act(pull.bytes)) : Effect.matchEffect(pull, {
    onFailure: Option.match({ onNone: () => Effect.void, onSome: Effect.fail }),
    onSuccess: (batch) => Effect.flatMap(act(batch), () => forEachBatch(pull, act))
  })

/** Opens, reads and closes. */
export const use = <E, E2, R2, A, E3, R3>(
  open: Effect.Effect<Reading<E>, E2, R2>,
  act: (pull: Pull<E>) => Effect.Effect<A, E3, R3>
): Effect.Effect<A, E2 | E3, R2 | R3> =>
  Effect.acquireUseRelease(open, ({ pull }) => act(pull), ({ close }, exit) => close(exit))

/**
 * Reads from a stream, which is opened by the first pull. `close`, which the caller has to run, releases its resources.
 */
export const fromStream = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Reading<E>> =>
  Effect.flatMap(
    Scope.make(),
    (scope) =>
      Effect.map(Scope.extend(Stream.toPull(stream), scope), (pull) => ({
        pull,
        close: (exit) => Scope.close(scope, exit)
      }))
  )

/** A stream that opens the reading when it runs, and closes it at its end. */
export const toStream = <E, R>(open: Effect.Effect<Reading<E>, E, R>): Stream.Stream<Uint8Array, E, R> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(open, ({ close }, exit) => close(exit)),
      ({ pull }) => Stream.repeatEffectChunkOption(pull)
    )
  )
