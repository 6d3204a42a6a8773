/**
 * One request of `node:http` and its response, from events to one outcome. Knows nothing about where a body comes from.
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

/** The server had closed a kept-alive connection before it was used again. Only for requests that can be sent twice. */
export const stale = Symbol("stale")

export interface Exchange {
  /** Calls the listener when there is a connection. */
  readonly onConnected: (listener: () => void) => void
  /**
   * Hands bytes to Node; `isLast` if no others follow. Calls the listener when the system has them. Never calls it if
   * the system does not accept them: then the connection has ended.
   */
  readonly write: (batch: ReadonlyArray<Uint8Array>, isLast: boolean, onTaken: () => void) => void
  /** The source has ended, and nothing more is sent. */
  readonly finish: (trailers?: Readonly<Record<string, string>>) => void
  /** The body has failed, and nothing more is sent. */
  readonly fail: (failure: Effect.Effect<never, TransportError | SourceError>) => void
  /** Called once. `isOver`: the request has ended, and its connection can be used again; else the caller runs `end`. */
  readonly onOutcome: (listener: (outcome: Outcome | typeof stale, isOver: boolean) => void) => void
  /** Ends the request. Returns when no byte of it can leave any more. */
  readonly end: Effect.Effect<void>
}

export interface Options extends ExchangeTimers.Options {
  readonly hasBody: boolean
}

/** At most this many interim responses may arrive while no byte of the body moves. */
const maxInterim = 1000

interface State {
  readonly request: Http.ClientRequest
  readonly options: Options
  readonly timers: ExchangeTimers.ExchangeTimers

  isConnected: boolean
  onConnected: () => void

  /** Node was handed every byte of the body. */
  isHanded: boolean
  /** The system has accepted them. */
  isTaken: boolean
  /** The source of the body has ended. */
  isFinished: boolean
  /** Bytes that Node was handed. */
  bytes: number
  /** When Node was handed the first bytes; undefined before. */
  begun: number | undefined

  interim: number
  response: Http.IncomingMessage | undefined
  text: () => string
  /** All of the response that is wanted has arrived. */
  isAnswered: boolean

  error: Error | undefined
  /** Node has emitted `close` for the request. */
  isClosed: boolean
  /** The outcome is known, or no longer wanted. */
  isOver: boolean
  onOutcome: Parameters<Exchange["onOutcome"]>[0]
}

/**
 * If the server answers before the body is sent, the rest of its response is waited for only briefly: the server may be
 * waiting for the body. If all of the body is handed over, the request may end normally, and the source may still fail.
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
    onConnected: (listener) => {
      state.onConnected = listener
      if (state.isConnected) {
        listener()
      }
    },
    write: (batch, isLast, onTaken) => write(state, batch, isLast, onTaken),
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
    // Deno returns kept-alive connections corked: what is written to them is never sent.
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
  // If anything is written earlier, TLS does not report why there is no connection.
  if (!state.options.hasBody) {
    state.request.end()
  }
}

/** A body may take any time as long as it moves. After its last byte a slow line gets `allowance` milliseconds more. */
const onMoved = (state: State, allowance: number) => {
  state.interim = 0
  state.timers.moved(state.isTaken, allowance)
}

const onInformation = (state: State) => {
  state.interim += 1
  if (state.interim > maxInterim) {
    const cause = new Error(`${maxInterim} interim responses and no final one`)
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
    // The text may be cut off: a server that refuses a body may reset the connection.
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

const write = (state: State, batch: ReadonlyArray<Uint8Array>, isLast: boolean, onTaken: () => void) => {
  const { request } = state
  let left = batch.length
  const onWritten = (error: Error | null | undefined) => {
    left -= 1
    if ((error ?? undefined) === undefined && left === 0) {
      state.isTaken = isLast
      onMoved(state, isLast ? allowanceOf(state) : 0)
      onTaken()
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
    // Lets Node read first: after a response nothing more is sent.
    setImmediate(hand)
  }
}

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
  // Only requests that change nothing can be sent twice.
  const isStale = request.reusedSocket && failure.reason === "Closed" && response === undefined && isSafe(request)
  conclude(state, isStale ? stale : Effect.fail(failure))
}

const isSafe = ({ method }: Http.ClientRequest) => method === "HEAD" || method === "OPTIONS"

/** A refusal counts without the rest of its text. */
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

/** Request and response have both ended. */
const isWhole = ({ request, response }: State) => request.writableFinished && response?.complete === true

/** Node emits `close` before the agent gets the connection back, and the next request should find it there. */
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
    // A destroyed request without a connection emits no `close`.
    if (state.request.socket === null) {
      resume(Effect.void)
    }
  })
