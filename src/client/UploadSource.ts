/**
 * Where the bytes of an upload come from: something that can be read again, from any offset that is not yet acknowledged.
 */
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** The bytes are not there, or not as they were said to be. Never worth another attempt. */
export class SourceError extends Schema.TaggedError<SourceError>("effect-tus/SourceError")("SourceError", {
  /**
   * - `"Missing"`, `"NotAFile"`, `"Unreadable"`: it cannot be opened or read.
   * - `"TooShort"`, `"TooLong"`: it has another number of bytes than it said.
   * - `"Changed"`: it was written to while it was read.
   * - `"Spent"`: it can be read only once, and bytes are asked for that are gone.
   */
  reason: Schema.Literal("Missing", "NotAFile", "Unreadable", "TooShort", "TooLong", "Changed", "Spent"),
  /** Its name: a path, or what it was called. */
  source: Schema.String,
  /** What was expected, as the end of a sentence. */
  detail: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {
  override get message(): string {
    return `${this.source}: ${this.detail}`
  }
}

/** What is known of a source before it is read: the same again means very likely the same bytes. */
export interface Identity {
  readonly name: string
  readonly size: number
  /** When it was last changed, in milliseconds since 1970. */
  readonly modified: Option.Option<number>
}

/** What can be sent next. */
export interface Ready {
  /** How many bytes can be read. */
  readonly size: number
  /** The source ends behind them. */
  readonly last: boolean
}

export interface UploadSource {
  /** What it is called in messages. */
  readonly name: string
  /** In bytes; none where it is known only at the end. */
  readonly length: Option.Option<number>
  /** None where the source cannot be found again in another session: then it is not remembered. */
  readonly identity: Option.Option<Identity>
  /**
   * Waits until `size` bytes can be read at `offset`, or as many of them as the source can hold, or it has ended. That it
   * has may come to light only at the next call: no bytes, and the last. `offset` lies at or behind the one of the last
   * `release`.
   */
  readonly ready: (offset: number, size: number) => Effect.Effect<Ready, SourceError>
  /**
   * The bytes from `offset`, exactly `size` of them, or a failure. Each chunk is lent: its memory is used again once the next
   * is asked for. Where the source is not `seekable`, one reading has ended before the next begins.
   */
  readonly read: (offset: number, size: number) => Stream.Stream<Uint8Array, SourceError>
  /** The bytes before `offset` will never be asked for again. */
  readonly release: (offset: number) => Effect.Effect<void>
  /** Whether any offset can be read at any time, and by several at once: what a parallel upload needs. */
  readonly seekable: boolean
}

/** Bytes in memory, sent as they lie there. They can be found again in another session only under a name. */
export const fromBytes = (bytes: Uint8Array, options?: { readonly name?: string | undefined }): UploadSource => {
  const source = fromRange({
    name: options?.name ?? "bytes",
    length: bytes.length,
    read: (start, end) => Stream.map(pieces(start, end), (piece) => bytes.subarray(piece.start, piece.end))
  })
  return options?.name === undefined ? { ...source, identity: Option.none() } : source
}

/** A Blob, or a File, which can be found again by its name, size and date. One that has changed on disk is noticed. */
export const fromBlob = (blob: Blob): UploadSource => {
  const file = "name" in blob && typeof blob.name === "string" ? Option.some(blob.name) : Option.none()
  const name = Option.getOrElse(file, () => "blob")
  const source = fromRange({
    name,
    length: blob.size,
    modified: "lastModified" in blob && typeof blob.lastModified === "number" ? blob.lastModified : undefined,
    read: (start, end) =>
      Stream.mapEffect(pieces(start, end), (piece) =>
        Effect.tryPromise({
          try: () => blob.slice(piece.start, piece.end).arrayBuffer(),
          catch: (cause) => isStale(cause) ? changed(name, cause) : unreadable(name)(cause)
        }).pipe(Effect.map((buffer) => new Uint8Array(buffer))))
  })
  return Option.isSome(file) ? source : { ...source, identity: Option.none() }
}

/**
 * Bytes that a function returns again and again, those from `start` to `end` (exclusive) in chunks of any size: an object in
 * a store, a row of a database. `modified` in milliseconds since 1970.
 */
export const fromRange = (options: {
  readonly name: string
  readonly length: number
  readonly modified?: number | undefined
  readonly read: (start: number, end: number) => Stream.Stream<Uint8Array, unknown>
}): UploadSource => {
  const { length, name, read } = options
  return {
    name,
    length: Option.some(length),
    identity: Option.some({ name, size: length, modified: Option.fromNullable(options.modified) }),
    ready: (offset, size) =>
      Effect.succeed({ size: Math.max(0, Math.min(size, length - offset)), last: offset + size >= length }),
    read: (offset, size) =>
      offset + size > length
        ? Stream.fail(tooShort(name, offset + size, length))
        : exactly(name, size)(Stream.suspend(() => read(offset, offset + size))),
    release: () => Effect.void,
    seekable: true
  }
}

/**
 * The stream as it is where it has `size` bytes in all. One that has more never gets to hand out the last of them, so that a
 * request whose length was announced does not end well. Its failures become `Unreadable`, but for those that tell more.
 */
export const exactly =
  (name: string, size: number) =>
  (stream: Stream.Stream<Uint8Array, unknown>): Stream.Stream<Uint8Array, SourceError> => {
    type Exactly = Channel.Channel<
      Chunk.Chunk<Uint8Array>,
      Chunk.Chunk<Uint8Array>,
      SourceError,
      SourceError,
      void,
      unknown
    >
    const awaiting = (seen: number): Exactly =>
      Channel.readWith({
        onInput: (chunk: Chunk.Chunk<Uint8Array>) => {
          const end = Chunk.reduce(chunk, seen, (sum, { length }) => sum + length)
          return end < size
            ? Channel.zipRight(Channel.write(chunk), awaiting(end))
            : end === size
            ? ending(chunk)
            : Channel.fail(tooLong(name, size))
        },
        onFailure: (error: SourceError) => Channel.fail(error),
        onDone: () => seen === size ? Channel.void : Channel.fail(tooShort(name, size, seen))
      })
    // A lent chunk is held over one more pull: its memory is used again only for bytes that must not be there.
    const ending = (held: Chunk.Chunk<Uint8Array>): Exactly =>
      Channel.readWith({
        onInput: (chunk: Chunk.Chunk<Uint8Array>) =>
          Chunk.every(chunk, ({ length }) => length === 0) ? ending(held) : Channel.fail(tooLong(name, size)),
        onFailure: (error: SourceError) => Channel.fail(error),
        onDone: () => Channel.write(held)
      })
    return Stream.pipeThroughChannel(Stream.mapError(stream, unreadable(name)), awaiting(0))
  }

/** What a source's failure becomes; one that tells what it is stays as it is. */
export const unreadable = (source: string) => (cause: unknown): SourceError =>
  cause instanceof SourceError
    ? cause
    : new SourceError({ reason: "Unreadable", source, detail: `it cannot be read: ${messageOf(cause)}`, cause })

export const tooShort = (source: string, size: number, actual: number): SourceError =>
  new SourceError({ reason: "TooShort", source, detail: `it ended after ${actual} of ${size} bytes` })

/** The most that is in memory of a source that can be read again at any time, in bytes. */
export const pieceBytes = 512 * 1024

const tooLong = (source: string, size: number): SourceError =>
  new SourceError({ reason: "TooLong", source, detail: `it has more than ${size} bytes` })

const changed = (source: string, cause: unknown): SourceError =>
  new SourceError({ reason: "Changed", source, detail: "it was changed or removed after it was chosen", cause })

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** What browsers say when the file behind a Blob is not the one that was chosen. */
const isStale = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name === "NotReadableError" || cause.name === "NotFoundError")

/** The range, cut to what is read at once. */
const pieces = (start: number, end: number): Stream.Stream<{ readonly start: number; readonly end: number }> =>
  Stream.unfold(start, (at) => {
    const next = Math.min(at + pieceBytes, end)
    return at < end ? Option.some([{ start: at, end: next }, next] as const) : Option.none()
  })
