/**
 * The contract of a transport: it sends one request and returns the response. It knows nothing of tus. A transport of
 * the platform is better than `HttpTransport` if it can tell how many bytes were sent, and can end a request.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Reading } from "../../bytes/Pull.js"
import type { RawResponse } from "../../wire/Message.js"
import type { SourceError } from "../sources/UploadSource.js"
import * as ErrorMessage from "./ErrorMessage.js"

/** The body of one request. It is read while it is sent, or before that by a transport that buffers it. */
export interface Body {
  /** The exact number of bytes: the Content-Length, unless trailers follow. */
  readonly length: number
  /** Begins to read the bytes. Each chunk is lent: its memory is used again once the next one is asked for. */
  readonly open: Effect.Effect<Reading<SourceError>, SourceError>
  /** All of the bytes, if they are in memory already. `open` reads the same. */
  readonly bytes?: Uint8Array | undefined
  /** Trailers, asked for at the end of the body. Only for a transport that supports them. */
  readonly trailers?: (() => Readonly<Record<string, string>>) | undefined
}

/** A request: tus is in its method and its headers only. */
export interface Request {
  readonly method: "OPTIONS" | "POST" | "HEAD" | "PATCH" | "DELETE"
  /** Absolute, http or https. */
  readonly url: string
  /** By lower-case name, without those that the transport sets: content-length, transfer-encoding, host. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Body | undefined
  /** Called with a number of bytes each time when that many have left this process. */
  readonly onSent?: ((bytes: number) => void) | undefined
  /**
   * How long no byte may move in either direction, in milliseconds. After the last byte of the body it is longer, by
   * the time that a slow line needs to drain its buffers. No limit by default.
   */
  readonly stallTimeout?: number | undefined
  /**
   * How long the whole response may take once the body no longer moves, in milliseconds, even if bytes of it arrive. No
   * limit by default.
   */
  readonly answerTimeout?: number | undefined
}

/** There was no response, or none that is HTTP. */
export class TransportError extends Schema.TaggedError<TransportError>("effect-tus/TransportError")("TransportError", {
  /**
   * - `"Unreachable"`: no connection: it was refused, or there is no route or no such name. A retry may help.
   * - `"Closed"`: the connection ended before the response was complete.
   * - `"Tls"`: no TLS connection: the certificate is not trusted, or the server does not speak TLS.
   * - `"NotHttp"`: the response is not HTTP.
   * - `"Stalled"`: no byte moved for `stallTimeout`, or the response was not complete after `answerTimeout`.
   * - `"Invalid"`: the URL, a header or an option is invalid. Nothing was sent.
   */
  reason: Schema.Literal("Unreachable", "Closed", "Tls", "NotHttp", "Stalled", "Invalid"),
  cause: Schema.Defect
}) {
  override get message(): string {
    return ErrorMessage.of(this.cause)
  }
}

/** The error after no byte has moved for `timeout` milliseconds. */
export const stalled = (timeout: number): TransportError =>
  new TransportError({ reason: "Stalled", cause: new Error(`no byte moved for ${timeout / 1000} seconds`) })

/** The error if the response is not complete `timeout` milliseconds after the last byte of the body has moved. */
export const overdue = (timeout: number): TransportError =>
  new TransportError({
    reason: "Stalled",
    cause: new Error(`the response was not complete after ${timeout / 1000} seconds`)
  })

/**
 * The transport of `TusClient`: `NodeTransport` on Node, `XhrTransport` and `FetchTransport` in browsers,
 * `HttpTransport` over any `HttpClient`, or your own.
 */
export class TusTransport extends Context.Tag("effect-tus/TusTransport")<TusTransport, {
  /** Whether trailers can be sent. */
  readonly trailers: boolean
  /** The recommended size of a body, if all of it is held in memory; infinite if it is sent while it is read. */
  readonly bodyLimit: number
  /**
   * Sends one request and returns the response, whatever its status. It does not follow redirects. It reads the body no
   * faster than the connection accepts it. A response that arrives before the body is sent ends the sending. If
   * interrupted, it returns after the request has ended: no byte of it leaves afterwards. The text of the response is
   * cut at `maxText` characters.
   */
  readonly send: (request: Request) => Effect.Effect<RawResponse, TransportError | SourceError>
}>() {}

/** Whether this status says that the server has received the whole body. */
export const isTaken = (status: number): boolean => status >= 200 && status < 300

/** How much of a response's text is kept, in characters. */
export const maxText = 4096
