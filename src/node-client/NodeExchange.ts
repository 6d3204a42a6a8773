/**
 * One request of `node:http` and what comes back, from events to one outcome. Knows nothing of where a body comes from.
 */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import type { Socket } from "node:net"
import { performance } from "node:perf_hooks"
import { TLSSocket } from "node:tls"
import type { SourceError } from "../client/sources/UploadSource.js"
import * as DrainTime from "../client/transport/DrainTime.js"
import * as NetworkError from "../client/transport/NetworkError.js"
import { TransportError } from "../client/transport/TusTransport.js"
import type { RawResponse } from "../wire/Message.js"
import * as ExchangeTimers from "./ExchangeTimers.js"
import * as NodeResponse from "./NodeResponse.js"
import * as ReadBeforeClose from "./ReadBeforeClose.js"

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

export interface Options extends ExchangeTimers.Options {
  readonly hasBody: boolean
}

/** Of answers that announce another, so many may come while no byte of the body moves. */
const maxInterim = 1000

interface State {
  readonly request: Http.ClientRequest
  readonly options: Options
  readonly timers: ExchangeTimers.ExchangeTimers

  isConnected: boolean
  onConnected: () => void

  /** Node has been handed every byte of the body. */
  isHanded: boolean
  /** The system has taken them from Node. */
  isTaken: boolean
  /** The source of the body is at its end. */
  isFinished: boolean
  /** Bytes that Node was handed. */
  bytes: number
  /** When it was handed the first ones; undefined before. */
  begun: number | undefined

  interim: number
  response: Http.IncomingMessage | undefined
  text: () => string
  /** As much of the response is there as is wanted. */
  isAnswered: boolean

  error: Error | undefined
  /** Node is done with the request. */
  isClosed: boolean
  /** The outcome is known, or nobody wants it any more. */
  isOver: boolean
  onOutcome: Parameters<Exchange["onOutcome"]>[0]
}

/**
 * Where a body is not sent to its end, the rest of the answer is not waited for for long: its server may be waiting,
 * too. Where all of it is on its way, the request is given the time to end well, and its source to have the last word.
 */
export const make = (request: Http.ClientRequest, options: Options): Exchange => {
  const state: State = {
    request,
    options,
    timers: ExchangeTimers.make(request, options, {
      onUnconnected: (failure) => conclude(state, Effect.fail(failure)),
      onLate: (failure) => giveUp(state, failure),
      onTextLate: () => succeed(state)
    }),
    isConnected: false,
    onConnected: () => {},
    isHanded: !options.hasBody,
    isTaken: !options.hasBody,
    isFinished: !options.hasBody,
    bytes: 0,
    begun: undefined,
    interim: 0,
    response: undefined,
    text: () => "",
    isAnswered: false,
    error: undefined,
    isClosed: false,
    isOver: false,
    onOutcome: () => {}
  }
  request
    .on("socket", (socket) => onSocket(state, socket))
    .on("information", () => onInformation(state))
    .on("response", (response) => onResponse(state, response))
    .on("error", (error) => {
      state.error ??= error
    })
    .on("close", () => onClose(state))
  return {
    connected: Effect.async((resume) => {
      state.onConnected = () => resume(Effect.void)
      if (state.isConnected) {
        resume(Effect.void)
      }
    }),
    write: (batch, isLast) => write(state, batch, isLast),
    finish: (trailers) => finish(state, trailers),
    fail: (failure) => conclude(state, failure),
    onOutcome: (listener) => {
      state.onOutcome = listener
    },
    end: end(state)
  }
}

const onSocket = (state: State, socket: Socket) => {
  if (state.request.reusedSocket) {
    // Deno gives connections back that still hold together what is written to them, for ever.
    while (socket.writableCorked > 0) {
      socket.uncork()
    }
    return onConnected(state)
  }
  ReadBeforeClose.enable(socket)
  const isSecure = socket instanceof TLSSocket
  if (!isSecure && !socket.connecting) {
    onConnected(state)
  } else {
    socket.once(isSecure ? "secureConnect" : "connect", () => onConnected(state))
  }
}

const onConnected = (state: State) => {
  state.timers.stopConnecting()
  state.isConnected = true
  onMoved(state, 0)
  state.onConnected()
  // What is written before hides from TLS why there is no connection.
  if (!state.options.hasBody) {
    state.request.end()
  }
}

/**
 * While the body is sent it has all the time it needs as long as it moves; behind its last byte a slow line has more of
 * it.
 */
const onMoved = (state: State, allowance: number) => {
  state.interim = 0
  state.timers.moved(state.isTaken, allowance)
}

const onInformation = (state: State) => {
  state.interim += 1
  if (state.interim > maxInterim) {
    const cause = new Error(`${maxInterim} answers that announce another`)
    giveUp(state, new TransportError({ reason: "Stalled", cause }))
  }
}

const onResponse = (state: State, response: Http.IncomingMessage) => {
  const { request, timers } = state
  state.response = response
  request.shouldKeepAlive ||= request.method === "HEAD" && NodeResponse.isKept(response)
  state.text = NodeResponse.read(response, () => onAnswered(state))
  if (!state.isTaken) {
    timers.startText()
  }
  response
    .on("end", () => onAnswered(state))
    .on("error", () => {})
    // The text may be cut: a server that has said no in the middle of a body may reset the connection.
    .on("close", () => {
      if (state.isAnswered) {
        return
      }
      if (state.isTaken) {
        fail(state)
      } else {
        onAnswered(state)
      }
    })
}

const onAnswered = (state: State) => {
  state.isAnswered = true
  if (!state.isHanded || state.isFinished) {
    succeed(state)
  }
}

const onClose = (state: State) => {
  state.isClosed = true
  state.timers.stopConnecting()
  if (state.response === undefined) {
    fail(state)
  }
}

const write = (state: State, batch: ReadonlyArray<Uint8Array>, isLast: boolean) =>
  Effect.async<void>((resume) => {
    const { request } = state
    let left = batch.length
    const onWritten = (error: Error | null | undefined) => {
      left -= 1
      if ((error ?? undefined) === undefined && left === 0) {
        state.isTaken = isLast
        onMoved(state, isLast ? allowanceOf(state) : 0)
        resume(Effect.void)
      }
    }
    const hand = () => {
      if (state.response === undefined && !request.destroyed) {
        state.isHanded = isLast
        state.bytes += batch.reduce((size, { length }) => size + length, 0)
        batch.forEach((bytes) => request.write(bytes, onWritten))
      }
    }
    if (state.begun === undefined) {
      state.begun = performance.now()
      hand()
    } else {
      // Node reads what has arrived in between: behind an answer nothing more is sent.
      setImmediate(hand)
    }
    // The memory is not the source's again while the system may still read it.
    return Effect.suspend(() => (left === 0 ? Effect.void : end(state)))
  })

const allowanceOf = ({ begun = 0, bytes, options: { stallTimeout = 0 } }: State) =>
  DrainTime.allowance({ bytes, millis: performance.now() - begun }, stallTimeout)

const finish = (state: State, trailers: Readonly<Record<string, string>> | undefined) => {
  if (trailers !== undefined) {
    state.request.addTrailers(trailers)
  }
  state.isFinished = true
  state.request.end()
  if (state.isAnswered) {
    succeed(state)
  }
}

const succeed = (state: State) => {
  if (state.response !== undefined) {
    conclude(state, Effect.succeed(NodeResponse.toRaw(state.response, state.text())))
  }
}

const fail = (state: State) => {
  const { error, request, response } = state
  const failure = NetworkError.toTransportError(error ?? new Error("the connection was closed"))
  // Only what changes nothing is safe to send twice without anybody knowing.
  const isStale = request.reusedSocket && failure.reason === "Closed" && response === undefined && isSafe(request)
  conclude(state, isStale ? stale : Effect.fail(failure))
}

const isSafe = ({ method }: Http.ClientRequest) => method === "HEAD" || method === "OPTIONS"

/** A no counts without the rest of its text. */
const giveUp = (state: State, failure: TransportError) =>
  state.response !== undefined && !NodeResponse.isYes(state.response)
    ? succeed(state)
    : conclude(state, Effect.fail(failure))

const conclude = (state: State, outcome: Outcome | typeof stale) => {
  if (state.isOver) {
    return
  }
  state.isOver = true
  state.timers.clear()
  if (!state.isClosed && state.isFinished && isWhole(state)) {
    onceClosed(state, () => state.onOutcome(outcome, true))
  } else {
    state.onOutcome(outcome, state.isClosed && state.isFinished)
  }
}

/** Both the request and the response have come to their ends. */
const isWhole = ({ request, response }: State) => request.writableFinished && response?.complete === true

/** Node says that a request is over before it gives the connection back, which the next one is to find. */
const onceClosed = ({ request }: State, listener: () => void) => request.once("close", () => queueMicrotask(listener))

const end = (state: State) =>
  Effect.async<void>((resume) => {
    state.isOver = true
    state.timers.clear()
    if (state.isClosed) {
      return resume(Effect.void)
    }
    onceClosed(state, () => resume(Effect.void))
    if (!isWhole(state)) {
      state.request.destroy()
    }
    // One without a connection will not get one, and tells nobody.
    if (state.request.socket === null) {
      resume(Effect.void)
    }
  })
