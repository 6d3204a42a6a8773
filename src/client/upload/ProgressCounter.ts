/**
 * The counters of one upload in this session, and the progress that follows from them.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Monotonic from "../../time/Monotonic.js"
import type { RawResponse } from "../../wire/Message.js"
import type { TusError } from "../transport/TusError.js"
import * as Progress from "./Progress.js"

type Event = Progress.Progress["event"]

export interface ProgressCounter {
  /** The progress that was published last. */
  readonly progress: () => Progress.Progress
  /** Publishes an event that moves no bytes. */
  readonly publish: (event: Event) => void
  /** Bytes up to `position` have left this machine. */
  readonly sent: (position: number) => void
  /** The server has the bytes before `offset`. Bytes that were sent behind it no longer count as sent. */
  readonly acknowledged: (
    event: Event,
    url: string,
    total: Option.Option<number>,
    offset: number,
    answer?: RawResponse
  ) => void
  /** An attempt failed. What it sent counts again once the server acknowledges it. */
  readonly failed: (problem: TusError, retryIn: Duration.Duration) => void
  /** The upload starts anew; `problem` is the server's answer, if one is the reason. */
  readonly lost: (problem?: TusError) => void
}

export const make = (
  total: Option.Option<number>,
  onProgress: (progress: Progress.Progress) => void
): Effect.Effect<ProgressCounter> =>
  Effect.clockWith((clock) => {
    const start = Monotonic.unsafeMillis(clock)
    let meter = Progress.meter(start, 0)
    let offset = 0
    let progress: Progress.Progress = {
      event: "Created",
      url: Option.none(),
      total,
      sent: 0,
      acknowledged: 0,
      resumed: 0,
      chunks: 0,
      retries: 0,
      elapsed: Duration.zero,
      rate: 0,
      eta: Option.none(),
      problem: Option.none(),
      retryIn: Option.none(),
      answer: Option.none()
    }

    const change = (event: Event, fields: Partial<Progress.Progress> = {}) => {
      const now = Monotonic.unsafeMillis(clock)
      const next = { ...progress, retryIn: Option.none(), ...fields }
      // Bytes that an earlier session sent are not part of the rate.
      meter = event === "Resumed" ? Progress.meter(now, next.sent) : Progress.measure(meter, now, next.sent)
      const rate = Progress.rate(meter)
      progress = {
        ...next,
        event,
        elapsed: Duration.millis(now - start),
        rate,
        eta: Progress.eta(rate, Option.map(next.total, (total) => total - next.sent))
      }
      onProgress(progress)
    }

    return Exit.succeed({
      progress: () => progress,
      publish: (event) => change(event),
      sent: (position) => change("Sent", { sent: position }),
      acknowledged: (event, url, total, at, answer) => {
        const chunks = progress.chunks + (event !== "Resumed" && at > offset ? 1 : 0)
        offset = at
        change(event, {
          url: Option.some(url),
          total,
          sent: at,
          acknowledged: Math.max(progress.acknowledged, at),
          resumed: event === "Resumed" ? at : progress.resumed,
          chunks,
          problem: Option.none(),
          answer: Option.fromNullable(answer)
        })
      },
      failed: (problem, retryIn) =>
        change("Retrying", {
          sent: offset,
          retries: progress.retries + 1,
          problem: Option.some(problem),
          retryIn: Option.some(retryIn)
        }),
      lost: (problem) => {
        offset = 0
        change("Recreated", {
          sent: 0,
          resumed: 0,
          url: Option.none(),
          problem: Option.fromNullable(problem),
          answer: Option.none()
        })
      }
    })
  })
