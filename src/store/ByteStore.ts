/**
 * The bytes of all uploads. Knows nothing about states: what counts is for the registry to say.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { UploadId } from "../protocol/Upload.js"
import { UploadStoreError } from "./UploadStoreError.js"

export class ByteStore extends Context.Tag("effect-tus/ByteStore")<ByteStore, {
  /**
   * Writes `bytes` from offset `at` on and returns the offset behind the last one. Whatever lay at `at` or behind it is
   * cut off first; an upload of which nothing is stored begins to exist, also where `bytes` turns out to be empty.
   *
   * `onWritten` is run, in order, with the offset up to which all bytes have been written since: they survive the end of
   * the process, whether this effect succeeds or fails afterwards. How often is the backend's business.
   *
   * Fails with `Corrupt`, and writes nothing, where fewer than `at` bytes are stored. No write is under way any more
   * when the effect ends, be it by interruption.
   */
  readonly append: <E, R, E2, R2>(
    id: UploadId,
    at: number,
    bytes: Stream.Stream<Uint8Array, E, R>,
    onWritten: (end: number) => Effect.Effect<void, E2, R2>
  ) => Effect.Effect<number, E | E2 | UploadStoreError, R | R2>

  /** Cuts off what lies at `at` or behind it. Nothing happens where nothing is stored. */
  readonly truncate: (id: UploadId, at: number) => Effect.Effect<void, UploadStoreError>

  /** Everything that was written survives a power cut, and so does its being found. */
  readonly sync: (id: UploadId) => Effect.Effect<void, UploadStoreError>

  /**
   * Makes `id` hold the first `length` bytes of each part, in order, in place of whatever it held. May be run again after
   * a failure at any point. Fails with `Corrupt` where a part holds less.
   */
  readonly concat: (
    id: UploadId,
    parts: ReadonlyArray<{ readonly id: UploadId; readonly length: number }>
  ) => Effect.Effect<void, UploadStoreError>

  /** The bytes from `start` to `end` (exclusive). Fails with `Corrupt` where fewer are stored. */
  readonly read: (
    id: UploadId,
    range: { readonly start: number; readonly end: number }
  ) => Stream.Stream<Uint8Array, UploadStoreError>

  /** Forgets all bytes of an upload. Nothing happens where nothing is stored. */
  readonly remove: (id: UploadId) => Effect.Effect<void, UploadStoreError>

  /** How many bytes are stored; none where nothing is. */
  readonly size: (id: UploadId) => Effect.Effect<Option.Option<number>, UploadStoreError>

  /** Every upload of which something is stored, in any order. */
  readonly list: Stream.Stream<UploadId, UploadStoreError>

  /** Bytes that can still be stored; none where the backend cannot tell. */
  readonly free: Effect.Effect<Option.Option<number>, UploadStoreError>

  /** Where a person finds the bytes, such as a path; none where there is no such place. */
  readonly locate: (id: UploadId) => Option.Option<string>
}>() {}

/** Bytes in memory; they live as long as the layer. */
export const layerMemory: Layer.Layer<ByteStore> = Layer.sync(ByteStore, () => {
  const stored = new Map<UploadId, Uint8Array>()

  const slice = (id: UploadId, start: number, end: number) =>
    Effect.suspend(() => {
      const bytes = stored.get(id) ?? new Uint8Array()
      return bytes.length < end ? corrupt(`read ${id} to ${end}`) : Effect.succeed(bytes.slice(start, end))
    })

  return ByteStore.of({
    append: <E, R, E2, R2>(
      id: UploadId,
      at: number,
      bytes: Stream.Stream<Uint8Array, E, R>,
      onWritten: (end: number) => Effect.Effect<void, E2, R2>
    ) =>
      Effect.suspend((): Effect.Effect<number, E | E2 | UploadStoreError, R | R2> => {
        const before = stored.get(id) ?? new Uint8Array()
        if (before.length < at) {
          return Effect.fail(corrupt(`append to ${id} at ${at}`))
        }
        let end = at
        stored.set(id, before.slice(0, at))
        return bytes.pipe(
          Stream.runForEachChunk((batch) => {
            stored.set(id, joined([(stored.get(id) ?? new Uint8Array()).slice(0, end), ...batch]))
            end = (stored.get(id) ?? new Uint8Array()).length
            return onWritten(end)
          }),
          Effect.map(() => end)
        )
      }),
    truncate: (id, at) =>
      Effect.sync(() => {
        const bytes = stored.get(id)
        if (bytes !== undefined) {
          stored.set(id, bytes.slice(0, at))
        }
      }),
    sync: () => Effect.void,
    concat: (id, parts) =>
      Effect.forEach(parts, (part) => slice(part.id, 0, part.length)).pipe(
        Effect.map((slices) => {
          stored.set(id, joined(slices))
        })
      ),
    read: (id, { end, start }) => Stream.fromEffect(slice(id, start, end)),
    remove: (id) =>
      Effect.sync(() => {
        stored.delete(id)
      }),
    size: (id) => Effect.sync(() => Option.map(Option.fromNullable(stored.get(id)), ({ length }) => length)),
    list: Stream.suspend(() => Stream.fromIterable(Array.from(stored.keys()))),
    free: Effect.succeedNone,
    locate: () => Option.none()
  })
})

const corrupt = (operation: string) => new UploadStoreError({ reason: "Corrupt", operation })

const joined = (chunks: ReadonlyArray<Uint8Array>) => {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0))
  chunks.reduce((at, chunk) => {
    whole.set(chunk, at)
    return at + chunk.length
  }, 0)
  return whole
}
