/**
 * The body of a Node request. Nothing is read before the first pull, and after that little more than a full
 * `CoalescingBuffer` ahead.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { IncomingMessage } from "node:http"
import { clearTimeout, setTimeout } from "node:timers"
import {
  consumed,
  defaultIdleTimeout,
  empty,
  isConsumed,
  lingering,
  type Options,
  type UploadBody
} from "../../server/body/UploadBody.js"
import { Signal } from "../../time/Signal.js"
import { type Budget, CoalescingBuffer } from "./CoalescingBuffer.js"
import * as NodeRequest from "./NodeRequest.js"

export type { Budget }

/** How long the client may send nothing, in milliseconds; 0 is no limit in Node. */
export const idleMillisOf = ({ idleTimeout = defaultIdleTimeout }: Options): number => {
  const millis = Duration.toMillis(idleTimeout)
  return Number.isFinite(millis) ? Math.max(millis, 1) : 0
}

/** After the answer: a client that has sent nothing for so long has stopped sending. */
const quietMillis = 250

export interface NodeBody extends UploadBody {
  /** Whether bytes of the body are still missing. */
  readonly isUnread: () => boolean
  /** Reads and drops what the client still sends, for a moment. */
  readonly rest: Effect.Effect<void>
  /** Drops what has arrived and was not pulled, and frees its memory. */
  readonly discard: () => void
}

/**
 * @param idleMillis - the body is cut off if the client sends nothing for so long.
 * @param begin - called before the first byte is read.
 */
export const make = (request: IncomingMessage, idleMillis: number, budget: Budget, begin: () => void): NodeBody =>
  !NodeRequest.hasBody(request)
    ? none
    : isConsumed(request)
    ? whole(consumed)
    : ofRequest(request, idleMillis, budget, begin)

/** A body that needs no reading. The answer may be ready before Node has noticed the end of the request. */
const whole = (body: UploadBody): NodeBody => ({ ...body, isUnread: () => false, rest: Effect.void, discard: () => {} })

const none = whole(empty)

const ofRequest = (request: IncomingMessage, idleMillis: number, budget: Budget, begin: () => void): NodeBody => {
  const buffer = new CoalescingBuffer(request, budget, lengthOf(request))
  const stopped = new Signal()
  let begun = false
  let stopReading = ignore

  const disconnect = () => buffer.end(Option.some("Disconnected"))

  // Only a wait for the network is idle. A socket that is paused because the disk is slow is not.
  const onTimeout = () => {
    const { waiting } = buffer
    request.setTimeout(idleMillis)
    NodeRequest.judge(() => {
      if (waiting !== undefined && waiting === buffer.waiting) {
        buffer.end(Option.some("Idle"))
      }
    })
  }

  const read = () => {
    if (!begun) {
      begun = true
      begin()
      stopReading = NodeRequest.listen(request, request, { data: (bytes) => buffer.push(bytes) })
      NodeRequest.listen(request, request, { timeout: onTimeout })
      request.setTimeout(idleMillis)
    }
  }

  // An HTTP/2 stream that is cut off emits `close` before `end`.
  NodeRequest.listen(request, request, {
    end: () => request.complete ? buffer.end(Option.none()) : disconnect(),
    error: disconnect,
    close: disconnect
  })

  return {
    pull: Effect.suspend(() => {
      read()
      return buffer.pull()
    }),
    stop: (reason) => {
      stopped.give()
      if (!request.complete && !buffer.isWhole) {
        stopReading()
        request.pause()
        buffer.end(Option.some(reason))
      }
    },
    stopped: Effect.suspend(() => stopped.wait()),
    ...(buffer.isSmall ? { hasEnded: () => buffer.hasEnded, flush: () => buffer.flush() } : {}),
    trailers: Effect.sync(() => request.trailers),
    isUnread: () => !request.complete && !request.destroyed && !buffer.isWhole,
    rest: Effect.suspend(() => {
      stopReading()
      buffer.discard()
      return drain(request)
    }),
    discard: () => buffer.discard()
  }
}

/** The announced bytes of the body; `Infinity` if they are not announced. */
const lengthOf = ({ headers }: IncomingMessage) => Number(headers["content-length"] ?? Infinity)

/** Reads and drops what the client still sends, until it has sent nothing for `quietMillis`. */
const drain = (request: IncomingMessage): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const done = () => {
      clearTimeout(quiet)
      stop()
      resume(Effect.void)
    }
    const quiet = setTimeout(done, quietMillis)
    const stop = NodeRequest.listen(request, request, { data: () => quiet.refresh(), end: done, close: done })
    request.resume()
  }).pipe(Effect.timeout(lingering), Effect.ignore)

const ignore = () => {}
