/**
 * Requests over node:http and node:https. A body is read only as fast as the connection accepts it. Lent memory is
 * given back only when the system has the bytes, or the connection has ended.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { performance } from "node:perf_hooks"
import * as Pull from "../bytes/Pull.js"
import type { SourceError } from "../client/sources/UploadSource.js"
import * as Sendable from "../client/transport/Sendable.js"
import { type Body, type Request, type TransportError, TusTransport } from "../client/transport/TusTransport.js"
import * as NodeTls from "../node-shared/NodeTls.js"
import type { RawResponse } from "../wire/Message.js"
import * as NodeExchange from "./NodeExchange.js"
import * as NodeProxy from "./NodeProxy.js"
import * as WriteSize from "./WriteSize.js"

/** Options for TLS, the proxy, and the number of connections. */
export interface Options extends NodeTls.Options, NodeProxy.Options {
  /** How many requests run at the same time to one server; others wait. No limit by default. */
  readonly connections?: number | undefined
}

/**
 * Sends trailers, and bodies of any size. Connections are kept alive until the layer ends. Fails with a
 * `NodeTransportError` if a certificate or key cannot be used, or `proxy` is not the URL of a proxy.
 */
export const layer = (options: Options = {}): Layer.Layer<TusTransport, NodeTls.NodeTransportError> =>
  Layer.scoped(
    TusTransport,
    Effect.gen(function*() {
      const { connections } = options
      const connectTimeout = Duration.decode(options.connectTimeout ?? NodeProxy.defaultConnectTimeout)
      const open = yield* NodeProxy.make(options, yield* NodeTls.make(options))
      const limited = connections === undefined ? undefined : connectionLimit(connections)
      const begin = (request: Request) => {
        const { answerTimeout, body, headers, method, stallTimeout, url } = request
        return NodeExchange.make(open(url, method, { ...headers, ...framing(method, body) }), {
          hasBody: body !== undefined,
          connectTimeout,
          stallTimeout,
          answerTimeout
        })
      }
      return {
        trailers: true,
        bodyLimit: Number.POSITIVE_INFINITY,
        send: (request) =>
          Effect.zipRight(
            Sendable.check(request),
            limited === undefined ? send(begin, request) : limited(request.url, send(begin, request))
          )
      }
    })
  )

/** A limit of Node's agents would queue requests that have begun, and an interruption could not end them. */
const connectionLimit = (connections: number) => {
  const semaphores = new Map<string, Effect.Semaphore>()
  return <A, E>(url: string, sending: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      const { origin } = new URL(url)
      const semaphore = semaphores.get(origin) ?? Effect.unsafeMakeSemaphore(connections)
      semaphores.set(origin, semaphore)
      return semaphore.withPermits(1)(sending)
    })
}

const framing = (method: Request["method"], body: Body | undefined): Readonly<Record<string, string>> => {
  if (body === undefined) {
    return method === "POST" || method === "PATCH" ? { "content-length": "0" } : {}
  }
  return body.trailers === undefined
    ? { "content-length": String(body.length) }
    : { "transfer-encoding": "chunked" }
}

type Begin = (request: Request) => NodeExchange.Exchange

/** Begins to send a body. Returns what stops it. */
type SendBody = (exchange: NodeExchange.Exchange) => Effect.Effect<void>

/**
 * A body that is read is sent by a fiber of its own, while this one waits for the response, which may arrive earlier:
 * then the body is interrupted. A body that is known needs none.
 */
const send = (begin: Begin, request: Request): Effect.Effect<RawResponse, TransportError | SourceError> => {
  const { body, onSent } = request
  return body === undefined
    ? exchange(begin, request, () => Effect.void)
    : body.bytes !== undefined
    ? exchange(begin, request, sendBytes(body, body.bytes, onSent))
    : Effect.flatMap(
      Effect.runtime(),
      (runtime) =>
        exchange(
          begin,
          request,
          (exchange) =>
            Fiber.interrupt(Runtime.runFork(runtime)(Effect.interruptible(sendBody(exchange, body, onSent))))
        )
    )
}

/** A request that has ended normally needs no cleanup. */
const exchange = (begin: Begin, request: Request, sendBody: SendBody) =>
  Effect.async<RawResponse, TransportError | SourceError>((resume) => {
    let end: Effect.Effect<void> = Effect.void
    /** If Node throws here, there is no connection yet. */
    const attempt = () => {
      let exchange: NodeExchange.Exchange
      try {
        exchange = begin(request)
      } catch (cause) {
        return resume(Sendable.invalid(cause))
      }
      exchange.onOutcome((outcome, isOver) => {
        if (outcome === NodeExchange.stale) {
          attempt()
        } else {
          resume(isOver ? outcome : Effect.uninterruptible(Effect.zipRight(Effect.suspend(() => end), outcome)))
        }
      })
      const stop = sendBody(exchange)
      end = Effect.zipRight(stop, exchange.end)
    }
    attempt()
    return Effect.suspend(() => end)
  })

/** Sends a body that is known, as one piece. */
const sendBytes =
  ({ length, trailers }: Body, bytes: Uint8Array, onSent: Request["onSent"]): SendBody => (exchange) => {
    const guarded = (act: () => void) => () => {
      try {
        act()
      } catch (cause) {
        exchange.fail(Effect.die(cause))
      }
    }
    exchange.onConnected(guarded(() => {
      if (bytes.length !== length) {
        throw new Error(`a body of ${length} bytes has ${bytes.length} bytes`)
      }
      if (length > 0) {
        exchange.write([bytes], true, guarded(() => onSent?.(length)))
      }
      exchange.finish(trailers?.())
    }))
    return Effect.void
  }

/** Sends the whole body, only as fast as the connection accepts it. */
const sendBody = (exchange: NodeExchange.Exchange, { length, open, trailers }: Body, onSent: Request["onSent"]) => {
  let sent = 0
  let most = WriteSize.least
  const writeAll = (waiting: Array<Uint8Array>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const part = take(waiting, most)
      const size = part.reduce((size, { length }) => size + length, 0)
      const start = performance.now()
      sent += size
      return size === 0
        ? Effect.void
        : sent > length
        ? Effect.dieMessage(`a body of ${length} bytes has more bytes`)
        : Effect.flatMap(written(exchange, part, sent === length), () => {
          most = WriteSize.next(most, performance.now() - start)
          onSent?.(size)
          return writeAll(waiting)
        })
    })
  return connected(exchange).pipe(
    Effect.zipRight(Pull.use(open, (pull) => Pull.forEachBatch(pull, (batch) => writeAll([...batch])))),
    Effect.flatMap(() =>
      sent === length
        ? Effect.sync(() => exchange.finish(trailers?.()))
        : Effect.dieMessage(`a body of ${length} bytes has only ${sent} bytes`)
    ),
    Effect.catchAllCause((cause) => Effect.sync(() => exchange.fail(Effect.failCause(cause))))
  )
}

const connected = ({ onConnected }: NodeExchange.Exchange) =>
  Effect.async<void>((resume) => onConnected(() => resume(Effect.void)))

/** The source must not use the memory while the system may still read it. */
const written = ({ end, write }: NodeExchange.Exchange, batch: ReadonlyArray<Uint8Array>, isLast: boolean) =>
  Effect.async<void>((resume) => {
    let isTaken = false
    write(batch, isLast, () => {
      isTaken = true
      resume(Effect.void)
    })
    return Effect.suspend(() => isTaken ? Effect.void : end)
  })

/** Removes at most `most` bytes from the front of `waiting`. */
const take = (waiting: Array<Uint8Array>, most: number): ReadonlyArray<Uint8Array> => {
  const taken: Array<Uint8Array> = []
  let room = most
  for (let bytes = waiting[0]; bytes !== undefined && room > 0; bytes = waiting[0]) {
    const piece = bytes.subarray(0, room)
    if (piece.length > 0) {
      taken.push(piece)
      room -= piece.length
    }
    if (piece.length === bytes.length) {
      waiting.shift()
    } else {
      waiting[0] = bytes.subarray(piece.length)
    }
  }
  return taken
}
