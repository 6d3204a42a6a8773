/**
 * A wire protocol as a value: how it decodes requests and encodes answers. The rules know none of its words.
 */
import type * as Either from "effect/Either"
import type { Command } from "../protocol/Command.js"
import type * as Protocol from "../protocol/Dialect.js"
import type { Refusal } from "../protocol/Refusal.js"
import type { Answer } from "../protocol/Reply.js"
import type { HttpRefusal } from "./HttpRefusal.js"
import type { RawRequest, RawResponse } from "./Message.js"
import type { Mount } from "./Target.js"

/** The decoder and the encoders of one protocol. */
export interface Dialect {
  /** The name that is stored with its uploads. */
  readonly name: Protocol.Dialect
  /** What the request asks for, or the refusal. */
  readonly decode: (request: RawRequest, mount: Mount) => Either.Either<Command, Refusal | HttpRefusal>
  /** The response to a command that was performed. An addition never replaces a field of the protocol. */
  readonly encode: (answer: Answer) => RawResponse
  /** The response to a refused request: status, one sentence, and the fields of the refusal. */
  readonly refuse: (refusal: Refusal | HttpRefusal) => RawResponse
  /** A response that is one sentence for a person. `headers` may add fields, but replaces none of the protocol. */
  readonly sentence: (status: number, text: string, headers?: RawResponse["headers"]) => RawResponse
  /** The names of its header fields, for CORS: those that a page may send, and those that it may read. */
  readonly fields: { readonly request: ReadonlyArray<string>; readonly response: ReadonlyArray<string> }
}
