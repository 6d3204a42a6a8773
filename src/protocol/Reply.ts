/**
 * What the server can answer, written in the shape every HTTP response has.
 */
import * as Schema from "effect/Schema"
import * as Append from "./Append.js"
import * as Create from "./Create.js"
import * as Discovery from "./Discovery.js"
import * as Download from "./Download.js"
import * as HeaderCodec from "./HeaderCodec.js"
import * as Inspect from "./Inspect.js"
import { isRefusal, type Refusal, ResponseHeaders } from "./Refusal.js"
import * as Terminate from "./Terminate.js"

/** What each verb is answered where it is not refused. A client decodes the same classes. */
export const Reply = Schema.Union(
  Create.Response,
  Download.Response,
  Inspect.Response,
  Discovery.Response,
  Append.Response,
  Terminate.Response
)
export type Reply = typeof Reply.Type

/** A reply and what the application adds to it. */
export interface Answer {
  readonly reply: Reply
  readonly addition?: Addition | undefined
}

/**
 * A response in the shape that every door can send, and every transport can bring. Header names are in lower case. The
 * bytes of a download are not in it.
 */
export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A sentence for a person, absent where all went well. */
  readonly body?: string | undefined
}

/**
 * What an application adds to the answer by which an upload becomes complete. The protocol's own fields are not to be
 * replaced. A body makes a 200 of the 204 to a PATCH, which has none.
 */
export const Addition = Schema.Struct({
  headers: Schema.optional(ResponseHeaders),
  body: Schema.optional(Schema.String)
})
export type Addition = typeof Addition.Type

/**
 * The response, with `Tus-Resumable` on all of them, and with what a status has to carry: `Allow` with 405,
 * `Tus-Version` with 412, `Accept-Encoding` with 415 for a coding, `Content-Range` with 416, and with 423 and 503 a
 * `Retry-After` of one second, unless `Denied` says otherwise.
 */
export const encode = (reply: Reply | Refusal): RawResponse =>
  isRefusal(reply)
    ? sentence(reply.status, reply.message, { ...extra(reply), ...(reply._tag === "Denied" ? reply.headers : {}) })
    : { status: reply.status, headers: { ...common, ...encodeHeaders(reply) } }

/**
 * The response to a command that was performed. What the application adds never replaces a header that is there without
 * it.
 */
export const encodeAnswer = ({ addition, reply }: Answer): RawResponse =>
  addition === undefined ? encode(reply) : add(encode(reply), addition)

const add = ({ headers, status }: RawResponse, { body, headers: added }: Addition): RawResponse =>
  body === undefined
    ? { status, headers: { ...added, ...headers } }
    : { status: status === 204 ? 200 : status, headers: { ...text, ...added, ...headers }, body }

/** A response that is one sentence for a person. `headers` may add fields; `Tus-Resumable` stays. */
export const sentence = (
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): RawResponse => ({ status, headers: { ...text, ...headers, ...common }, body: `${message}\n` })

const text = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }

const common = { "tus-resumable": Discovery.version }

/** What some refusals have to carry. */
const extra = (refusal: Refusal): Readonly<Record<string, string>> => {
  switch (refusal.status) {
    case 405:
      return refusal._tag === "MethodNotAllowed" ? { allow: refusal.allow.join(", ") } : {}
    case 415:
      return refusal._tag === "InvalidHeader" && refusal.header === "content-encoding"
        ? { "accept-encoding": "identity" }
        : {}
    case 416:
      return refusal._tag === "RangeNotSatisfiable" ? { "content-range": `bytes */${refusal.size}` } : {}
    case 412:
      return { "tus-version": Discovery.version }
    case 423:
    case 503:
      return { "retry-after": "1" }
    default:
      return {}
  }
}

const encodeHeaders = HeaderCodec.encoder(Reply)
