/**
 * How far an upload has come, as a value; and how fast, over the last seconds of this session. Pure: the time is an
 * argument, and it is monotonic.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { RawResponse } from "../../wire/Message.js"
import type { TusError } from "../transport/TusError.js"

/** One moment of an upload. Sizes are in bytes; an upload in parts is told as one. */
export interface Progress {
  /**
   * What has just happened. `"Sent"` may be left out where nobody looks in time; the others come all.
   *
   * - `"Created"`, `"Resumed"`: the upload has a URL; a resumed one starts at what the server has. One in parts says so
   *   once all of them have one, and has its own at its end.
   * - `"Sent"`, `"Acknowledged"`: bytes left this machine; the server has them.
   * - `"Retrying"`: an attempt failed with `problem`, another follows in `retryIn`.
   * - `"Recreated"`: it starts anew. The server has lost the upload or refuses that of another session, as `problem`
   *   says; where there is no problem the source is another than the one that had been sent.
   * - `"Shrunk"`: the chunks were too large and are smaller from now on.
   * - `"Stopped"`: it has come to `stopAt`. `"Complete"`: the server has all bytes.
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
  /** In bytes; none until the end of a stream of unknown length. */
  readonly total: Option.Option<number>
  /** Where sending stands: bytes that have left this machine. Falls back when a request fails or an upload is lost. */
  readonly sent: number
  /** Bytes that the server has had. Never decreases: when it loses the upload, only `sent` does. */
  readonly acknowledged: number
  /** Bytes that the server had before this session; 0 where it started anew. */
  readonly resumed: number
  /** Requests whose bytes were acknowledged. */
  readonly chunks: number
  /** Attempts that failed. */
  readonly retries: number
  /** Since the start of this session. */
  readonly elapsed: Duration.Duration
  /** Bytes per second over the last five seconds. */
  readonly rate: number
  /** Until the end, at this rate. */
  readonly eta: Option.Option<Duration.Duration>
  /** Why the last attempt failed, or why it starts anew; none once bytes were acknowledged again. */
  readonly problem: Option.Option<TusError>
  /** How long it is until the next attempt; some where the event is `"Retrying"`, and only there. */
  readonly retryIn: Option.Option<Duration.Duration>
  /**
   * The answer by which bytes were acknowledged last, or the upload was created; none where that was found out by
   * asking. Of one in parts, the answer to their being joined, at its end.
   */
  readonly answer: Option.Option<RawResponse>
}

/** What of the sources was sent when, in this session. */
export interface Meter {
  readonly samples: ReadonlyArray<readonly [millis: number, position: number]>
}

const window = 5000
const spacing = 100

/** A meter that begins to measure at `position`, in bytes, at the time `millis`, in milliseconds. */
export const meter = (millis: number, position: number): Meter => ({ samples: [[millis, position]] })

/** Where sending goes back, measuring starts anew. */
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
 * How long `left` bytes take at `rate` bytes a second: zero where none are left; unknown where nothing moves or nobody
 * knows how many there are.
 */
export const eta = (rate: number, left: Option.Option<number>): Option.Option<Duration.Duration> =>
  Option.flatMap(left, (bytes) =>
    bytes === 0
      ? Option.some(Duration.zero)
      : rate > 0
      ? Option.some(Duration.millis((bytes / rate) * 1000))
      : Option.none())
