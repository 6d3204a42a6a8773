/**
 * Why a request is not understood: its words are wrong, before any rule is asked.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { expectation, quote } from "../protocol/Refusal.js"
import { canonical } from "./Message.js"

/** A header that is missing or malformed. */
export class InvalidHeader extends Schema.TaggedError<InvalidHeader>()("InvalidHeader", {
  header: Schema.String,
  reason: Schema.String,
  actual: Schema.OptionFromSelf(Schema.String)
}) {
  override get message(): string {
    return `${canonical(this.header)}: ${expectation(this)}`
  }
}

/**
 * A method that this URL does not take, or that no URL here does; `allow` are those that it takes, for the header
 * `Allow`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6
 */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  method: Schema.String,
  allow: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `expected one of ${this.allow.join(", ")}, got ${quote(this.method)}`
  }
}

/** Every way to misunderstand a request. */
export type HttpRefusal = InvalidHeader | MethodNotAllowed

/** Whether it is one. */
export const isHttpRefusal = (u: unknown): u is HttpRefusal =>
  u instanceof InvalidHeader || u instanceof MethodNotAllowed

/** An `InvalidHeader`; `actual` is left out for a header that is missing. */
export const invalidHeader = (header: string, reason: string, actual?: string): InvalidHeader =>
  new InvalidHeader({ header, reason, actual: Option.fromNullable(actual) })
