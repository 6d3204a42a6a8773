/**
 * What all requests have in common: the headers of the application, made anew for each one, the timeouts, and the
 * errors.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Checksum from "../../protocol/Checksum.js"
import * as Known from "../../time/Known.js"
import type { RawResponse } from "../../wire/Message.js"
import * as ChecksumHeader from "../../wire/tus/ChecksumHeader.js"
import * as DiscoveryHeaders from "../../wire/tus/DiscoveryHeaders.js"
import type { SourceError } from "../sources/UploadSource.js"
import * as Sendable from "../transport/Sendable.js"
import * as TusError from "../transport/TusError.js"
import * as TusTransport from "../transport/TusTransport.js"
import * as UserCode from "../transport/UserCode.js"
import * as ServerClock from "./ServerClock.js"

/** Options of every request. */
export interface Call {
  readonly url: string
  /** Attempts since the last progress, this one included. Part of messages. */
  readonly attempts?: number | undefined
  /** The last attempt was answered with 401. */
  readonly refresh?: boolean | undefined
  /** Leaves out the application's headers, since `url` has another origin than the endpoint. */
  readonly anonymous?: boolean | undefined
}

/** The body of one request. */
export interface Chunk extends Omit<TusTransport.Body, "trailers"> {
  /** The checksum of the bytes: none, or known before they are sent, or computed when all have been read. */
  readonly checksum: Option.Option<Checksum.Checksum> | (() => Checksum.Checksum)
  readonly onSent?: TusTransport.Request["onSent"]
}

/** A request that is about to be sent. */
export interface Attempt {
  readonly method: string
  readonly url: string
  /** The last attempt was answered with 401: a cached token is no longer valid. */
  readonly refresh: boolean
}

/** Options of all requests of a client. `headers` may fail with `E`, which becomes a `HeadersError`, and needs `R`. */
export interface ClientOptions<E = never, R = never> {
  /**
   * Headers of the application, such as Authorization, made anew for each request. Headers of tus take precedence.
   * Invalid headers, failures, exceptions and interruptions are a `HeadersError` at once.
   */
  readonly headers?: ((attempt: Attempt) => Effect.Effect<Readonly<Record<string, string>>, E, R>) | undefined
  /** How long a request may go without a byte that moves in either direction. 30 seconds by default. */
  readonly stallTimeout?: Duration.DurationInput | undefined
  /**
   * How long the whole response may take once the body of the request no longer moves, even if bytes of the response
   * arrive. Ten times `stallTimeout` by default.
   */
  readonly answerTimeout?: Duration.DurationInput | undefined
  /** Sends a random `X-Request-ID` with each request. */
  readonly requestId?: boolean | undefined
  /** Sends PATCH and DELETE as POST with `X-HTTP-Method-Override`, for networks that block other methods. */
  readonly methodOverride?: boolean | undefined
}

export interface Message {
  readonly method: TusTransport.Request["method"]
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly offset?: number | undefined
  readonly chunk?: Chunk | undefined
}

/** A successful response, and the request that it answers. */
export interface Response extends RawResponse {
  readonly asked: TusError.RequestFacts
  /** The server's clock is this many milliseconds ahead of ours; 0 if the response tells no time but its own. */
  readonly clockAhead: number
}

export const make = Effect.fnUntraced(function*<E = never, R = never>(options: ClientOptions<E, R>) {
  const transport = yield* TusTransport.TusTransport
  const context = yield* Effect.context<R>()
  const stallTimeout = Duration.toMillis(options.stallTimeout ?? "30 seconds")
  const answerTimeout = Duration.toMillis(options.answerTimeout ?? 10 * stallTimeout)

  const { headers: evaluate } = options
  const headersOf = (attempt: Attempt) =>
    evaluate === undefined
      ? Exit.succeed({})
      : Effect.suspend(() => evaluate(attempt)).pipe(
        Effect.tap((headers) =>
          Option.match(Sendable.fault(headers), { onNone: () => Effect.void, onSome: Effect.fail })
        ),
        Effect.map(lowerCase),
        Effect.catchAllCause((cause) =>
          new TusError.HeadersError({ url: attempt.url, cause: UserCode.reasonOf(cause) })
        ),
        Effect.provide(context)
      )

  const send = Known.fn(function*(call: Call, { chunk, headers, method, offset }: Message) {
    const { anonymous = false, attempts = 1, refresh = false, url } = call
    const asked = { method, url, offset: Option.fromNullable(offset), attempts }
    const overridden = options.methodOverride === true && (method === "PATCH" || method === "DELETE")
    const request: TusTransport.Request = {
      method: overridden ? "POST" : method,
      url,
      headers: {
        ...(anonymous ? {} : yield* headersOf({ method, url, refresh })),
        ...(options.requestId === true ? { "x-request-id": requestId() } : {}),
        ...headers,
        ...(overridden ? { "x-http-method-override": method } : {}),
        ...(method === "OPTIONS" ? {} : { "tus-resumable": DiscoveryHeaders.version })
      },
      body: chunk && bodyOf(chunk),
      onSent: chunk?.onSent,
      stallTimeout,
      answerTimeout
    }
    const response = yield* Effect.catchAll(
      UserCode.effect("the transport", () => Effect.flatMap(transport.send(request), checked)),
      (error) =>
        isFailure(error)
          ? Effect.fail(TusError.fromTransport(asked, error))
          : Effect.die(UserCode.bugOf("the transport", error))
    )
    const { date, "upload-expires": expires } = response.headers
    return response.status >= 200 && response.status < 300
      ? { ...response, asked, clockAhead: expires === undefined ? 0 : ServerClock.ahead(date, yield* DateTime.now) }
      : yield* new TusError.Refused({
        ...asked,
        status: response.status,
        text: response.body ?? "",
        retryAfter: response.headers["retry-after"],
        date,
        location: response.headers.location
      })
  })
  return (call: Call, message: Message): Effect.Effect<Response, TusError.RequestError> =>
    Effect.suspend(() => send(call, message))
})

const checked = (value: RawResponse) =>
  isResponse(value)
    ? Exit.succeed(value)
    : Exit.die(new TypeError("expected a response with a status and headers"))

const isResponse = (value: unknown): value is RawResponse =>
  Predicate.hasProperty(value, "status") && Number.isInteger(value.status)
  && Predicate.hasProperty(value, "headers") && Predicate.isRecord(value.headers)

const isFailure = (error: unknown): error is TusTransport.TransportError | SourceError =>
  Predicate.isTagged(error, "TransportError") || Predicate.isTagged(error, "SourceError")

const lowerCase = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

const requestId = () => Encoding.encodeHex(crypto.getRandomValues(new Uint8Array(16)))

const bodyOf = ({ bytes, checksum, length, open }: Chunk): TusTransport.Body => ({
  length,
  open,
  bytes,
  trailers: typeof checksum === "function"
    ? () => ({ "upload-checksum": ChecksumHeader.toHeader(checksum()) })
    : undefined
})
