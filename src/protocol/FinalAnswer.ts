/**
 * What an application added to the answer that completed an upload. It is stored with the upload, for a client that
 * lost the answer.
 */
import * as Schema from "effect/Schema"
import { Fields } from "./Addition.js"

/** The largest encoded form that is stored, in bytes: 64 KiB. */
export const maxBytes = 64 * 1024

const Parts = Schema.Struct({ headers: Fields, body: Schema.optional(Schema.String) })

/** Fields by lower-case name, and a body. `StorableAnswer.of` makes one. */
export const FinalAnswer = Parts.pipe(
  Schema.filter((answer) => bytesOf(answer) <= maxBytes || `expected at most ${maxBytes} bytes`)
)
export type FinalAnswer = typeof FinalAnswer.Type

/** The encoded form, in which it is stored. */
export const FromJson = Schema.parseJson(FinalAnswer)

/** The encoded form of an answer, which is valid. */
export const encode = (answer: typeof Parts.Type): string => JSON.stringify(answer)

/** The size of the encoded form. */
export const bytesOf = (answer: typeof Parts.Type): number => new TextEncoder().encode(encode(answer)).length

/** Bytes of memory that it takes, roughly. Cheaper than `bytesOf`. */
export const sizeOf = ({ body = "", headers }: FinalAnswer): number =>
  Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length, body.length)
