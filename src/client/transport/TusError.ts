/**
 * The errors of uploads. Fields are facts: the request, its offset, and the number of attempts since the last progress.
 * The message is a sentence with what to do.
 */
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { SourceError } from "../sources/UploadSource.js"
import * as ErrorMessage from "./ErrorMessage.js"
import type * as TusTransport from "./TusTransport.js"

const asked = {
  method: Schema.String,
  url: Schema.String,
  /** The offset of the request in the upload, in bytes; Option.none if it was about the whole. */
  offset: Schema.OptionFromSelf(Schema.Int),
  /** Attempts since the last progress, this one included. */
  attempts: Schema.Int
}

/** There was no response: the network or the server failed, or no byte moved for too long. */
export class Unanswered extends Schema.TaggedError<Unanswered>("effect-tus/Unanswered")("Unanswered", {
  ...asked,
  /** See `TransportError`. */
  reason: Schema.Literal("Unreachable", "Closed", "Tls", "NotHttp", "Stalled", "Invalid"),
  cause: Schema.Defect
}) {
  override get message(): string {
    return `${says[this.reason](this.url, this.cause)} (${detailOf(this.cause)})${times(this.attempts)}`
  }
}

/** OpenSSL's messages contain addresses and line numbers, so its `reason` is used. */
const detailOf = (cause: unknown) =>
  cause instanceof Error && "library" in cause && "reason" in cause ? String(cause.reason) : ErrorMessage.of(cause)

const says = {
  Unreachable: (url: string) => `cannot connect to ${hostOf(url)}`,
  Closed: (url: string) =>
    `${hostOf(url)} closed the connection without a response${
      url.startsWith("http:") ? "; if it expects https, use https: in the URL" : ""
    }`,
  Tls: (url: string, cause: unknown) => `no secure connection to ${hostOf(url)}; ${advice[tlsTrouble(cause)]}`,
  NotHttp: (url: string) =>
    `the response of ${hostOf(url)} is not HTTP${
      url.startsWith("http:") ? "; if it expects https, use https: in the URL" : ""
    }`,
  Stalled: (url: string) => `the connection to ${hostOf(url)} stalled`,
  Invalid: (url: string) => `a request to ${hostOf(url)} cannot be sent`
}

const advice = {
  Plain: "if it speaks http, use http: in the URL",
  Nameless: "it requires a client certificate",
  Elsewhere: "its certificate is for another host",
  Unknown: "its certificate authority is not trusted here"
}

/**
 * Why there is no TLS connection: the server speaks plain HTTP, wants a client certificate, or has a certificate for
 * another name. Otherwise its certificate authority is not trusted.
 */
export const tlsTrouble = (cause: unknown): keyof typeof advice => {
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : ""
  return /WRONG_VERSION|PACKET_LENGTH|HTTP_REQUEST/.test(code)
    ? "Plain"
    : /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE/.test(code)
    ? "Nameless"
    : /ALTNAME/.test(code)
    ? "Elsewhere"
    : "Unknown"
}

/** The server refused the request. */
export class Refused extends Schema.TaggedError<Refused>("effect-tus/Refused")("Refused", {
  ...asked,
  status: Schema.Int,
  /** The body of the response, at most 4096 characters. */
  text: Schema.String,
  retryAfter: Schema.UndefinedOr(Schema.String),
  /** The `Date` of the response. */
  date: Schema.optional(Schema.String),
  /** The target of a redirect. */
  location: Schema.UndefinedOr(Schema.String)
}) {
  override get message(): string {
    const text = brief(this.text)
    const moved = this.location === undefined || this.status < 300 || this.status >= 400
      ? ""
      : `; it has moved, upload to ${brief(this.location)}`
    const later = this.retryAfter === undefined
      ? ""
      : `; the server asks to wait (Retry-After: ${brief(this.retryAfter)})`
    return `${this.method} ${this.url} was answered ${this.status}${text === "" ? "" : `: ${text}`}${moved}${later}${
      times(this.attempts)
    }`
  }
}

/** The server breaks the protocol, or is not a tus server. */
export class Misbehaved extends Schema.TaggedError<Misbehaved>("effect-tus/Misbehaved")("Misbehaved", {
  ...asked,
  /**
   * - `"NotTus"`: a response that tus does not allow.
   * - `"OffsetBeyond"`: the server claims more bytes than were sent.
   * - `"OffsetBehind"`: the server has fewer bytes than it had acknowledged, and the source cannot send them again.
   * - `"NoProgress"`: the server accepted a request, but its offset did not change.
   */
  reason: Schema.Literal("NotTus", "OffsetBeyond", "OffsetBehind", "NoProgress"),
  status: Schema.Int,
  /** What the server had to say, at most 4096 characters. */
  text: Schema.String,
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `${this.method} ${this.url}: expected ${this.expected}, got ${this.actual}${
      this.reason === "NotTus" ? "; is this the URL of a tus server?" : ""
    }`
  }
}

/** An option needs an extension of tus that the server does not support. */
export class Unsupported extends Schema.TaggedError<Unsupported>("effect-tus/Unsupported")("Unsupported", {
  url: Schema.String,
  extension: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `the tus extension ${this.extension} cannot be used with ${this.url}: ${this.detail}`
  }
}

/** The upload is larger than the server allows. Nothing was sent. */
export class TooLarge extends Schema.TaggedError<TooLarge>("effect-tus/TooLarge")("TooLarge", {
  url: Schema.String,
  length: Schema.Int,
  limit: Schema.Int
}) {
  override get message(): string {
    return `${this.url} accepts uploads of at most ${this.limit} bytes, this one has ${this.length}`
  }
}

/** The server sends the upload to another host. */
export class ForeignLocation extends Schema.TaggedError<ForeignLocation>("effect-tus/ForeignLocation")(
  "ForeignLocation",
  { url: Schema.String, location: Schema.String }
) {
  override get message(): string {
    return `${this.url} sends the upload to ${this.location}, another host; allow that host if you trust it`
  }
}

/** The application's `headers` could not be made. */
export class HeadersError extends Schema.TaggedError<HeadersError>("effect-tus/HeadersError")("HeadersError", {
  url: Schema.String,
  cause: Schema.Defect
}) {
  override get message(): string {
    return `the headers for ${this.url} could not be made: ${ErrorMessage.of(this.cause)}`
  }
}

/** An option is invalid. */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("effect-tus/InvalidOption")("InvalidOption", {
  option: Schema.String,
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `${this.option}: expected ${this.expected}, got ${this.actual}`
  }
}

/** A defect in something that the application provided, which `what` names, or in this client. */
export class Broken extends Schema.TaggedError<Broken>("effect-tus/Broken")("Broken", {
  what: Schema.String,
  cause: Schema.Defect
}) {
  override get message(): string {
    return `${this.what} failed unexpectedly: ${ErrorMessage.of(this.cause)}`
  }
}

/** The errors of one request. */
export type RequestError = Unanswered | Refused | Misbehaved | HeadersError | SourceError

/** The errors of an upload, after its attempts are used up or if no attempt would help. `_tag` tells them apart. */
export type TusError = RequestError | Unsupported | TooLarge | ForeignLocation | InvalidOption

/** The errors of one of many files. A defect, which ends a single upload, does not end the others. */
export type FileError = TusError | Broken

/**
 * The facts about its request that every error has. `offset` is in bytes; Option.none if the request was about the
 * whole. `attempts` counts those since the last progress, this one included.
 */
export interface RequestFacts {
  readonly method: string
  readonly url: string
  readonly offset: Option.Option<number>
  readonly attempts: number
}

/** The error of a transport as an error of the request. A `SourceError` stays as it is. */
export const fromTransport = (
  asked: RequestFacts,
  error: TusTransport.TransportError | SourceError
): Unanswered | SourceError =>
  error._tag === "SourceError" ? error : new Unanswered({ ...asked, reason: error.reason, cause: error.cause })

const hostOf = (url: string) => url.replace(/^([a-z]+:\/\/[^/?#]*).*$/is, "$1")

const brief = (text: string) => {
  const line = text.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim()
  return line.length > 200 ? `${line.slice(0, 200)}…` : line
}

const times = (attempts: number) => (attempts > 1 ? `; tried ${attempts} times` : "")
