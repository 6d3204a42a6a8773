/**
 * How long a request of `node:http` may take: to connect, without a byte that moves, and until its answer is whole.
 */
import * as Duration from "effect/Duration"
import type * as Http from "node:http"
// Timers that are nearly always taken back.
import { clearTimeout, setTimeout } from "node:timers"
import { overdue, stalled, TransportError } from "../client/transport/TusTransport.js"
import * as Timer from "./Timer.js"

export interface Options {
  readonly connectTimeout: Duration.Duration
  /** In milliseconds. */
  readonly stallTimeout: number | undefined
  /** In milliseconds. */
  readonly answerTimeout: number | undefined
}

/** Called once at most, each of them. */
export interface Listeners {
  readonly onUnconnected: (failure: TransportError) => void
  /** Nothing moves, or the answer does not become whole. */
  readonly onLate: (failure: TransportError) => void
  /** The text of an answer that came before the body was sent is not waited for any more. */
  readonly onTextLate: () => void
}

export interface ExchangeTimers {
  /** There is a connection, or there will be none. */
  readonly stopConnecting: () => void
  /**
   * Bytes have moved. The answer has its time from here on once all of the body is taken: `allowance` milliseconds more
   * where the line is slow.
   */
  readonly moved: (isBodyTaken: boolean, allowance: number) => void
  /** An answer has come before the body was sent. */
  readonly startText: () => void
  readonly clear: () => void
}

/** How long the text of an answer may take that came before the body was sent. */
const textMillis = 1000

export const make = (
  request: Http.ClientRequest,
  { answerTimeout, connectTimeout, stallTimeout }: Options,
  { onLate, onTextLate, onUnconnected }: Listeners
): ExchangeTimers => {
  let isCleared = false
  let text: NodeJS.Timeout | undefined
  let answer: NodeJS.Timeout | undefined
  const connecting = setTimeout(() => {
    const cause = new Error(`no connection within ${Duration.format(connectTimeout)}`)
    onUnconnected(new TransportError({ reason: "Unreachable", cause }))
  }, Timer.millis(connectTimeout))
  if (stallTimeout !== undefined) {
    request.setTimeout(Timer.millis(stallTimeout), () => onLate(stalled(stallTimeout)))
  }
  return {
    stopConnecting: () => clearTimeout(connecting),
    moved: (isBodyTaken, allowance) => {
      if (answerTimeout !== undefined && isBodyTaken && !isCleared) {
        clearTimeout(answer)
        answer = setTimeout(() => onLate(overdue(answerTimeout)), Timer.millis(answerTimeout + allowance))
      }
      if (stallTimeout !== undefined && allowance > 0) {
        request.setTimeout(Timer.millis(stallTimeout + allowance))
      }
    },
    startText: () => {
      text = isCleared ? undefined : setTimeout(onTextLate, textMillis)
    },
    clear: () => {
      isCleared = true
      for (const timer of [connecting, text, answer]) {
        clearTimeout(timer)
      }
    }
  }
}
