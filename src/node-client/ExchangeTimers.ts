/**
 * The time limits of a request of `node:http`: for the connection, for a byte to move, and for the whole response.
 */
import * as Duration from "effect/Duration"
import type * as Http from "node:http"
// Node's timers, since they are nearly always cleared.
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

/** Each is called at most once. */
export interface Listeners {
  readonly onUnconnected: (failure: TransportError) => void
  /** No byte moves, or the response does not end. */
  readonly onLate: (failure: TransportError) => void
  /** The text of an early response has had its time. */
  readonly onTextLate: () => void
}

export interface ExchangeTimers {
  /** There is a connection, or the request has ended. */
  readonly stopConnecting: () => void
  /**
   * A byte has moved. Once the body is sent, the time for the response starts here, with `allowance` milliseconds more
   * for a slow line.
   */
  readonly moved: (isBodyTaken: boolean, allowance: number) => void
  /** A response has arrived before the body was sent. */
  readonly startText: () => void
  readonly clear: () => void
}

/** How long the text of an early response may take, in milliseconds. */
const textMillis = 1000

export const make = (
  request: Http.ClientRequest,
  { answerTimeout, connectTimeout, stallTimeout }: Options,
  { onLate, onTextLate, onUnconnected }: Listeners
): ExchangeTimers => {
  let isCleared = false
  let text: NodeJS.Timeout | undefined
  let answer: NodeJS.Timeout | undefined
  const connecting = request.reusedSocket ? undefined : setTimeout(() => {
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
