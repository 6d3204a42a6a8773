/**
 * Requests over whatever HttpClient is provided: fetch, undici, or one that is made up for a test. None of them tells what has
 * really left, or when a request has really ended; a platform's own transport is better where there is one.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RawResponse } from "../protocol/Reply.js"
import * as Pull from "../store/Pull.js"
import * as NetworkError from "./NetworkError.js"
import * as Race from "./Race.js"
import { type Body, maxText, type Request, TransportError, TusTransport } from "./TusTransport.js"
import type { SourceError } from "./UploadSource.js"
import * as Watch from "./Watch.js"

/**
 * A body up to this size is handed over in one piece. A stream would need HTTP/2 in a browser, and fetch sends it without a
 * Content-Length everywhere.
 */
const maxGathered = 8 * 1024 * 1024

/** Trailers cannot be sent. A body above 8 MiB is streamed, one below it counts as sent when its answer is there. */
export const layer: Layer.Layer<TusTransport, never, HttpClient.HttpClient> = Layer.effect(
  TusTransport,
  Effect.map(HttpClient.HttpClient, (client) => ({
    trailers: false,
    send: (request) => Watch.watched(request, (request) => send(HttpClient.withScope(client), request))
  }))
)

/** The scope ends a request that is answered before its body is sent, or that is interrupted. */
const send = (client: HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>, request: Request) =>
  Effect.scoped(
    Effect.gen(function*() {
      const { body, headers, method, onSent, url } = request
      const asked = HttpClientRequest.make(method)(url)
      const ask = (body: HttpBody.HttpBody) =>
        asked.pipe(
          HttpClientRequest.setBody(body),
          HttpClientRequest.setHeaders(headers),
          client.execute,
          Effect.flatMap(answerOf),
          Effect.mapError(toTransportError),
          withoutRedirects
        )
      if (body === undefined) {
        return yield* ask(HttpBody.empty)
      }
      const contentType = headers["content-type"]
      if (body.length <= maxGathered) {
        const bytes = yield* gather(body)
        return yield* Effect.tap(ask(HttpBody.uint8Array(bytes, contentType)), () => onSent?.(body.length))
      }
      // The reading is ended here and not by the client, which may let go of a body at any time, or never.
      const copies = yield* Mailbox.make<Uint8Array>(1)
      const stream = Stream.tap(Mailbox.toStream(copies), ({ length }) => Effect.sync(() => onSent?.(length)))
      return yield* Race.first(
        ask(HttpBody.stream(stream, contentType, body.length)),
        Stream.runForEach(Pull.toStream(body.open), (bytes) => copies.offer(bytes.slice())).pipe(
          Effect.zipRight(copies.end),
          Effect.zipRight(Effect.never)
        )
      )
    })
  )

const gather = ({ length, open }: Body): Effect.Effect<Uint8Array, SourceError> =>
  Effect.suspend(() => {
    const gathered = new Uint8Array(length)
    return Stream.runFold(Pull.toStream(open), 0, (at, bytes) => {
      gathered.set(bytes, at)
      return at + bytes.length
    }).pipe(
      Effect.filterOrDieMessage((end) => end === length, `a body of ${length} bytes has another number of them`),
      Effect.as(gathered)
    )
  })

/** Fetch follows redirects where nobody tells it not to; other clients do so only where they are told to. */
const withoutRedirects = Effect.mapInputContext((context: Context.Context<Scope.Scope>) =>
  Context.add(context, FetchHttpClient.RequestInit, {
    ...Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit)),
    redirect: "manual"
  })
)

const answerOf = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<RawResponse, TransportError | HttpClientError.ResponseError> =>
  response.status === 0
    ? Effect.fail(
      new TransportError({ reason: "NotHttp", cause: new Error("a redirect, which a browser keeps to itself") })
    )
    : Stream.runFoldWhile(
      Stream.decodeText(response.stream),
      "",
      (text) => text.length < maxText,
      (text, piece) => text + piece
    ).pipe(
      Effect.catchIf((error) => error.reason === "EmptyBody", () => Effect.succeed("")),
      Effect.map((text): RawResponse => ({
        status: response.status,
        headers: { ...response.headers },
        ...(text === "" ? {} : { body: text.slice(0, maxText) })
      }))
    )

const toTransportError = (error: HttpClientError.HttpClientError | TransportError): TransportError => {
  if (error._tag === "TransportError") {
    return error
  }
  const cause = error.cause ?? error
  return error.reason === "InvalidUrl"
    ? new TransportError({ reason: "Unreachable", cause })
    : NetworkError.toTransportError(cause)
}
