/**
 * A stream that can be read only once, as the source of an upload. It is read only as far as bytes are asked for. Bytes
 * that were read and not released are kept, to be sent again.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Pull from "../../bytes/Pull.js"
import * as ReplayWindow from "./ReplayWindow.js"
import * as Spill from "./Spill.js"
import * as StreamFeed from "./StreamFeed.js"
import * as UploadSource from "./UploadSource.js"

/** What is known of a stream, and how much of it is kept in memory. */
export interface Options {
  /** The name in messages. */
  readonly name?: string | undefined
  /** In bytes, if it is known. A stream with more or fewer bytes fails before its last bytes are handed out. */
  readonly length?: number | undefined
  /** In bytes. 8 MiB by default. */
  readonly window?: number | undefined
}

/**
 * Keeps everything in memory. `ready` offers at most `window` bytes. A caller that releases each offset before it asks
 * for the next has at most `window` bytes and one chunk of the stream in memory.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { StreamSource, TusUpload } from "effect-tus/client"
 * import { NodeTusClient } from "effect-tus/node-client"
 *
 * const bytes = Stream.make("one", "two").pipe(Stream.encodeText)
 *
 * // Its length is sent at its end.
 * export const main = StreamSource.make(bytes).pipe(
 *   Effect.flatMap((source) => TusUpload.run({ endpoint: "http://127.0.0.1:1080/files", source })),
 *   Effect.scoped,
 *   Effect.provide(NodeTusClient.layer())
 * )
 * ```
 */
export const make = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  options?: Options
): Effect.Effect<UploadSource.UploadSource, never, R | Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => build(stream, scope, options))

/**
 * Keeps `window` bytes in memory, but at least 256 KiB, and the others in a temporary file, so `ready` offers what is
 * asked for. The file is created when it is first needed, in `directory` or in the system's directory for such files.
 * It is removed with the scope.
 */
export const makeSpilling = <E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  options?: Options & { readonly directory?: string | undefined }
): Effect.Effect<UploadSource.UploadSource, never, R | Scope.Scope | FileSystem.FileSystem> =>
  Effect.flatMap(
    Effect.zip(Effect.scope, FileSystem.FileSystem),
    ([scope, fs]) =>
      build(stream, scope, options, (name, files) =>
        Spill.open(name, options?.directory).pipe(
          Effect.provideService(FileSystem.FileSystem, fs),
          Scope.extend(files)
        ))
  )

const defaultWindow = 8 * 1024 * 1024

const build = Effect.fnUntraced(function*<E, R>(
  stream: Stream.Stream<Uint8Array, E, R>,
  parent: Scope.Scope,
  { length, name = "stream", window: asked = defaultWindow }: Options = {},
  open?: (name: string, files: Scope.Scope) => Effect.Effect<Spill.Spill, UploadSource.SourceError>
) {
  // The order of the scopes: at the end the running pull is stopped first, then the stream, and the file goes last.
  const scope = yield* Scope.fork(parent, ExecutionStrategy.sequential)
  const files = yield* Scope.fork(scope, ExecutionStrategy.sequential)
  const memory = Math.max(1, asked)
  const total = length ?? Infinity
  const window = ReplayWindow.make({ name, total, spill: open && { memory, open: open(name, files) } })
  yield* Scope.addFinalizer(scope, window.close)
  const pull = yield* stream.pipe(
    Stream.provideContext(yield* Effect.context<R>()),
    Stream.mapError(UploadSource.unreadable(name)),
    Stream.toPull,
    Effect.map((pull) => (length === undefined ? pull : UploadSource.exactly(name, length)(pull))),
    Scope.extend(scope)
  )
  const opened = { name, total, window, feed: StreamFeed.make({ name, pull, append: window.append, scope }) }
  return {
    name,
    length: Option.fromNullable(length),
    identity: Option.none(),
    ready: (offset, size) => gather(opened, offset, open === undefined ? Math.min(size, memory) : size),
    read: (offset, size) => Effect.sync(() => read(opened, offset, size)),
    release: window.release,
    seekable: false
  } satisfies UploadSource.UploadSource
})

/** A stream that is being read. */
interface Opened {
  readonly name: string
  /** In bytes; infinite if it is not known. */
  readonly total: number
  readonly window: ReplayWindow.ReplayWindow
  readonly feed: StreamFeed.StreamFeed
}

/** Pulls until the bytes are in the window, or the stream has ended. */
const gather = (
  opened: Opened,
  offset: number,
  size: number
): Effect.Effect<UploadSource.Ready, UploadSource.SourceError> =>
  Effect.suspend(() => {
    const { feed, name, total, window } = opened
    const until = Math.min(offset + size, total)
    const end = window.end()
    const ended = feed.ended()
    if (offset < window.start()) {
      return ReplayWindow.spent(name, offset)
    }
    // The last bytes of a known length count only if nothing follows them.
    if (until <= end && until < total) {
      return Effect.succeed({
        size: until - offset,
        last: until === end && ended !== undefined && Exit.isSuccess(ended)
      })
    }
    return ended === undefined
      ? Effect.zipRight(feed.advance, gather(opened, offset, size))
      : Effect.as(ended, { size: Math.max(0, Math.min(until, end) - offset), last: true })
  })

const read = (opened: Opened, offset: number, size: number): Pull.Reading<UploadSource.SourceError> => {
  const { name, window } = opened
  const until = offset + size
  let buffer: Uint8Array | undefined
  let at = offset
  const lent = () => (buffer ??= new Uint8Array(Math.min(size, ReplayWindow.blockBytes)))
  const next = Effect.suspend(() =>
    Effect.flatMap(
      gather(opened, at, Math.min(until - at, ReplayWindow.blockBytes)),
      (ready) => ready.size === 0 ? UploadSource.tooShort(name, until, at) : window.read(at, ready.size, lent)
    )
  )
  return Pull.reading(Effect.suspend(() =>
    at === until ? Pull.end : Effect.mapBoth(next, {
      onFailure: Option.some,
      onSuccess: (bytes) => {
        at += bytes.length
        return Chunk.of(bytes)
      }
    })
  ))
}
