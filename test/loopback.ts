/**
 * A client and a server with no network between them: a request of the one is handed to the door of the other.
 */
import { TusTransport } from "effect-tus/client"
import type { TusServer } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TusDoor from "../src/server/TusDoor.js"
import * as UploadBody from "../src/server/UploadBody.js"
import { server } from "./server/doors.js"

export const endpoint = "http://loopback/files"

/** Answers one request by the server's own door. */
export const exchange = Effect.fnUntraced(function*(request: TusTransport.Request) {
  const { body } = request
  const headers = {
    ...request.headers,
    ...(body === undefined ? {} : body.trailers === undefined ? { "content-length": String(body.length) } : {
      "transfer-encoding": "chunked"
    })
  }
  let failure = Option.none<Effect.Effect.Error<ReturnType<TusTransport.TusTransport["Type"]["send"]>>>()
  const pull = body === undefined ? Effect.fail(Option.none()) : yield* Stream.toPull(
    body.stream.pipe(
      Stream.tap((bytes) => Effect.sync(() => request.onSent?.(bytes.length))),
      Stream.tapError((error) => Effect.sync(() => failure = Option.some(error)))
    )
  )
  const response = yield* TusDoor.respond(
    { method: request.method, url: new URL(request.url).pathname, headers },
    {
      ...UploadBody.fromPull(Effect.map(pull, Chunk.map((bytes) => bytes.slice())), {}),
      trailers: Effect.sync(() => body?.trailers?.() ?? {})
    },
    { path: "/files", trailers: true }
  )
  return Option.isSome(failure) ? yield* Effect.fail(failure.value) : response
}, Effect.scoped)

/** A transport to the server at hand; `wrap` may spoil what goes over it. */
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
      send: (request) => wrap(request, (request) => Effect.provide(exchange(request), context))
    }))
  )

export { server }
