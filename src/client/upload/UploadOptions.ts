/**
 * The options of an upload, and what is wrong with them before anything is sent.
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

/** A value of the metadata. */
export type MetadataValue = string | Uint8Array | number | bigint | boolean | null | undefined

/** What to upload, where to, and how. Only `endpoint` and `source` are required. */
export interface UploadOptions<R = never> {
  /** The URL that uploads are created at. */
  readonly endpoint: string
  readonly source: UploadSource
  /**
   * Continues this upload instead of creating one; if it is gone, this fails. Nothing is created at `endpoint` then,
   * but the application's headers are meant for its origin: they are left out if `url` has another one. If there is no
   * collection, `endpoint` may be the same URL.
   */
  readonly url?: string | undefined
  /**
   * Sent with the creation. Keys are visible ASCII characters without commas. Strings go as UTF-8, numbers and booleans
   * as their text; null and undefined are left out. By default, what an earlier session sent with the same source,
   * which the journal remembers, or none.
   */
  readonly metadata?: Readonly<Record<string, MetadataValue>> | undefined
  /**
   * Bytes that one request carries. By default all that is left, but at most 8 MiB if each chunk has a checksum or the
   * source can be read only once.
   */
  readonly chunkSize?: ChunkSize.ChunkSize | undefined
  /**
   * The source goes with the creation if it has at most this many bytes and the server supports it. 1 MiB by default; 0
   * for never. If the response is lost, these bytes are sent again.
   */
  readonly createWithUpload?: number | undefined
  /**
   * Sends a checksum with each chunk, which the server verifies. Fails if the server does not support it. None by
   * default.
   */
  readonly checksum?: Algorithm | undefined
  /**
   * Pays for each attempt after the first; its input is the error. It starts anew whenever the server has acknowledged
   * bytes. A Retry-After is waited for as well, for an hour at most. If the schedule would end before that, the upload
   * fails at once. `defaultRetry` by default.
   */
  readonly retry?: Schedule.Schedule<unknown, TusError, R> | undefined
  /**
   * Sends this many parts at the same time, which the server joins; their paths must fit in one header (about 170
   * parts). `"auto"`: one part for each 64 MiB, at most 4. 1 by default, and if the server cannot join or the source
   * cannot be read at several offsets. An upload that the journal remembers keeps its number of parts.
   */
  readonly parallel?: number | "auto" | undefined
  /** Other hosts, with their port unless it is the default one, to which the server may send an upload. */
  readonly allowedHosts?: ReadonlyArray<string> | undefined
  /** Stops once the server has this many bytes; a later session continues. */
  readonly stopAt?: number | undefined
  /** Removes the upload from the server if it is interrupted. By default it stays, to be resumed. */
  readonly terminateOnInterrupt?: boolean | undefined
}

/**
 * Retries after half a second, then after twice as long each time, up to half a minute, with jitter; ten times in a
 * row. A Retry-After is waited for in addition.
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
 * Recurs until `duration` has passed since the first failure, and returns the time that has passed. Unlike
 * `Schedule.recurUpTo` it measures monotonic time: if the clock of the machine is set, `Schedule.recurUpTo` ends too
 * early or too late.
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
            // The end of the interval tells when the time is over. So `Budget` can see that a wait would go beyond it.
            ? ScheduleDecision.continueWith(ScheduleInterval.make(now, now + limit - elapsed))
            : ScheduleDecision.done
        ]
      })
  )
}

/** Options with their defaults filled in. */
export interface WithDefaults<R> extends UploadOptions<R> {
  readonly chunkSize: ChunkSize.ChunkSize
  readonly createWithUpload: number
  readonly retry: Schedule.Schedule<unknown, TusError, R>
  /** The Upload-Metadata header. */
  readonly uploadMetadata: Option.Option<string>
}

/** Fills in the defaults. Fails with an `InvalidOption` for the first invalid option. Sends and reads nothing. */
export const withDefaults = <R>(options: UploadOptions<R>): Either.Either<WithDefaults<R>, InvalidOption> => {
  const { checksum, chunkSize, createWithUpload = 1024 * 1024, metadata, retry = defaultRetry } = options
  const size = chunkSize ?? (checksum === undefined && options.source.seekable ? {} : { max: 8 * 1024 * 1024 })
  const problem = url("endpoint", options.endpoint)
    ?? (options.url === undefined ? undefined : url("url", options.url))
    ?? sizes(size)
    ?? wholeNumber("createWithUpload", createWithUpload, 0)
    ?? wholeNumber("stopAt", options.stopAt ?? 0, 0)
    ?? wholeNumber("source.length", Option.getOrElse(options.source.length, () => 0), 0)
    ?? (Schedule.isSchedule(retry) ? undefined : invalid("retry", "a Schedule", describe(retry)))
    ?? wholeNumber("parallel", typeof options.parallel === "number" ? options.parallel : 1, 1)
  return problem !== undefined
    ? Either.left(problem)
    : Either.map(metadata === undefined ? Either.right(Option.none()) : header(metadata), (uploadMetadata) => ({
      ...options,
      source: UserCode.source(options.source),
      chunkSize: size,
      createWithUpload,
      retry,
      uploadMetadata
    }))
}

/** Option.none if there is no metadata. The error names the key, or the value of a key, that is invalid. */
const header = (
  metadata: Readonly<Record<string, MetadataValue>>
): Either.Either<Option.Option<string>, InvalidOption> => {
  if (!TypeTag.isPlain(metadata)) {
    return Either.left(invalid("metadata", "an object with a value for each key", describe(metadata)))
  }
  const pairs = new Map<string, Uint8Array>()
  for (const [key, value] of Object.entries(metadata)) {
    if (value === null || value === undefined) {
      continue
    }
    const bytes = bytesOf(value)
    if (bytes === undefined) {
      const expected = `a string, bytes, a finite number or a boolean as the value of ${JSON.stringify(key)}`
      return Either.left(invalid("metadata", expected, describe(value)))
    }
    pairs.set(key, bytes)
  }
  return Either.mapBoth(encodeMetadata(pairs), {
    onLeft: () => {
      const wrong = [...pairs.keys()].find((key) => Either.isLeft(encodeMetadata(new Map([[key, new Uint8Array(0)]]))))
      return invalid("metadata", "keys of visible ASCII characters without commas", JSON.stringify(wrong))
    },
    onRight: (encoded) => pairs.size === 0 ? Option.none() : Option.some(encoded)
  })
}

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

const invalid = (option: string, expected: string, actual: string) => new InvalidOption({ option, expected, actual })

const url = (option: string, text: string) =>
  !/^https?:\/\//i.test(text) || !URL.canParse(text)
    ? invalid(option, "a URL that begins with http:// or https://", describe(text))
    // Only what is before an @ can be a user name.
    : text.includes("@") && new URL(text).username !== ""
    ? invalid(
      option,
      "a URL without a user name (send an Authorization header)",
      `one for ${new URL(text).host} with a user name`
    )
    : undefined

const sizes = (size: ChunkSize.ChunkSize) =>
  Option.getOrUndefined(
    Option.map(ChunkSize.check(size), (expected) => invalid("chunkSize", expected, JSON.stringify(size)))
  )

const wholeNumber = (option: string, n: number, from: number) =>
  Number.isSafeInteger(n) && n >= from ? undefined : invalid(option, `a whole number from ${from}`, String(n))
