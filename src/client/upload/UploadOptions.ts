/**
 * What an upload can be told, and what is wrong with it before anything is sent.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleInterval from "effect/ScheduleInterval"
import * as Schema from "effect/Schema"
import type { Algorithm } from "../../protocol/Checksum.js"
import * as Metadata from "../../protocol/Metadata.js"
import * as Monotonic from "../../time/Monotonic.js"
import type { UploadSource } from "../sources/UploadSource.js"
import { InvalidOption, type TusError } from "../transport/TusError.js"
import * as TypeTag from "../transport/TypeTag.js"
import * as UserCode from "../transport/UserCode.js"
import * as ChunkSize from "./ChunkSize.js"
import { pace } from "./Retry.js"

/** What the server may be told of an upload under one key. */
export type MetadataValue = string | Uint8Array | number | bigint | boolean | null | undefined

/** What to upload, where to, and how. Only `endpoint` and `source` have no default. */
export interface UploadOptions<R = never> {
  /** The URL that uploads are created at. */
  readonly endpoint: string
  readonly source: UploadSource
  /**
   * Goes on with this upload instead of creating one; when it is gone, the upload fails. Nothing is created at
   * `endpoint` then, but it still says whose headers the application's are: they are left out where `url` is of another
   * origin. Without a collection it may be the same URL.
   */
  readonly url?: string | undefined
  /**
   * Told to the server at the creation: keys of visible ASCII characters without commas; texts go as UTF-8, numbers and
   * booleans as the text that they print as, and what is null or undefined is left out. By default none, or what an
   * earlier session told it of the same source, which the journal remembers.
   */
  readonly metadata?: Readonly<Record<string, MetadataValue>> | undefined
  /**
   * Bytes of one request: the whole rest by default, but 8 MiB at most where each has a checksum, and of a source that
   * can be read only once.
   */
  readonly chunkSize?: ChunkSize.ChunkSize | undefined
  /**
   * Up to how many bytes come along with the creation, where the server takes them. 1 MiB by default. What comes along
   * is sent again when the answer is lost; 0 for never.
   */
  readonly createWithUpload?: number | undefined
  /** Lets the server check each chunk; refused where it says that it cannot. None by default. */
  readonly checksum?: Algorithm | undefined
  /**
   * Pays for each attempt after the first, with its error as input; it starts anew whenever the server has acknowledged
   * bytes. A Retry-After of the server is waited for besides, an hour at most, and never for longer than the schedule
   * would go on: then the upload fails at once. `defaultRetry` by default.
   */
  readonly retry?: Schedule.Schedule<unknown, TusError, R> | undefined
  /**
   * Sends so many parts at once and has the server join them, as many of them as it can be told of in one header (about
   * 170); `"auto"` takes one for each 64 MiB, at most 4. 1 by default, and where the server cannot join or the source
   * cannot be read in several places. What the journal remembers goes on in as many parts as it was begun in.
   */
  readonly parallel?: number | "auto" | undefined
  /** Hosts, with their port where it is not the usual one, to which the server may send an upload besides its own. */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
  /** Ends once the server has this many bytes; a later session goes on. */
  readonly stopAt?: number | undefined
  /** Removes the upload from the server when it is interrupted. By default it stays, to be resumed. */
  readonly terminateOnInterrupt?: boolean | undefined
}

/**
 * After half a second, then after twice as long each time, up to half a minute, with jitter, ten times in a row. It
 * knows nothing of Retry-After, which is waited for anyway.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { type TusError, UploadOptions } from "effect-tus/client"
 *
 * // The default, but a full disk is not tried again.
 * export const retry = UploadOptions.defaultRetry.pipe(
 *   Schedule.whileInput((error: TusError.TusError) => !(error._tag === "Refused" && error.status === 507))
 * )
 * ```
 */
export const defaultRetry: Schedule.Schedule<unknown> = Schedule.intersect(pace, Schedule.recurs(10))

/**
 * Goes on for so long since the first failure, and tells how long that was: `Schedule.recurUpTo`, but of time that has
 * passed. That one asks the clock of the machine, which may be set ahead, and then it ends, or back, and then it goes
 * on.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { TusUpload, UploadOptions, type UploadSource } from "effect-tus/client"
 *
 * // Every second, for five minutes without progress.
 * const retry = Schedule.intersect(Schedule.spaced("1 second"), UploadOptions.recurUpTo("5 minutes"))
 *
 * export const upload = (source: UploadSource.UploadSource) =>
 *   TusUpload.run({ endpoint: "http://127.0.0.1:1080/files", source, retry })
 * ```
 */
export const recurUpTo = (duration: Duration.DurationInput): Schedule.Schedule<Duration.Duration> => {
  const limit = Duration.toMillis(duration)
  return Schedule.makeWithState<number | undefined, unknown, Duration.Duration>(
    undefined,
    (now, _, begun) =>
      Effect.map(Monotonic.millis, (time) => {
        const start = begun ?? time
        const elapsed = time - start
        return [
          start,
          Duration.millis(elapsed),
          elapsed < limit
            // When the time is over is part of what it says: so a wait can be seen to go beyond it, whatever else there
            // is to say.
            ? ScheduleDecision.continueWith(ScheduleInterval.make(now, now + limit - elapsed))
            : ScheduleDecision.done
        ]
      })
  )
}

/** With everything that is left out filled in. */
export interface WithDefaults<R> extends UploadOptions<R> {
  readonly chunkSize: ChunkSize.ChunkSize
  readonly createWithUpload: number
  readonly retry: Schedule.Schedule<unknown, TusError, R>
  /** The header. */
  readonly uploadMetadata: Option.Option<string>
}

/**
 * Fills in what is left out. Fails with an `InvalidOption`, the first that makes no sense; nothing is sent or read for
 * it.
 */
export const withDefaults = <R>(options: UploadOptions<R>): Either.Either<WithDefaults<R>, InvalidOption> =>
  Either.gen(function*() {
    const { checksum, chunkSize, createWithUpload = 1024 * 1024, retry = defaultRetry } = options
    yield* url("endpoint", options.endpoint)
    if (options.url !== undefined) {
      yield* url("url", options.url)
    }
    const size = chunkSize ?? (checksum === undefined && options.source.seekable ? {} : { max: 8 * 1024 * 1024 })
    const wrong = ChunkSize.check(size)
    if (Option.isSome(wrong)) {
      return yield* invalid("chunkSize", wrong.value, JSON.stringify(size))
    }
    yield* wholeNumber("createWithUpload", createWithUpload, 0)
    yield* wholeNumber("stopAt", options.stopAt ?? 0, 0)
    yield* wholeNumber("source.length", Option.getOrElse(options.source.length, () => 0), 0)
    if (!Schedule.isSchedule(retry)) {
      return yield* invalid("retry", "a Schedule", describe(retry))
    }
    yield* wholeNumber("parallel", typeof options.parallel === "number" ? options.parallel : 1, 1)
    return {
      ...options,
      source: UserCode.source(options.source),
      chunkSize: size,
      createWithUpload,
      retry,
      uploadMetadata: yield* header(options.metadata ?? {})
    }
  })

/** None where there is nothing to be told. What is wrong is named: the key, or what stands under it. */
const header = (
  metadata: Readonly<Record<string, MetadataValue>>
): Either.Either<Option.Option<string>, InvalidOption> =>
  Either.gen(function*() {
    if (!TypeTag.isPlain(metadata)) {
      return yield* invalid("metadata", "an object with a value for each key", describe(metadata))
    }
    const pairs = new Map<string, Uint8Array>()
    for (const [key, value] of Object.entries(metadata)) {
      if (value === null || value === undefined) {
        continue
      }
      const bytes = bytesOf(value)
      if (bytes === undefined) {
        const expected = `a text, bytes, a finite number or a boolean as the value of ${JSON.stringify(key)}`
        return yield* invalid("metadata", expected, describe(value))
      }
      pairs.set(key, bytes)
    }
    const encoded = yield* Either.mapLeft(encodeMetadata(pairs), () => {
      const wrong = [...pairs.keys()].find((key) => Either.isLeft(encodeMetadata(new Map([[key, new Uint8Array(0)]]))))
      return new InvalidOption({
        option: "metadata",
        expected: "keys of visible ASCII characters without commas",
        actual: JSON.stringify(wrong)
      })
    })
    return pairs.size === 0 ? Option.none() : Option.some(encoded)
  })

const encodeMetadata = Schema.encodeEither(Metadata.FromRaw)

const bytesOf = (value: unknown): Uint8Array | undefined =>
  TypeTag.isBytes(value)
    ? Uint8Array.from(value)
    : typeof value === "string" || typeof value === "boolean" || typeof value === "bigint" || Number.isFinite(value)
    ? new TextEncoder().encode(String(value))
    : undefined

const describe = (value: unknown): string =>
  typeof value === "object" || typeof value === "function"
    ? TypeTag.of(value)
    : typeof value === "string"
    ? JSON.stringify(value)
    : String(value)

const invalid = (option: string, expected: string, actual: string) =>
  Either.left(new InvalidOption({ option, expected, actual }))

const url = (option: string, text: string) =>
  !/^https?:\/\//i.test(text) || !URL.canParse(text)
    ? invalid(option, "a URL that begins with http:// or https://", describe(text))
    : new URL(text).username !== ""
    ? invalid(option, "no user name in the URL, but an Authorization header", `one for ${new URL(text).host}`)
    : Either.right(text)

const wholeNumber = (option: string, n: number, from: number) =>
  Number.isSafeInteger(n) && n >= from ? Either.right(n) : invalid(option, `a whole number from ${from}`, String(n))
