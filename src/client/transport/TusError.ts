/**
 * Every way an upload can fail for good. Fields are facts: what was asked of whom, at which offset, and the
 * number of attempts since the last progress. The message is a sentence with what to do.
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
  /** Where in the upload the request stood, in bytes; none where it was about the whole. */
  offset: Schema.OptionFromSelf(Schema.Int),
  /** Attempts since the last progress, this one included. */
  attempts: Schema.Int
}

/** No answer: the network, the other end, or nothing moved for too long. */
export class Unanswered extends Schema.TaggedError<Unanswered>("effect-tus/Unanswered")("Unanswered", {
  ...asked,
  /** Those of a transport. */
  reason: Schema.Literal("Unreachable", "Closed", "Tls", "NotHttp", "Stalled", "Invalid"),
  cause: Schema.Defect
}) {
  override get message(): string {
    return `${says[this.reason](this.url, this.cause)} (${detailOf(this.cause)})${times(this.attempts)}`
  }
}

/** The messages of OpenSSL are full of addresses and line numbers; its reasons are words. */
const detailOf = (cause: unknown) =>
  cause instanceof Error && "library" in cause && "reason" in cause ? String(cause.reason) : ErrorMessage.of(cause)

const says = {
  Unreachable: (url: string) => `cannot connect to ${hostOf(url)}`,
  Closed: (url: string) =>
    `${hostOf(url)} closed the connection without an answer${
      url.startsWith("http:") ? "; if it expects https, say https" : ""
    }`,
  Tls: (url: string, cause: unknown) => `no secure connection to ${hostOf(url)}; ${advice[tlsTrouble(cause)]}`,
  NotHttp: (url: string) =>
    `${hostOf(url)} does not answer in HTTP${url.startsWith("http:") ? "; if it expects https, say https" : ""}`,
  Stalled: (url: string) => `${hostOf(url)} stopped moving bytes`,
  Invalid: (url: string) => `a request to ${hostOf(url)} that cannot be sent`
}

const advice = {
  Plain: "if it speaks http, say http",
  Nameless: "it wants a client certificate",
  Elsewhere: "its certificate is for another host",
  Unknown: "is its certificate authority known here?"
}

/**
 * What keeps a connection from being secure: a server that speaks plain HTTP, that wants to know who the client is,
 * that has the name of another; all else is about whom its certificate is from.
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

/** The server said no. */
export class Refused extends Schema.TaggedError<Refused>("effect-tus/Refused")("Refused", {
  ...asked,
  status: Schema.Int,
  /** What the server had to say, at most 4096 characters. */
  text: Schema.String,
  retryAfter: Schema.UndefinedOr(Schema.String),
  /** What time it is where the answer comes from, its `Date`. */
  date: Schema.optional(Schema.String),
  /** Where a redirect leads. */
  location: Schema.UndefinedOr(Schema.String)
}) {
  override get message(): string {
    const text = brief(this.text)
    const moved = this.location === undefined || this.status < 300 || this.status >= 400
      ? ""
      : `; it has moved to ${brief(this.location)}, upload there`
    const later = this.retryAfter === undefined ? "" : `; it asks to wait (Retry-After: ${brief(this.retryAfter)})`
    return `${this.method} ${this.url} was answered ${this.status}${text === "" ? "" : `: ${text}`}${moved}${later}${
      times(this.attempts)
    }`
  }
}

/** The server breaks the protocol, or is none of tus. */
export class Misbehaved extends Schema.TaggedError<Misbehaved>("effect-tus/Misbehaved")("Misbehaved", {
  ...asked,
  /**
   * - `"NotTus"`: an answer that tus does not know.
   * - `"OffsetBeyond"`: more bytes than were sent.
   * - `"OffsetBehind"`: fewer bytes than it had acknowledged, of a source that cannot send them again.
   * - `"NoProgress"`: it took a request, and moved nothing.
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

/** What was asked for needs an extension of tus that the server does not have. */
export class Unsupported extends Schema.TaggedError<Unsupported>("effect-tus/Unsupported")("Unsupported", {
  url: Schema.String,
  extension: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.url} does not offer the extension ${this.extension}: ${this.detail}`
  }
}

/** More bytes than the server takes; found out before any was sent. */
export class TooLarge extends Schema.TaggedError<TooLarge>("effect-tus/TooLarge")("TooLarge", {
  url: Schema.String,
  length: Schema.Int,
  limit: Schema.Int
}) {
  override get message(): string {
    return `${this.url} takes uploads of at most ${this.limit} bytes, this one has ${this.length}`
  }
}

/** The server wants the bytes to go to another host. */
export class ForeignLocation extends Schema.TaggedError<ForeignLocation>("effect-tus/ForeignLocation")(
  "ForeignLocation",
  { url: Schema.String, location: Schema.String }
) {
  override get message(): string {
    return `${this.url} sends the upload to ${this.location}, another host; allow it if it is to be trusted`
  }
}

/** The headers of a request could not be made. */
export class HeadersError extends Schema.TaggedError<HeadersError>("effect-tus/HeadersError")("HeadersError", {
  url: Schema.String,
  cause: Schema.Defect
}) {
  override get message(): string {
    return `the headers for ${this.url} could not be made: ${ErrorMessage.of(this.cause)}`
  }
}

/** An option that makes no sense. */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("effect-tus/InvalidOption")("InvalidOption", {
  option: Schema.String,
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `${this.option}: expected ${this.expected}, got ${this.actual}`
  }
}

/**
 * A bug of something that the application gave, which `what` names, or of this client. Nothing is to be done about it
 * here.
 */
export class Broken extends Schema.TaggedError<Broken>("effect-tus/Broken")("Broken", {
  what: Schema.String,
  cause: Schema.Defect
}) {
  override get message(): string {
    return `${this.what} broke: ${ErrorMessage.of(this.cause)}`
  }
}

/** What one request can fail with. */
export type RequestError = Unanswered | Refused | Misbehaved | HeadersError | SourceError

/** What an upload fails with when no attempt is left, or none would fare better. `_tag` tells one from the other. */
export type TusError = RequestError | Unsupported | TooLarge | ForeignLocation | InvalidOption

/**
 * What becomes of one of many: a bug, which is the defect of an upload by itself, keeps none of the others from its
 * end.
 */
export type FileError = TusError | Broken

/**
 * What every error of a request says of it. `offset` is in bytes, none where the request was about the whole;
 * `attempts` counts those since the last progress, this one included.
 */
export interface RequestFacts {
  readonly method: string
  readonly url: string
  readonly offset: Option.Option<number>
  readonly attempts: number
}

/** The error of a transport as that of the request it was asked for; one of the source stays as it is. */
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
