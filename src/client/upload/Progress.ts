/**
 * The progress of an upload as a value, and its rate over the last seconds. Pure: the time is an argument, and it is
 * monotonic.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { RawResponse } from "../../wire/Message.js"
import type { TusError } from "../transport/TusError.js"

/** One moment of an upload. Sizes are in bytes; an upload in parts is reported as one. */
export interface Progress {
  /**
   * What has just happened. A slow reader may miss `"Sent"`, but no other event.
   *
   * - `"Created"`, `"Resumed"`: the upload has a URL; a resumed one starts at what the server has. An upload in parts
   *   reports it once, when all parts have a URL, and has its own URL at its end.
   * - `"Sent"`: bytes left this machine. `"Acknowledged"`: the server has them.
   * - `"Retrying"`: an attempt failed with `problem`, another follows in `retryIn`.
   * - `"Recreated"`: the upload starts anew. Either the server has lost it, or refuses the upload of an earlier
   *   session, as `problem` says; or there is no problem, but the source is not the one that was sent then.
   * - `"Shrunk"`: the chunks were too large and are smaller from now on.
   * - `"Stopped"`: the server has `stopAt` bytes. `"Complete"`: the server has all bytes.
   */
  readonly event:
    | "Created"
    | "Resumed"
    | "Sent"
    | "Acknowledged"
    | "Retrying"
    | "Recreated"
    | "Shrunk"
    | "Stopped"
    | "Complete"
  readonly url: Option.Option<string>
  /** In bytes; Option.none until the end of a stream of unknown length. */
  readonly total: Option.Option<number>
  /** Bytes that have left this machine. Decreases when a request fails or an upload is lost. */
  readonly sent: number
  /** Bytes that the server has acknowledged. Never decreases: if the server loses the upload, only `sent` does. */
  readonly acknowledged: number
  /** Bytes that the server had before this session; 0 if the upload started anew. */
  readonly resumed: number
  /** Requests whose bytes were acknowledged. */
  readonly chunks: number
  /** Failed attempts. */
  readonly retries: number
  /** Since the start of this session. */
  readonly elapsed: Duration.Duration
  /** Bytes per second over the last five seconds. */
  readonly rate: number
  /** The time until the end, at this rate. */
  readonly eta: Option.Option<Duration.Duration>
  /** Why the last attempt failed, or why the upload starts anew; Option.none once bytes are acknowledged again. */
  readonly problem: Option.Option<TusError>
  /** The time until the next attempt; Option.some only if the event is `"Retrying"`. */
  readonly retryIn: Option.Option<Duration.Duration>
  /**
   * The response that acknowledged bytes last, or created the upload. Option.none if that was found out by HEAD. Of an
   * upload in parts, the response to the request that joined them, at its end.
   */
  readonly answer: Option.Option<RawResponse>
}

/** How much was sent when, in this session. */
export interface Meter {
  readonly samples: ReadonlyArray<readonly [millis: number, position: number]>
}

const window = 5000
const spacing = 100

/** A meter that begins to measure at `position`, in bytes, at the time `millis`, in milliseconds. */
export const meter = (millis: number, position: number): Meter => ({ samples: [[millis, position]] })

/** If `position` decreases, measuring starts anew. */
export const measure = ({ samples }: Meter, millis: number, position: number): Meter => {
  const last = samples.at(-1)
  if (last === undefined || position < last[1]) {
    return meter(millis, position)
  }
  const before = samples.at(-2)
  const recent = before !== undefined && last[0] - before[0] < spacing ? samples.slice(0, -1) : samples
  const first = recent.findLastIndex(([at]) => millis - at >= window)
  return { samples: [...recent.slice(Math.max(first, 0)), [millis, position]] }
}

/** Bytes per second. */
export const rate = ({ samples }: Meter): number => {
  const first = samples.at(0)
  const last = samples.at(-1)
  return first === undefined || last === undefined || last[0] <= first[0]
    ? 0
    : ((last[1] - first[1]) * 1000) / (last[0] - first[0])
}

/**
 * How long `left` bytes take at `rate` bytes a second. Zero if none are left; Option.none if nothing moves or `left` is
 * not known.
 */
export const eta = (rate: number, left: Option.Option<number>): Option.Option<Duration.Duration> =>
  Option.flatMap(left, (bytes) =>
    bytes === 0
      ? Option.some(Duration.zero)
      : rate > 0
      ? Option.some(Duration.millis((bytes / rate) * 1000))
      : Option.none())
