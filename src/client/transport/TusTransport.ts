/**
 * How one request reaches a server and its answer comes back. Knows nothing of tus; a platform's own transport is
 * better than `HttpTransport` where it can tell what has really left, and end a request for good.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Reading } from "../../bytes/Pull.js"
import type { RawResponse } from "../../wire/Message.js"
import type { SourceError } from "../sources/UploadSource.js"
import * as ErrorMessage from "./ErrorMessage.js"

/**
 * The bytes of one request. They are read while it is sent, or before that by a transport that has to hold them all.
 */
export interface Body {
  /** How many bytes there are, exactly: the Content-Length, unless trailers follow. */
  readonly length: number
  /** Begins to read them. Each chunk is lent: its memory is used again once the next one is asked for. */
  readonly open: Effect.Effect<Reading<SourceError>, SourceError>
  /** Fields to send behind the body, asked for at its end. Only for a transport that says it can. */
  readonly trailers?: (() => Readonly<Record<string, string>>) | undefined
}

/** A request as it is to be sent: all that tus says in it is in its method and its headers. */
export interface Request {
  readonly method: "OPTIONS" | "POST" | "HEAD" | "PATCH" | "DELETE"
  /** Absolute, http or https. */
  readonly url: string
  /**
   * By lower-case name, without those that the transport itself has to know: content-length, transfer-encoding, host.
   */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Body | undefined
  /** Told each time when bytes of the body have left this process, with their number. */
  readonly onSent?: ((bytes: number) => void) | undefined
  /**
   * How long no byte may move in either direction, in milliseconds; behind the last byte of a body longer, as long as a
   * line that was so slow needs for what may still be under way. For ever by default.
   */
  readonly stallTimeout?: number | undefined
  /**
   * How long the answer may take in all once no byte of the body moves any more, in milliseconds, however its own bytes
   * come. For ever by default.
   */
  readonly answerTimeout?: number | undefined
}

/** No answer came, or none that is HTTP. */
export class TransportError extends Schema.TaggedError<TransportError>("effect-tus/TransportError")("TransportError", {
  /**
   * - `"Unreachable"`: no connection: refused, no route, no such name (it may come back).
   * - `"Closed"`: a connection that ended before the answer was complete.
   * - `"Tls"`: no secure connection: a certificate that is not trusted, or a server that does not speak TLS.
   * - `"NotHttp"`: an answer that is not HTTP.
   * - `"Stalled"`: no byte moved in either direction for `stallTimeout`, or the answer was not whole after
   *   `answerTimeout`.
   * - `"Invalid"`: a URL, a header or an option that makes no request; nothing was sent.
   */
  reason: Schema.Literal("Unreachable", "Closed", "Tls", "NotHttp", "Stalled", "Invalid"),
  cause: Schema.Defect
}) {
  override get message(): string {
    return ErrorMessage.of(this.cause)
  }
}

/** What a transport fails with when no byte has moved for `timeout` milliseconds. */
export const stalled = (timeout: number): TransportError =>
  new TransportError({ reason: "Stalled", cause: new Error(`no byte for ${timeout / 1000} seconds`) })

/** What it fails with when the answer is not whole `timeout` milliseconds after the last byte of the body has moved. */
export const overdue = (timeout: number): TransportError =>
  new TransportError({ reason: "Stalled", cause: new Error(`no whole answer within ${timeout / 1000} seconds`) })

/**
 * What `TusClient` sends its requests with: `NodeTransport` on Node, `XhrTransport` and `FetchTransport` in browsers,
 * `HttpTransport` over any `HttpClient`, or one of your own.
 */
export class TusTransport extends Context.Tag("effect-tus/TusTransport")<TusTransport, {
  /** Whether fields can be sent behind a body. */
  readonly trailers: boolean
  /**
   * How many bytes a body should have at most, since all of it is held in memory; infinite where it is sent as it is
   * read.
   */
  readonly bodyLimit: number
  /**
   * Sends one request and returns the answer, whatever its status; redirects are answers. Takes from the body no more
   * than the connection does. An answer that comes before the body is sent ends the sending and wins. When it is
   * interrupted it returns only after the request has ended: nothing more of it leaves. The body of the answer is cut
   * at `maxText` characters.
   */
  readonly send: (request: Request) => Effect.Effect<RawResponse, TransportError | SourceError>
}>() {}

/** Whether an answer of this status says that all of the request's body has come. */
export const isTaken = (status: number): boolean => status >= 200 && status < 300

/** How much of an answer's body is kept, in characters. */
export const maxText = 4096
