/**
 * Uploads as Streams of their progress. Interrupting one pauses it: the request has ended when the fiber has, and a
 * later session continues at the last acknowledged byte.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Known from "../../time/Known.js"
import type { RawResponse } from "../../wire/Message.js"
import type { JournalEntry } from "../journal/UploadJournal.js"
import { type Info, TusClient } from "../requests/TusClient.js"
import type { SourceError, UploadSource } from "../sources/UploadSource.js"
import { type FileError, type TusError, Unsupported } from "../transport/TusError.js"
import * as UserCode from "../transport/UserCode.js"
import * as Division from "./Division.js"
import * as JournaledUpload from "./JournaledUpload.js"
import * as LatestQueue from "./LatestQueue.js"
import * as Parallel from "./Parallel.js"
import type { Progress } from "./Progress.js"
import * as Retry from "./Retry.js"
import * as Uploader from "./Uploader.js"
import { defaultRetry, type UploadOptions, type WithDefaults, withDefaults } from "./UploadOptions.js"

/** Whether nothing is left to do: the upload is complete, or has reached `stopAt`. */
export const isDone = Uploader.isDone

/** The result of an upload. */
export interface Result {
  readonly url: string
  /** Bytes that the server has: all, unless the upload has stopped at `stopAt`. */
  readonly bytes: number
  readonly complete: boolean
  /** The duration of this session. */
  readonly seconds: number
  /** Requests whose bytes were acknowledged, and failed attempts. */
  readonly attempts: number
  /**
   * The response to the request that brought the last bytes or joined the parts, with what the server's application
   * adds to it (`onComplete`). Option.none if that response was lost or had no offset, or if an earlier session
   * received it.
   */
  readonly answer: Option.Option<RawResponse>
}

/**
 * Uploads a source. The Stream reports its progress and ends when the server has all bytes.
 *
 * @example
 * ```ts
 * import { Console, Effect, Option, Stream } from "effect"
 * import { TusUpload, UploadSource } from "effect-tus/client"
 * import { NodeTusClient } from "effect-tus/node-client"
 *
 * const source = UploadSource.fromBytes(new TextEncoder().encode("hello"))
 *
 * export const main = TusUpload.upload({ endpoint: "http://127.0.0.1:1080/files", source }).pipe(
 *   Stream.runForEach(({ acknowledged, total }) =>
 *     Console.log(`${acknowledged} bytes of ${Option.getOrElse(total, () => "unknown")}`)
 *   ),
 *   Effect.provide(NodeTusClient.layer())
 * )
 * ```
 */
export const upload = <R = never>(options: UploadOptions<R>): Stream.Stream<Progress, TusError, TusClient | R> =>
  Stream.unwrapScoped(
    Effect.gen(function*() {
      const settled = yield* withDefaults(options)
      const updates = LatestQueue.make<Progress, TusError>((before, after) =>
        before.event === "Sent" && after.event === "Sent"
      )
      yield* drive(settled, updates.offer).pipe(
        Effect.onExit((exit) => Effect.sync(() => updates.end(exit))),
        Effect.forkScoped
      )
      return updates.stream
    })
  )

/**
 * Uploads a source and returns the result.
 *
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { TusUpload, UploadSource } from "effect-tus/client"
 * import { NodeTusClient } from "effect-tus/node-client"
 *
 * const source = UploadSource.fromBytes(new TextEncoder().encode("hello"))
 *
 * export const main = TusUpload.run({
 *   endpoint: "http://127.0.0.1:1080/files",
 *   source,
 *   metadata: { filename: "hello.txt" }
 * }).pipe(
 *   Effect.tap(({ url }) => Console.log(`stored at ${url}`)),
 *   Effect.catchTag("Refused", ({ status, text }) => Console.error(`${status}: ${text}`)),
 *   Effect.provide(NodeTusClient.layer())
 * )
 * ```
 */
export const run = <R = never>(options: UploadOptions<R>): Effect.Effect<Result, TusError, TusClient | R> =>
  Effect.flatMap(withDefaults(options), (settled) => Effect.map(drive(settled, () => {}), resultOf))

const resultOf = ({ acknowledged, answer, chunks, elapsed, event, retries, url }: Progress): Result => ({
  url: Option.getOrElse(url, () => ""),
  bytes: acknowledged,
  complete: event === "Complete",
  seconds: Duration.toSeconds(elapsed),
  attempts: chunks + retries,
  answer
})

/** Returns the last progress. */
const drive = Effect.fnUntraced(function*<R>(options: WithDefaults<R>, onProgress: (progress: Progress) => void) {
  const key = yield* JournaledUpload.keyOf(options.endpoint, options.source)
  const begun = JournaledUpload.partsOf(options.source, key)
  const ranges = Division.rangesOf({ ...options, parallel: Option.getOrElse(begun, () => options.parallel) })
  if (ranges.length > 1 && (yield* Parallel.isPossible(options, Option.isSome(begun)))) {
    return yield* Parallel.run(options, ranges, key, onProgress)
  }
  const uploader = yield* Uploader.make(options, onProgress, { key, count: 1 })
  const all = options.terminateOnInterrupt === true
    ? Effect.onInterrupt(
      uploader.all,
      // A complete upload is not removed, even if the reader of its progress is interrupted.
      () =>
        Effect.flatMap(uploader.progress, ({ acknowledged, total }) =>
          Option.contains(total, acknowledged)
            ? Effect.void
            : uploader.terminate.pipe(Effect.interruptible, Effect.timeout(Uploader.terminateTimeout), Effect.ignore))
    )
    : uploader.all
  return yield* Known.exit(uploader.close) === undefined ? Effect.ensuring(all, uploader.close) : all
})

/** One upload that the caller sends chunk by chunk, as long as the scope is open. Never in parallel. */
export const uploader = <R = never>(
  options: UploadOptions<R>
): Effect.Effect<Uploader.Uploader<R>, TusError, TusClient | Scope.Scope> =>
  Effect.flatMap(withDefaults(options), (settled) => Uploader.makeScoped(settled))

/** Progress or failure of one of many files. */
export type Update<A> =
  | { readonly _tag: "Progress"; readonly file: A; readonly progress: Progress }
  | { readonly _tag: "Failed"; readonly file: A; readonly error: FileError }

/** How many files are sent at the same time. */
export interface AllOptions {
  /** How many files are sent at the same time. 3 by default. */
  readonly concurrency?: number | undefined
}

const defaultConcurrency = 3

/** Uploads many files, `concurrency` at a time. A file that fails does not stop the others. */
export const all = <A, R = never, R2 = never>(
  files: Iterable<A>,
  toOptions: (file: A) => Effect.Effect<UploadOptions<R>, TusError, R2>,
  { concurrency = defaultConcurrency }: AllOptions = {}
): Stream.Stream<Update<A>, never, TusClient | R | R2> =>
  Stream.flatMap(
    Stream.fromIterable(files),
    (file) =>
      Stream.unwrap(Effect.map(optionsOf(file, toOptions), upload)).pipe(
        Stream.map((progress): Update<A> => ({ _tag: "Progress", file, progress })),
        Stream.catchAllCause((cause) => Stream.succeed<Update<A>>({ _tag: "Failed", file, error: failureOf(cause) }))
      ),
    { concurrency }
  )

const optionsOf = <A, B, E, R>(file: A, toOptions: (file: A) => Effect.Effect<B, E, R>) =>
  UserCode.effect("toOptions", () => toOptions(file))

const failureOf = (cause: Cause.Cause<TusError>): FileError =>
  Option.getOrElse(Cause.failureOption(cause), () => UserCode.bugOf("the upload", UserCode.reasonOf(cause)))

/** The results of many files. */
export interface Report<A> {
  readonly succeeded: ReadonlyArray<readonly [file: A, result: Result]>
  readonly failed: ReadonlyArray<readonly [file: A, error: FileError]>
}

/** Uploads many files and returns the result of each. */
export const runAll = <A, R = never, R2 = never>(
  files: Iterable<A>,
  toOptions: (file: A) => Effect.Effect<UploadOptions<R>, TusError, R2>,
  { concurrency = defaultConcurrency }: AllOptions = {}
): Effect.Effect<Report<A>, never, TusClient | R | R2> =>
  Effect.map(
    Effect.forEach(
      files,
      (file) =>
        Effect.matchCause(Effect.flatMap(optionsOf(file, toOptions), run), {
          onFailure: (cause) => Either.left([file, failureOf(cause)] as const),
          onSuccess: (result) => Either.right([file, result] as const)
        }),
      { concurrency }
    ),
    (ended) => {
      const [failed, succeeded] = Arr.separate(ended)
      return { failed, succeeded }
    }
  )

/**
 * Unfinished uploads of this source at this endpoint that earlier sessions left, the newest first, without the parts of
 * parallel uploads.
 */
export const findPrevious = (
  options: { readonly endpoint: string; readonly source: UploadSource }
): Effect.Effect<ReadonlyArray<JournalEntry>, SourceError> =>
  Effect.suspend(() => JournaledUpload.keyOf(options.endpoint, UserCode.source(options.source))).pipe(
    Effect.flatMap((key) => JournaledUpload.candidates(options.endpoint, options.source, key))
  )

/** Options of requests about an upload that is known by its URL. */
export interface UrlOptions<R = never> {
  /** Pays for each attempt after the first; its input is the error. `defaultRetry` by default. */
  readonly retry?: Schedule.Schedule<unknown, TusError, R> | undefined
}

const retrying = <R>(url: string, { retry }: UrlOptions<R>) =>
  Effect.flatMap(TusClient, (client) =>
    Effect.map(
      Retry.make<R>(retry ?? defaultRetry, client.endpoint(url), () => {}),
      (retry) => ({ client, retry })
    ))

/** The state of an upload on the server. */
export const info = <R = never>(
  url: string,
  options: UrlOptions<R> = {}
): Effect.Effect<Info, TusError, R | TusClient> =>
  Effect.flatMap(
    retrying(url, options),
    ({ client, retry }) => retry.persist("Inspect", (attempt) => client.head({ ...attempt, url }))
  )

/** Removes an upload from the server. Succeeds if there is none. */
export const terminate = <R = never>(url: string, options: UrlOptions<R> = {}) =>
  Effect.flatMap(
    retrying(url, options),
    ({ client, retry }) =>
      retry.persist("Terminate", (attempt) => client.terminate({ ...attempt, url })).pipe(
        Effect.catchIf(
          (error) => error._tag === "Refused" && (error.status === 405 || error.status === 501),
          () =>
            new Unsupported({
              url,
              extension: "termination",
              detail: "the server does not remove uploads, they stay until they expire"
            })
        )
      )
  )
