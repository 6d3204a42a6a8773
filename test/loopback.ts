/**
 * A client and a server without a network: the transport hands each request to the server's door.
 */
import { Pull } from "effect-tus"
import { TusTransport } from "effect-tus/client"
import type { TusServer } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as StallTimeout from "../src/client/transport/StallTimeout.js"
import * as UploadBody from "../src/server/body/UploadBody.js"
import * as TusDoor from "../src/server/doors/TusDoor.js"
import { server } from "./server/doors.js"

export const endpoint = "http://loopback/files"

/** A request as it arrives at the server. */
export interface Arrival {
  readonly method: string
  /** Absolute. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The bytes as they arrive. The server owns them. */
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<unknown>>
  /** Whether all bytes that were announced have been pulled. Left out if none were announced. */
  readonly hasEnded?: (() => boolean) | undefined
  readonly trailers: () => Readonly<Record<string, string>>
}

/** Answers one request through the server's own door. */
export const serve = ({ hasEnded, headers, method, pull, trailers, url }: Arrival) =>
  Effect.flatMap(TusDoor.make({ path: "/files" }), (respond) =>
    respond({
      request: { method, url: new URL(url).pathname, headers },
      body: {
        ...UploadBody.fromPull(pull, {}),
        trailers: Effect.sync(trailers),
        ...(hasEnded === undefined ? {} : { hasEnded })
      },
      trailers: true
    }))

/** The headers that announce the body. */
export const framing = (body: TusTransport.Body | undefined): Readonly<Record<string, string>> =>
  body === undefined
    ? {}
    : body.trailers === undefined
    ? { "content-length": String(body.length) }
    : { "transfer-encoding": "chunked" }

/** Hands a request to the server without a network. */
export const exchange = Effect.fnUntraced(function*(request: TusTransport.Request) {
  const { body } = request
  let failure = Option.none<Effect.Effect.Error<ReturnType<TusTransport.TusTransport["Type"]["send"]>>>()
  const pull = body === undefined ? Pull.end : yield* Stream.toPull(
    Pull.toStream(body.open).pipe(
      Stream.tap((bytes) => Effect.sync(() => request.onSent?.(bytes.length))),
      Stream.tapError((error) => Effect.sync(() => failure = Option.some(error)))
    )
  )
  const response = yield* serve({
    method: request.method,
    url: request.url,
    headers: { ...request.headers, ...framing(body) },
    pull: Effect.map(pull, Chunk.map((bytes) => bytes.slice())),
    trailers: () => body?.trailers?.() ?? {}
  })
  return Option.isSome(failure) ? yield* Effect.fail(failure.value) : response
}, Effect.scoped)

/** A transport to the server in the context. `wrap` may change or break each exchange. */
export const transport = (
  wrap: (
    request: TusTransport.Request,
    exchange: (request: TusTransport.Request) => ReturnType<TusTransport.TusTransport["Type"]["send"]>
  ) => ReturnType<TusTransport.TusTransport["Type"]["send"]> = (request, exchange) => exchange(request),
  trailers = true
) =>
  Layer.effect(
    TusTransport.TusTransport,
    Effect.map(Effect.context<TusServer.TusServer>(), (context) => ({
      trailers,
      bodyLimit: Infinity,
      send: (request) =>
        StallTimeout.watched(
          request,
          (request) => wrap(request, (request) => Effect.provide(exchange(request), context))
        )
    }))
  )

export { server }
