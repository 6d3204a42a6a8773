/**
 * The words of a wire protocol: what it makes of a request, and what it makes of an answer. The rules know none of
 * them.
 */
import type * as Either from "effect/Either"
import type { Command } from "../protocol/Command.js"
import type * as Protocol from "../protocol/Dialect.js"
import type { Refusal } from "../protocol/Refusal.js"
import type { Answer } from "../protocol/Reply.js"
import type { HttpRefusal } from "./HttpRefusal.js"
import type { RawRequest, RawResponse } from "./Message.js"
import type { Mount } from "./Target.js"

/** Readers and writers of one protocol. */
export interface Dialect {
  /** As it is stored with the uploads that it creates. */
  readonly name: Protocol.Dialect
  /** What the request asks for, or why it cannot be asked here. */
  readonly decode: (request: RawRequest, mount: Mount) => Either.Either<Command, Refusal | HttpRefusal>
  /** The response to a command that was performed. What an application adds never replaces a field of the protocol. */
  readonly encode: (answer: Answer) => RawResponse
  /** The response to a request that is refused: the status, a sentence, and the fields that the refusal carries. */
  readonly refuse: (refusal: Refusal | HttpRefusal) => RawResponse
  /** A response that is one sentence for a person. `headers` may add fields, but replaces none of the protocol. */
  readonly sentence: (status: number, text: string, headers?: RawResponse["headers"]) => RawResponse
  /** The names of its fields, for CORS: what a page may send, and what it may read. */
  readonly fields: { readonly request: ReadonlyArray<string>; readonly response: ReadonlyArray<string> }
}
