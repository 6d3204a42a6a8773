/**
 * The bytes of an upload as one sequence: those in the byte store, and behind them its tail in the registry.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Pull from "../bytes/Pull.js"
import type { UploadId } from "../protocol/Upload.js"
import type { ByteStore } from "./ByteStore.js"
import { type StoredUpload, tailOf } from "./StoredUpload.js"
import type { Tail, UploadRegistry } from "./UploadRegistry.js"
import { type Superseded, UploadStoreError } from "./UploadStoreError.js"
import type { WaitingTails } from "./WaitingTails.js"

/** In bytes; `end` is exclusive. */
interface Range {
  readonly start: number
  readonly end: number
}

export type TailedBytes = ReturnType<typeof make>

export const make = (registry: UploadRegistry["Type"], bytes: ByteStore["Type"], waiting: WaitingTails) => {
  const { tails } = registry

  const tailOfId = (id: UploadId): Effect.Effect<Option.Option<Tail>, UploadStoreError> => {
    const whole = waiting.of(id)
    return whole === undefined
      ? tails?.read(id) ?? Effect.succeedNone
      : Effect.succeedSome({ at: 0, pieces: [whole] })
  }

  /** The bytes of a range that ends in the tail. Meanwhile they may have moved into the byte store. */
  const join = (id: UploadId, range: Range) =>
    Effect.flatMap(
      tailOfId(id),
      (tail): Effect.Effect<Stream.Stream<Uint8Array, UploadStoreError>, UploadStoreError> => {
        const { end, start } = range
        if (Option.isNone(tail) || end <= tail.value.at) {
          return Effect.succeed(bytes.read(id, range))
        }
        const { at } = tail.value
        const beside = Pull.concat(tail.value.pieces).subarray(Math.max(start - at, 0), end - at)
        return beside.length < end - Math.max(start, at)
          ? missing(id, range)
          : Effect.succeed(
            start < at
              ? Stream.concat(bytes.read(id, { start, end: at }), Stream.make(beside))
              : Stream.make(beside)
          )
      }
    )

  /** Appends to the byte store: tail, batch and rest. Until the commit the registry keeps the tail. */
  const appendBehindTail = <E, R>(
    { fence, stored, upload: { id, offset } }: StoredUpload,
    batch: Chunk.Chunk<Uint8Array>,
    rest: Pull.Pull<UploadStoreError>,
    onWritten: (end: number) => Effect.Effect<void, E, R>
  ): Effect.Effect<number, E | Superseded | UploadStoreError, R> =>
    Effect.flatMap(tailOfId(id), (tail) => {
      const pieces = Chunk.fromIterable(
        Option.match(tail, { onNone: () => [], onSome: ({ at, pieces }) => at === stored ? pieces : [] })
      )
      return Pull.sizeOf(pieces) !== offset - stored
        ? missing(id, { start: stored, end: offset })
        : bytes.append(
          id,
          { at: stored, fence },
          Pull.after(Chunk.appendAll(pieces, batch), rest),
          (end) => end < offset ? Effect.void : onWritten(end)
        )
    })

  /** Appends the bytes of `pull`. A tail goes before them, once there are any. */
  const append = <E, R>(
    entry: StoredUpload,
    pull: Pull.Pull<UploadStoreError>,
    onWritten: (end: number) => Effect.Effect<void, E, R>
  ): Effect.Effect<number, E | Superseded | UploadStoreError, R> =>
    tailOf(entry) === 0
      ? bytes.append(entry.upload.id, { at: entry.stored, fence: entry.fence }, pull, onWritten)
      : Effect.matchEffect(pull, {
        onFailure: Option.match({ onNone: () => Effect.succeed(entry.upload.offset), onSome: Effect.fail }),
        onSuccess: (batch) =>
          Pull.sizeOf(batch) === 0
            ? append(entry, pull, onWritten)
            : appendBehindTail(entry, batch, pull, onWritten)
      })

  return {
    /** Appends the bytes of `pull` to the upload, and returns the offset that they reach. Commits nothing. */
    append,

    /** Appends the tail and what waits to become part of it. Commits nothing. */
    move: (
      entry: StoredUpload,
      waiting: Uint8Array | undefined
    ): Effect.Effect<number, Superseded | UploadStoreError> =>
      appendBehindTail(entry, waiting === undefined ? Chunk.empty() : Chunk.of(waiting), Pull.end, () => Effect.void),

    /** Bytes behind the offset, which are not committed, are in the byte store. */
    read: (id: UploadId, range: Range): Stream.Stream<Uint8Array, UploadStoreError> =>
      tails === undefined ? bytes.read(id, range) : Stream.unwrap(
        Effect.flatMap(
          registry.get(id),
          (found) =>
            Option.exists(found, (entry) => tailOf(entry) > 0 && range.end <= entry.upload.offset)
              ? range.start < range.end ? join(id, range) : Effect.succeed(Stream.empty)
              : Effect.succeed(bytes.read(id, range))
        )
      )
  }
}

/** Where the bytes of an upload are, for people; nowhere as long as there is a tail. */
export const locate =
  ({ get, known, tails }: UploadRegistry["Type"], bytes: ByteStore["Type"]) =>
  (id: UploadId): Effect.Effect<Option.Option<string>, UploadStoreError> =>
    Effect.suspend(() => {
      const location = bytes.locate?.(id) ?? Option.none()
      const unlessTailed = (entry: StoredUpload | undefined) =>
        entry !== undefined && tailOf(entry) > 0 ? Option.none() : location
      const entry = known?.(id)
      return entry !== undefined || tails === undefined || Option.isNone(location)
        ? Exit.succeed(unlessTailed(entry))
        : Effect.map(get(id), (found) => unlessTailed(Option.getOrUndefined(found)))
    })

const missing = (id: UploadId, { end, start }: Range) =>
  new UploadStoreError({
    reason: "Corrupt",
    operation: `read ${id} from ${start} to ${end}`,
    cause: new Error("the registry lacks bytes of its tail")
  })
