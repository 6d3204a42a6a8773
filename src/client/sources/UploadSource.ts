/**
 * The source of an upload's bytes: it can be read again from any offset that is not yet acknowledged.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Pull from "../../bytes/Pull.js"

/** The source cannot be read, or does not have the bytes that it said. Another attempt does not help. */
export class SourceError extends Schema.TaggedError<SourceError>("effect-tus/SourceError")("SourceError", {
  /**
   * - `"Missing"`, `"NotAFile"`, `"Unreadable"`: the source cannot be opened or read.
   * - `"TooShort"`, `"TooLong"`: the source has another number of bytes than it said.
   * - `"Changed"`: the source was written to while it was read.
   * - `"Spent"`: the source can be read only once, and the bytes that are asked for are gone.
   */
  reason: Schema.Literal("Missing", "NotAFile", "Unreadable", "TooShort", "TooLong", "Changed", "Spent"),
  /** The name of the source: a path, or the name that it was given. */
  source: Schema.String,
  /** What is wrong, as the end of a sentence. */
  detail: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {
  override get message(): string {
    return `${this.source}: ${this.detail}`
  }
}

/** What is known of a source before it is read. Two sources with the same identity very likely have the same bytes. */
export interface Identity {
  readonly name: string
  readonly size: number
  /** The date of the last change, in milliseconds since 1970. */
  readonly modified: Option.Option<number>
}

/** What can be sent next. */
export interface Ready {
  /** How many bytes can be read. */
  readonly size: number
  /** The source ends behind them. */
  readonly last: boolean
}

/**
 * Bytes to be uploaded: `fromBytes`, `fromBlob` and `fromRange` make one, `FileSource` and `StreamSource` as well.
 * Offsets and sizes are in bytes.
 */
export interface UploadSource {
  /** The name in messages. */
  readonly name: string
  /** In bytes; Option.none if it is known only at the end. */
  readonly length: Option.Option<number>
  /** Option.none if a later session cannot find the source again: then the journal does not remember it. */
  readonly identity: Option.Option<Identity>
  /**
   * Waits until `size` bytes can be read at `offset`, or as many as the source can hold, or the source has ended. The
   * end may be noticed only by the next call, which then returns no bytes and `last`. `offset` is never before that of
   * the last `release`.
   */
  readonly ready: (offset: number, size: number) => Effect.Effect<Ready, SourceError>
  /**
   * Begins to read exactly `size` bytes at `offset`, or fails. Each chunk is lent: its memory is used again for the
   * next one. If the source is not `seekable`, one reading ends before the next one begins.
   */
  readonly read: (offset: number, size: number) => Effect.Effect<Pull.Reading<SourceError>, SourceError>
  /**
   * Reads exactly `size` bytes at `offset` at once, or fails. Nobody changes them afterwards. Asked for at most 64 KiB.
   * Without it they are read like more bytes, while the request is sent.
   */
  readonly bytes?: ((offset: number, size: number) => Effect.Effect<Uint8Array, SourceError>) | undefined
  /** The bytes before `offset` will not be asked for again. */
  readonly release: (offset: number) => Effect.Effect<void>
  /** Whether any offset can be read at any time, by several readers at once. A parallel upload needs that. */
  readonly seekable: boolean
}

/** Bytes in memory, which are not copied. A later session can find them again only if they have a name. */
export const fromBytes = (bytes: Uint8Array, options?: { readonly name?: string | undefined }): UploadSource => {
  const part = (start: number, end: number) => Effect.succeed(bytes.subarray(start, end))
  const source = seekable({
    name: options?.name ?? "bytes",
    length: bytes.length,
    read: pieces(part),
    bytes: part
  })
  return options?.name === undefined ? { ...source, identity: Option.none() } : source
}

/**
 * A Blob or a File. A later session finds a File again by its name, size and date. A File that has changed on disk
 * fails with `Changed`.
 */
export const fromBlob = (blob: Blob): UploadSource => {
  const file = "name" in blob && typeof blob.name === "string" ? Option.some(blob.name) : Option.none()
  const name = Option.getOrElse(file, () => "blob")
  const part = (start: number, end: number) =>
    Effect.tryPromise({
      try: async () => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
      catch: (cause) => isStale(cause) ? changed(name, cause) : unreadable(name)(cause)
    })
  const source = seekable({
    name,
    length: blob.size,
    modified: "lastModified" in blob && typeof blob.lastModified === "number" ? blob.lastModified : undefined,
    read: pieces(part),
    bytes: part
  })
  return Option.isSome(file) ? source : { ...source, identity: Option.none() }
}

/**
 * Bytes that a function returns as often as it is asked: those from `start` to `end` (exclusive), in chunks of any
 * size. For an object in a store or a row of a database. `modified` is in milliseconds since 1970.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { UploadSource } from "effect-tus/client"
 *
 * const bytes = new Uint8Array(1024)
 *
 * export const source = UploadSource.fromRange({
 *   name: "row-42",
 *   length: bytes.length,
 *   read: (start, end) => Stream.make(bytes.subarray(start, end))
 * })
 * ```
 */
export const fromRange = (options: {
  readonly name: string
  readonly length: number
  readonly modified?: number | undefined
  readonly read: (start: number, end: number) => Stream.Stream<Uint8Array, unknown>
}): UploadSource =>
  seekable({
    ...options,
    read: (start, end) =>
      Effect.map(
        Pull.fromStream(Stream.unwrap(Effect.try({ try: () => options.read(start, end), catch: (cause) => cause }))),
        ({ close, pull }) => ({ pull: exactly(options.name, end - start)(pull), close })
      )
  })

/** A source of known length that reads the bytes from `start` to `end` (exclusive), a few of them at once. */
export const seekable = (options: {
  readonly name: string
  readonly length: number
  /** In milliseconds since 1970. */
  readonly modified?: number | undefined
  readonly read: (start: number, end: number) => Effect.Effect<Pull.Reading<SourceError>, SourceError>
  readonly bytes?: ((start: number, end: number) => Effect.Effect<Uint8Array, SourceError>) | undefined
}): UploadSource => {
  const { bytes, length, name, read } = options
  const within =
    <A>(get: (start: number, end: number) => Effect.Effect<A, SourceError>) => (offset: number, size: number) =>
      offset + size > length ? Effect.fail(tooShort(name, offset + size, length)) : get(offset, offset + size)
  return {
    name,
    length: Option.some(length),
    identity: Option.some({ name, size: length, modified: Option.fromNullable(options.modified) }),
    ready: (offset, size) =>
      Effect.succeed({ size: Math.max(0, Math.min(size, length - offset)), last: offset + size >= length }),
    read: within(read),
    bytes: bytes && within(bytes),
    release: () => Effect.void,
    seekable: true
  }
}

/**
 * Passes the bytes on if there are `size` of them. A longer or shorter source never hands out the last byte, so a
 * request with a Content-Length cannot end well. Failures become `Unreadable` unless they are a `SourceError`.
 */
export const exactly = (name: string, size: number) => (pull: Pull.Pull<unknown>): Pull.Pull<SourceError> => {
  let left = size
  let ended = false
  const next: Pull.Pull<SourceError> = Effect.matchEffect(pull, {
    onFailure: Option.match({
      onNone: () => (left === 0 ? Pull.end : Pull.fail(tooShort(name, size, size - left))),
      onSome: (cause) => Pull.fail(unreadable(name)(cause))
    }),
    onSuccess: (chunk) => {
      left -= Pull.sizeOf(chunk)
      return left > 0 ? Effect.succeed(chunk) : left < 0 ? Pull.fail(tooLong(name, size)) : Effect.as(rest, chunk)
    }
  })
  // The last chunk is held during one more pull. Its memory is used again only for bytes that must not exist.
  const rest: Effect.Effect<void, Option.Option<SourceError>> = Effect.matchEffect(pull, {
    onFailure: Option.match({
      onNone: () => Effect.sync(() => void (ended = true)),
      onSome: (cause) => Pull.fail(unreadable(name)(cause))
    }),
    onSuccess: (chunk) => (Pull.sizeOf(chunk) === 0 ? rest : Pull.fail(tooLong(name, size)))
  })
  return Effect.suspend(() => (ended ? Pull.end : next))
}

/** Reads `size` bytes at `offset`. The chunks are lent. */
export const forEach = (
  source: UploadSource,
  offset: number,
  size: number,
  each: (bytes: Uint8Array) => void
): Effect.Effect<void, SourceError> =>
  Pull.use(
    source.read(offset, size),
    (pull) => Pull.forEachBatch(pull, (batch) => Effect.sync(() => Chunk.forEach(batch, each)))
  )

/** All of a reading of `size` bytes in memory of its own. */
export const gather = (
  open: Effect.Effect<Pull.Reading<SourceError>, SourceError>,
  size: number
): Effect.Effect<Uint8Array<ArrayBuffer>, SourceError> =>
  Effect.suspend(() => {
    const gathered = new Uint8Array(size)
    let end = 0
    const put = (batch: Chunk.Chunk<Uint8Array>) =>
      Effect.sync(() =>
        Chunk.forEach(batch, (bytes) => {
          gathered.set(bytes, end)
          end += bytes.length
        })
      )
    return Pull.use(open, (pull) => Pull.forEachBatch(pull, put)).pipe(
      Effect.filterOrDieMessage(() => end === size, `a body of ${size} bytes has another length`),
      Effect.as(gathered)
    )
  })

/** The `SourceError` of a failure; a `SourceError` stays as it is. */
export const unreadable = (source: string) => (cause: unknown): SourceError =>
  cause instanceof SourceError
    ? cause
    : new SourceError({ reason: "Unreadable", source, detail: `it cannot be read: ${messageOf(cause)}`, cause })

/** The error of a source that said it has `size` bytes, and ended after `actual`. */
export const tooShort = (source: string, size: number, actual: number): SourceError =>
  new SourceError({ reason: "TooShort", source, detail: `it ended after ${actual} of ${size} bytes` })

/** A seekable source has at most this many bytes in memory. */
export const pieceBytes = 2 * 1024 * 1024

const tooLong = (source: string, size: number): SourceError =>
  new SourceError({ reason: "TooLong", source, detail: `it has more than ${size} bytes` })

const changed = (source: string, cause: unknown): SourceError =>
  new SourceError({ reason: "Changed", source, detail: "it was changed or removed after it was chosen", cause })

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** How browsers fail if the file behind a Blob has changed. */
const isStale = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name === "NotReadableError" || cause.name === "NotFoundError")

/** Reads a range in pieces of at most `pieceBytes`. */
const pieces =
  (read: (start: number, end: number) => Effect.Effect<Uint8Array, SourceError>) =>
  (start: number, end: number): Effect.Effect<Pull.Reading<SourceError>> =>
    Effect.sync(() => {
      let at = start
      return Pull.reading(Effect.suspend(() => {
        if (at >= end) {
          return Pull.end
        }
        const from = at
        at = Math.min(from + pieceBytes, end)
        return Effect.mapBoth(read(from, at), { onFailure: Option.some, onSuccess: Chunk.of })
      }))
    })
