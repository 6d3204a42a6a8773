/**
 * What the server can answer, written in the shape every HTTP response has.
 */
import * as Schema from "effect/Schema"
import * as Codec from "./Codec.js"
import * as Create from "./Create.js"
import * as Head from "./Head.js"
import * as Options from "./Options.js"
import * as Patch from "./Patch.js"
import { isRefusal, type Refusal } from "./Refusal.js"
import * as Terminate from "./Terminate.js"

export const Reply = Schema.Union(Create.Response, Head.Response, Options.Response, Patch.Response, Terminate.Response)
export type Reply = typeof Reply.Type

export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A sentence for a person, absent where all went well. */
  readonly body?: string | undefined
}

export const encode = (reply: Reply | Refusal): RawResponse =>
  isRefusal(reply)
    ? {
      status: reply.status,
      headers: { ...common, "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...extra(reply) },
      body: `${reply.message}\n`
    }
    : { status: reply.status, headers: { ...common, ...encodeHeaders(reply) } }

const common = { "tus-resumable": Options.version }

/** What some refusals have to carry. */
const extra = (refusal: Refusal): Readonly<Record<string, string>> => {
  switch (refusal.status) {
    case 405:
      return refusal._tag === "MethodNotAllowed" ? { allow: refusal.allow.join(", ") } : {}
    case 412:
      return { "tus-version": Options.version }
    case 423:
    case 503:
      return { "retry-after": "1" }
    default:
      return {}
  }
}

const encodeHeaders = Codec.encoder(Reply)
