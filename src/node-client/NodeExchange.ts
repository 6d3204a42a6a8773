/**
 * One request of `node:http` and what comes back, from events to one outcome. Knows nothing of where a body comes from.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import { performance } from "node:perf_hooks"
// Timers that are nearly always taken back.
import { clearTimeout, setTimeout } from "node:timers"
import { TLSSocket } from "node:tls"
import type { SourceError } from "../client/sources/UploadSource.js"
import * as NetworkError from "../client/transport/NetworkError.js"
import * as Patience from "../client/transport/Patience.js"
import * as TusTransport from "../client/transport/TusTransport.js"
import { maxText, stalled, TransportError } from "../client/transport/TusTransport.js"
import type { RawResponse } from "../protocol/Reply.js"
import * as LastWords from "./LastWords.js"
import * as Timer from "./Timer.js"

export type Outcome = Effect.Effect<RawResponse, TransportError | SourceError>

/** A kept connection that the server had closed by the time it was used again, for what is safe to send twice. */
export const stale = Symbol("stale")

export interface Exchange {
  /** Returns when there is a connection. */
  readonly connected: Effect.Effect<void>
  /**
   * Hands bytes to Node; `isLast` where no others follow. Returns when the system has them, and never where it will not
   * take them: then the connection has ended.
   */
  readonly write: (batch: ReadonlyArray<Uint8Array>, isLast: boolean) => Effect.Effect<void>
  /** There is nothing more to send, and the source of the body is at its end. */
  readonly finish: (trailers?: Readonly<Record<string, string>>) => void
  /** Nothing more will be sent. */
  readonly fail: (failure: Effect.Effect<never, TransportError | SourceError>) => void
  /**
   * Called once; `isOver` where the request has ended, and its connection can be used again. Else it is for `end` to
   * see to.
   */
  readonly onOutcome: (listener: (outcome: Outcome | typeof stale, isOver: boolean) => void) => void
  /** Ends the request where it has not, and returns when no byte of it can leave any more. */
  readonly end: Effect.Effect<void>
}

export interface Options {
  readonly hasBody: boolean
  readonly connectTimeout: Duration.Duration
  /** In milliseconds. */
  readonly stallTimeout: number | undefined
  /** In milliseconds. */
  readonly answerTimeout: number | undefined
}

/** Of answers that announce another, so many may come while no byte of the body moves. */
const maxInterim = 1000

/** How long the text of an answer may take that came before the body was sent. */
const patienceMillis = 1000

/** What is read of an answer behind `maxText` to keep its connection, in characters. */
const maxDiscarded = 64 * 1024

/**
 * Where a body is not sent to its end, the rest of the answer is not waited for for long: its server may be waiting,
 * too. Where all of it is on its way, the request is given the time to end well, and its source to have the last word.
 */
export const make = (
  request: Http.ClientRequest,
  { answerTimeout, connectTimeout, hasBody, stallTimeout }: Options
): Exchange => {
  let isConnected = false
  let onConnection: (() => void) | undefined
  /** Node has been handed every byte of the body, the system has them, the source is at its end. */
  let handed = !hasBody
  let whole = !hasBody
  let finished = !hasBody
  let written = false
  let response: Http.IncomingMessage | undefined
  let text: (() => string) | undefined
  /** As much of the answer is there as is wanted. */
  let answered = false
  let error: Error | undefined
  let closed = false
  let settled = false
  let tell: Parameters<Exchange["onOutcome"]>[0] | undefined
  let patience: NodeJS.Timeout | undefined
  let overdue: NodeJS.Timeout | undefined
  let interim = 0
  let bytes = 0
  let begun = 0

  const clearTimers = () => [connecting, patience, overdue].forEach((timer) => clearTimeout(timer))
  const finish = (outcome: Outcome | typeof stale) => {
    if (settled) {
      return
    }
    settled = true
    clearTimers()
    if (!closed && finished && request.writableFinished && response?.complete === true) {
      onClose(() => tell?.(outcome, true))
    } else {
      tell?.(outcome, closed && finished)
    }
  }
  /** Node says that a request is over before it gives the connection back, which the next one is to find. */
  const onClose = (listener: () => void) => request.once("close", () => queueMicrotask(listener))
  const succeed = () => {
    if (response !== undefined) {
      finish(Effect.succeed(answerOf(response, text?.() ?? "")))
    }
  }
  const fail = () => {
    const failure = NetworkError.toTransportError(error ?? new Error("the connection was closed"))
    // Only what changes nothing is safe to send twice without anybody knowing.
    const isStale = request.reusedSocket && failure.reason === "Closed" && response === undefined && isSafe(request)
    finish(isStale ? stale : Effect.fail(failure))
  }
  /** A no counts without the rest of its text. */
  const giveUp = (failure: TransportError) =>
    response !== undefined && !isYes(response) ? succeed() : finish(Effect.fail(failure))
  /**
   * While the body is sent it has all the time it needs as long as it moves; behind its last byte a slow line has more
   * of it.
   */
  const onMoved = (allowance: number) => {
    interim = 0
    if (answerTimeout !== undefined && whole && !settled) {
      clearTimeout(overdue)
      const millis = Timer.millis(answerTimeout + allowance)
      overdue = setTimeout(() => giveUp(TusTransport.overdue(answerTimeout)), millis)
    }
    if (stallTimeout !== undefined && allowance > 0) {
      request.setTimeout(Timer.millis(stallTimeout + allowance))
    }
  }
  const onAnswered = () => {
    answered = true
    if (!handed || finished) {
      succeed()
    }
  }

  const onConnected = () => {
    clearTimeout(connecting)
    isConnected = true
    onMoved(0)
    onConnection?.()
    // What is written before hides from TLS why there is no connection.
    if (!hasBody) {
      request.end()
    }
  }
  const connecting = setTimeout(() => {
    const cause = new Error(`no connection within ${Duration.format(connectTimeout)}`)
    finish(Effect.fail(new TransportError({ reason: "Unreachable", cause })))
  }, Timer.millis(connectTimeout))

  request
    .on("socket", (socket) => {
      if (request.reusedSocket) {
        // Deno gives connections back that still hold together what is written to them, for ever.
        while (socket.writableCorked > 0) {
          socket.uncork()
        }
        onConnected()
      } else {
        LastWords.hear(socket)
        const isOpen = !(socket instanceof TLSSocket) && !socket.connecting
        if (isOpen) {
          onConnected()
        } else {
          socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", onConnected)
        }
      }
    })
    .on("information", () => {
      interim += 1
      if (interim > maxInterim) {
        giveUp(
          new TransportError({ reason: "Stalled", cause: new Error(`${maxInterim} answers that announce another`) })
        )
      }
    })
    .on("response", (incoming) => {
      response = incoming
      request.shouldKeepAlive ||= request.method === "HEAD" && isKept(incoming)
      text = read(incoming, onAnswered)
      patience = whole ? undefined : setTimeout(succeed, patienceMillis)
      incoming
        .on("end", onAnswered)
        .on("error", () => {})
        // The text may be cut: a server that has said no in the middle of a body may reset the connection.
        .on("close", () => {
          if (!answered) {
            if (whole) {
              fail()
            } else {
              onAnswered()
            }
          }
        })
    })
    .on("error", (cause) => {
      error ??= cause
    })
    .on("close", () => {
      closed = true
      clearTimeout(connecting)
      if (response === undefined) {
        fail()
      }
    })
  if (stallTimeout !== undefined) {
    request.setTimeout(Timer.millis(stallTimeout), () => giveUp(stalled(stallTimeout)))
  }
  const end = Effect.async<void>((resume) => {
    settled = true
    clearTimers()
    if (closed) {
      return resume(Effect.void)
    }
    onClose(() => resume(Effect.void))
    if (!request.writableFinished || response?.complete !== true) {
      request.destroy()
    }
    // One without a connection will not get one, and tells nobody.
    if (request.socket === null) {
      resume(Effect.void)
    }
  })

  return {
    connected: Effect.async((resume) => {
      onConnection = () => resume(Effect.void)
      if (isConnected) {
        resume(Effect.void)
      }
    }),
    write: (batch, isLast) =>
      Effect.async<void>((resume) => {
        let left = batch.length
        const onDone = (error: Error | null | undefined) => {
          left -= 1
          if ((error ?? undefined) === undefined && left === 0) {
            whole = isLast
            onMoved(isLast ? Patience.allowance({ bytes, millis: performance.now() - begun }, stallTimeout ?? 0) : 0)
            resume(Effect.void)
          }
        }
        const send = () => {
          if (response === undefined && !request.destroyed) {
            handed = isLast
            bytes += batch.reduce((size, { length }) => size + length, 0)
            batch.forEach((bytes) => request.write(bytes, onDone))
          }
        }
        // Node reads what has arrived in between: behind an answer nothing more is sent.
        if (written) {
          setImmediate(send)
        } else {
          written = true
          begun = performance.now()
          send()
        }
        // The memory is not the source's again while the system may still read it.
        return Effect.suspend(() => (left === 0 ? Effect.void : end))
      }),
    finish: (trailers) => {
      if (trailers !== undefined) {
        request.addTrailers(trailers)
      }
      finished = true
      request.end()
      if (answered) {
        succeed()
      }
    },
    fail: finish,
    onOutcome: (listener) => {
      tell = listener
    },
    end
  }
}

/**
 * An answer to HEAD ends with its head, but Node lets it end the connection where it tells no length. Not every server
 * knows that there is no body: one that says that it goes on is believed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
const isKept = ({ headers }: Http.IncomingMessage) => headers.connection?.toLowerCase() === "keep-alive"

const isYes = ({ statusCode = 0 }: Http.IncomingMessage) => statusCode < 300

const isSafe = ({ method }: Http.ClientRequest) => method === "HEAD" || method === "OPTIONS"

/** Reads as much of the text as is wanted, and returns what is there. */
const read = (response: Http.IncomingMessage, onEnough: () => void): () => string => {
  let text = ""
  let size = 0
  response.setEncoding("utf8").on("data", (piece: string) => {
    size += piece.length
    text += piece.slice(0, maxText - text.length)
    if (size > maxText + maxDiscarded) {
      onEnough()
    }
  })
  return () => text
}

const answerOf = ({ headersDistinct, statusCode = 0 }: Http.IncomingMessage, body: string): RawResponse => {
  const headers: Record<string, string> = {}
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    headers[name] = values.join(", ")
  }
  return { status: statusCode, headers, ...(body === "" ? {} : { body }) }
}
