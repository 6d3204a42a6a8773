/**
 * Requests over node:http and node:https. A body is taken as fast as the connection takes it, and memory that was lent to it
 * is given back only when the system has the bytes, or the connection is gone.
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Http from "node:http"
import { TLSSocket } from "node:tls"
import * as NetworkError from "../client/NetworkError.js"
import * as Race from "../client/Race.js"
import { type Body, maxText, type Request, TransportError, TusTransport } from "../client/TusTransport.js"
import type { SourceError } from "../client/UploadSource.js"
import type { RawResponse } from "../protocol/Reply.js"
import * as NodeProxy from "./NodeProxy.js"
import * as NodeTls from "./NodeTls.js"

export interface Options extends NodeTls.Options, NodeProxy.Options {
  /** How many requests run at once to one server; others wait. As many as there are by default. */
  readonly connections?: number | undefined
}

/** What is written between two looks at what has arrived, in bytes. */
const maxWrite = 512 * 1024

/** How long the text of an answer may take that came before the body was sent. */
const patience = Duration.seconds(1)

/** What is read of an answer behind `maxText` to keep its connection, in characters. */
const maxDiscarded = 64 * 1024

export const layer = (options: Options = {}): Layer.Layer<TusTransport, NodeTls.NodeTransportError> =>
  Layer.scoped(
    TusTransport,
    Effect.gen(function*() {
      const { connectTimeout = NodeProxy.defaultConnectTimeout, connections } = options
      const open = yield* NodeProxy.make(options, yield* NodeTls.make(options))
      const inTurn = connections === undefined ? undefined : turns(connections)
      const send = (request: Request): Effect.Effect<RawResponse, TransportError | SourceError> =>
        Effect.acquireUseRelease(
          begin(open, request),
          (exchange) => Race.first(answerOf(exchange), give(exchange, request, connectTimeout)),
          (exchange) => exchange.end
        ).pipe(Effect.catchTag("Stale", () => send(request)))
      return {
        trailers: true,
        send: (request) =>
          inTurn === undefined || !URL.canParse(request.url)
            ? send(request)
            : inTurn(new URL(request.url).origin)(send(request))
      }
    })
  )

/** A limit of Node's agents would hold back requests that are already begun, where an interruption cannot end them. */
const turns = (connections: number) => {
  const semaphores = new Map<string, Effect.Semaphore>()
  return (origin: string) => {
    const semaphore = semaphores.get(origin) ?? Effect.unsafeMakeSemaphore(connections)
    semaphores.set(origin, semaphore)
    return semaphore.withPermits(1)
  }
}

/** A kept connection that the server had closed by the time it was used again. */
class Stale extends Data.TaggedError("Stale") {}

interface Exchange {
  readonly request: Http.ClientRequest
  readonly connected: Deferred.Deferred<void>
  /** Every byte of the body, if there is one, has been handed to Node. */
  handed: boolean
  /** The system has every byte of the body. */
  whole: boolean
  /** What is to be sent has been, and the source of the body is at its end. */
  readonly given: Deferred.Deferred<void>
  /** What there is of an answer: from its head on its text may still grow. */
  readonly answering: Deferred.Deferred<() => RawResponse, TransportError | Stale>
  readonly answered: Deferred.Deferred<void, TransportError | Stale>
  readonly isAnswered: () => boolean
  /** Gives the connection back where it can be used again, and returns when no byte of the request can leave any more. */
  readonly end: Effect.Effect<void>
}

const begin = (open: NodeProxy.Open, { body, headers, method, url }: Request) =>
  Effect.try({
    try: () => exchange(open(new URL(url), method, { ...headers, ...framing(method, body) }), body === undefined),
    catch: (cause) => new TransportError({ reason: "Unreachable", cause })
  })

const framing = (method: Request["method"], body: Body | undefined): Readonly<Record<string, string>> => {
  if (body === undefined) {
    return method === "POST" || method === "PATCH" ? { "content-length": "0" } : {}
  }
  return body.trailers === undefined
    ? { "content-length": String(body.length) }
    : { "transfer-encoding": "chunked" }
}

const exchange = (request: Http.ClientRequest, whole: boolean): Exchange => {
  let response: Http.IncomingMessage | undefined
  let error: Error | undefined
  let closed = false

  const exchange: Exchange = {
    request,
    handed: whole,
    whole,
    connected: Deferred.unsafeMake(FiberId.none),
    given: Deferred.unsafeMake(FiberId.none),
    answering: Deferred.unsafeMake(FiberId.none),
    answered: Deferred.unsafeMake(FiberId.none),
    isAnswered: () => response !== undefined,
    end: Effect.async<void>((resume) => {
      if (closed) {
        return resume(Effect.void)
      }
      // Node says that a request is over before it gives the connection back, which the next one is to find.
      request.once("close", () => queueMicrotask(() => resume(Effect.void)))
      if (!request.writableFinished || response?.complete !== true) {
        request.destroy()
      }
      // One without a connection will not get one, and tells nobody.
      if (request.socket === null) {
        resume(Effect.void)
      }
    })
  }

  const onConnected = () => Deferred.unsafeDone(exchange.connected, Effect.void)
  const onAnswered = () => Deferred.unsafeDone(exchange.answered, Effect.void)
  const fail = () => {
    const failure = NetworkError.toTransportError(error ?? new Error("the connection was closed"))
    // Only what changes nothing is safe to send twice without anybody knowing.
    const stale = request.reusedSocket && failure.reason === "Closed" && response === undefined && isSafe(request)
    const failed = Effect.fail(stale ? new Stale() : failure)
    Deferred.unsafeDone(exchange.answering, failed)
    Deferred.unsafeDone(exchange.answered, failed)
  }

  request
    .on("socket", (socket) => {
      if (request.reusedSocket) {
        onConnected()
      } else {
        socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", onConnected)
      }
    })
    .on("response", (incoming) => {
      response = incoming
      request.shouldKeepAlive ||= request.method === "HEAD" && isKept(incoming)
      Deferred.unsafeDone(exchange.answering, Effect.succeed(read(incoming, onAnswered)))
      incoming
        .on("end", onAnswered)
        .on("error", () => {})
        // The text may be cut: a server that has said no in the middle of a body may reset the connection.
        .on("close", () => (exchange.whole ? fail() : onAnswered()))
    })
    .on("error", (cause) => {
      error ??= cause
    })
    .on("close", () => {
      closed = true
      if (response === undefined) {
        fail()
      }
    })

  return exchange
}

/**
 * An answer to HEAD ends with its head, but Node lets it end the connection where it tells no length. Not every server knows that
 * there is no body: one that says that it goes on is believed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
const isKept = ({ headers }: Http.IncomingMessage) => headers.connection?.toLowerCase() === "keep-alive"

const isSafe = ({ method }: Http.ClientRequest) => method === "HEAD" || method === "OPTIONS"

/** Reads as much of the text as is wanted, and returns the answer as far as it is there. */
const read = (response: Http.IncomingMessage, onEnough: () => void): () => RawResponse => {
  let text = ""
  let size = 0
  response.setEncoding("utf8").on("data", (piece: string) => {
    size += piece.length
    text += piece.slice(0, maxText - text.length)
    if (size > maxText + maxDiscarded) {
      onEnough()
    }
  })
  return () => ({
    status: response.statusCode ?? 0,
    headers: headersOf(response),
    ...(text === "" ? {} : { body: text })
  })
}

const headersOf = ({ headersDistinct }: Http.IncomingMessage): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {}
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    headers[name] = values.join(", ")
  }
  return headers
}

/**
 * Where a body is not sent to its end, the rest of the answer is not waited for for long: its server may be waiting, too. Where
 * all of it is on its way, the request is given the time to end well, and its source to have the last word.
 */
const answerOf = (exchange: Exchange) =>
  Effect.flatMap(Deferred.await(exchange.answering), (answer) => {
    const ending = Effect.zipRight(
      Deferred.await(exchange.answered),
      Effect.suspend(() => (exchange.handed ? Deferred.await(exchange.given) : Effect.void))
    )
    return Effect.map(exchange.whole ? ending : Effect.timeoutOption(ending, patience), answer)
  })

/** Everything that is to be sent, and then nothing: only an answer ends a request well. */
const give = (exchange: Exchange, { body, onSent }: Request, connectTimeout: Duration.DurationInput) =>
  Deferred.await(exchange.connected).pipe(
    Effect.timeoutFail({
      duration: connectTimeout,
      onTimeout: () =>
        new TransportError({
          reason: "Unreachable",
          cause: new Error(`no connection within ${Duration.format(connectTimeout)}`)
        })
    }),
    Effect.zipRight(body === undefined ? Effect.void : giveBody(exchange, body, onSent)),
    Effect.zipRight(Effect.sync(() => exchange.request.end())),
    Effect.zipRight(Deferred.succeed(exchange.given, undefined)),
    Effect.zipRight(Effect.never)
  )

const giveBody = (exchange: Exchange, { length, stream, trailers }: Body, onSent: Request["onSent"]) => {
  let sent = 0
  return Stream.runForEachChunk(stream, (chunk) =>
    Effect.forEach(batches(chunk), (batch) => {
      const size = batch.reduce((size, { length }) => size + length, 0)
      sent += size
      return sent > length
        ? Effect.dieMessage(`a body of ${length} bytes has more`)
        : Effect.tap(write(exchange, batch, sent === length), () => onSent?.(size))
    }, { discard: true })).pipe(
      Effect.zipRight(
        Effect.suspend(() =>
          sent === length
            ? Effect.sync(() => trailers === undefined || exchange.request.addTrailers(trailers()))
            : Effect.dieMessage(`a body of ${length} bytes has only ${sent}`)
        )
      )
    )
}

/** What is written at once: all of many small pieces, a part of a large one. */
const batches = (chunk: Iterable<Uint8Array>): ReadonlyArray<ReadonlyArray<Uint8Array>> => {
  const batches: Array<Array<Uint8Array>> = []
  let room = 0
  for (const bytes of chunk) {
    for (let start = 0; start < bytes.length;) {
      if (room === 0) {
        batches.push([])
        room = maxWrite
      }
      const piece = bytes.subarray(start, start + room)
      batches.at(-1)?.push(piece)
      room -= piece.length
      start += piece.length
    }
  }
  return batches
}

/** Returns when the system has the bytes, and never where it will not take them: then the connection has ended. */
const write = (exchange: Exchange, batch: ReadonlyArray<Uint8Array>, isLast: boolean) =>
  Effect.async<void>((resume) => {
    const { end, isAnswered, request } = exchange
    let left = batch.length
    const onDone = (error: Error | null | undefined) => {
      left -= 1
      if ((error ?? undefined) === undefined && left === 0) {
        exchange.whole = isLast
        resume(Effect.void)
      }
    }
    // Node reads what has arrived in between. A write to a connection that was reset behind an answer would lose the answer.
    setImmediate(() => {
      if (!isAnswered() && !request.destroyed) {
        exchange.handed = isLast
        batch.forEach((bytes) => request.write(bytes, onDone))
      }
    })
    // The memory is not the source's again while the system may still read it.
    return Effect.suspend(() => (left === 0 ? Effect.void : end))
  })
