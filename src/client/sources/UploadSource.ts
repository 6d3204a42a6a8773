/**
 * Where the bytes of an upload come from: something that can be read again, from any offset that is not yet
 * acknowledged.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Pull from "../../bytes/Pull.js"

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

/**
 * Bytes to be uploaded: `fromBytes`, `fromBlob` and `fromRange` make one, `FileSource` and `StreamSource` as well.
 * Offsets and sizes are in bytes.
 */
export interface UploadSource {
  /** What it is called in messages. */
  readonly name: string
  /** In bytes; none where it is known only at the end. */
  readonly length: Option.Option<number>
  /** None where the source cannot be found again in another session: then it is not remembered. */
  readonly identity: Option.Option<Identity>
  /**
   * Waits until `size` bytes can be read at `offset`, or as many of them as the source can hold, or it has ended. That
   * it has may come to light only at the next call: no bytes, and the last. `offset` lies at or behind the one of the
   * last `release`.
   */
  readonly ready: (offset: number, size: number) => Effect.Effect<Ready, SourceError>
  /**
   * Begins to read the bytes from `offset`, exactly `size` of them, or a failure. Each chunk is lent: its memory is
   * used again once the next is asked for. Where the source is not `seekable`, one reading has ended before the next
   * begins.
   */
  readonly read: (offset: number, size: number) => Effect.Effect<Pull.Reading<SourceError>, SourceError>
  /** The bytes before `offset` will never be asked for again. */
  readonly release: (offset: number) => Effect.Effect<void>
  /** Whether any offset can be read at any time, and by several at once: what a parallel upload needs. */
  readonly seekable: boolean
}

/** Bytes in memory, sent as they lie there. They can be found again in another session only under a name. */
export const fromBytes = (bytes: Uint8Array, options?: { readonly name?: string | undefined }): UploadSource => {
  const source = seekable({
    name: options?.name ?? "bytes",
    length: bytes.length,
    read: pieces((start, end) => Effect.succeed(bytes.subarray(start, end)))
  })
  return options?.name === undefined ? { ...source, identity: Option.none() } : source
}

/** A Blob, or a File, which can be found again by its name, size and date. One that has changed on disk is noticed. */
export const fromBlob = (blob: Blob): UploadSource => {
  const file = "name" in blob && typeof blob.name === "string" ? Option.some(blob.name) : Option.none()
  const name = Option.getOrElse(file, () => "blob")
  const source = seekable({
    name,
    length: blob.size,
    modified: "lastModified" in blob && typeof blob.lastModified === "number" ? blob.lastModified : undefined,
    read: pieces((start, end) =>
      Effect.tryPromise({
        try: async () => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
        catch: (cause) => isStale(cause) ? changed(name, cause) : unreadable(name)(cause)
      })
    )
  })
  return Option.isSome(file) ? source : { ...source, identity: Option.none() }
}

/**
 * Bytes that a function returns again and again, those from `start` to `end` (exclusive) in chunks of any size: an
 * object in a store, a row of a database. `modified` in milliseconds since 1970.
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

/** A source of known length that hands out the bytes from `start` to `end` (exclusive), and no others. */
export const seekable = (options: {
  readonly name: string
  readonly length: number
  /** In milliseconds since 1970. */
  readonly modified?: number | undefined
  readonly read: (start: number, end: number) => Effect.Effect<Pull.Reading<SourceError>, SourceError>
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
        ? Effect.fail(tooShort(name, offset + size, length))
        : read(offset, offset + size),
    release: () => Effect.void,
    seekable: true
  }
}

/**
 * The bytes as they are where there are `size` of them. What has more never gets to hand out the last of them, so that
 * a request whose length was announced does not end well. Failures become `Unreadable`, but for those that tell more.
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
  // A lent chunk is held over one more pull: its memory is used again only for bytes that must not be there.
  const rest: Effect.Effect<void, Option.Option<SourceError>> = Effect.matchEffect(pull, {
    onFailure: Option.match({
      onNone: () => Effect.sync(() => void (ended = true)),
      onSome: (cause) => Pull.fail(unreadable(name)(cause))
    }),
    onSuccess: (chunk) => (Pull.sizeOf(chunk) === 0 ? rest : Pull.fail(tooLong(name, size)))
  })
  return Effect.suspend(() => (ended ? Pull.end : next))
}

/** Reads the bytes from `offset`, `size` of them. They are lent. */
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

/** What a source's failure becomes; one that tells what it is stays as it is. */
export const unreadable = (source: string) => (cause: unknown): SourceError =>
  cause instanceof SourceError
    ? cause
    : new SourceError({ reason: "Unreadable", source, detail: `it cannot be read: ${messageOf(cause)}`, cause })

/** The failure of a source that said it has `size` bytes, and ended after `actual`. */
export const tooShort = (source: string, size: number, actual: number): SourceError =>
  new SourceError({ reason: "TooShort", source, detail: `it ended after ${actual} of ${size} bytes` })

/** The most that is in memory of a source that can be read again at any time, in bytes. */
export const pieceBytes = 2 * 1024 * 1024

const tooLong = (source: string, size: number): SourceError =>
  new SourceError({ reason: "TooLong", source, detail: `it has more than ${size} bytes` })

const changed = (source: string, cause: unknown): SourceError =>
  new SourceError({ reason: "Changed", source, detail: "it was changed or removed after it was chosen", cause })

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** What browsers say when the file behind a Blob is not the one that was chosen. */
const isStale = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name === "NotReadableError" || cause.name === "NotFoundError")

/** A range by what is read of it at once. */
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
