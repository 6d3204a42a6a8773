/**
 * Requests over any `HttpClient`: fetch, undici, or one of a test. An `HttpClient` does not report how much of a body
 * was sent, or when a request has really ended. Use a transport of the platform if there is one.
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
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RawResponse } from "../../wire/Message.js"
import * as BufferedBody from "./BufferedBody.js"
import * as NetworkError from "./NetworkError.js"
import * as Sendable from "./Sendable.js"
import { isTaken, maxText, type Request, TransportError, TusTransport } from "./TusTransport.js"

/**
 * Cannot send trailers. A body is passed as one piece, since fetch sends a stream without a Content-Length, and in
 * browsers over HTTP/2 only. It counts as sent when the server has accepted it.
 */
export const layer: Layer.Layer<TusTransport, never, HttpClient.HttpClient> = Layer.effect(
  TusTransport,
  Effect.map(
    HttpClient.HttpClient,
    (client) => BufferedBody.transport((request, bytes) => send(HttpClient.withScope(client), request, bytes))
  )
)

/** An interruption closes the scope, which ends the request. */
const send = (
  client: HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>,
  { headers, method, onSent, url }: Request,
  bytes: Uint8Array | undefined
) =>
  Effect.gen(function*() {
    const asked = HttpClientRequest.make(method)(url).pipe(
      HttpClientRequest.setBody(
        bytes === undefined ? HttpBody.empty : HttpBody.uint8Array(bytes, headers["content-type"])
      ),
      HttpClientRequest.setHeaders(headers)
    )
    const answer = yield* client.execute(asked).pipe(
      Effect.flatMap(answerOf),
      Effect.mapError(toTransportError),
      withoutRedirects
    )
    if (isTaken(answer.status)) {
      onSent?.(bytes?.length ?? 0)
    }
    return answer
  }).pipe(Effect.scoped)

/** Fetch follows redirects by default. Other clients do not. */
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
      new TransportError({ reason: "NotHttp", cause: new Error("a redirect, whose target a browser does not tell") })
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
  return error.reason === "InvalidUrl" || error.reason === "Encode"
    ? Sendable.invalid(cause)
    : NetworkError.toTransportError(cause)
}
