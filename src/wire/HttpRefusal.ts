/**
 * Reasons to refuse a request before any rule is asked: it is not understood.
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
 * The URL does not support the method. `allow` are the methods that it supports, for the header `Allow`.
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

/** Every reason not to understand a request. */
export type HttpRefusal = InvalidHeader | MethodNotAllowed

/** Whether it is an `HttpRefusal`. */
export const isHttpRefusal = (u: unknown): u is HttpRefusal =>
  u instanceof InvalidHeader || u instanceof MethodNotAllowed

/** Makes an `InvalidHeader`; `actual` is left out if the header is missing. */
export const invalidHeader = (header: string, reason: string, actual?: string): InvalidHeader =>
  new InvalidHeader({ header, reason, actual: Option.fromNullable(actual) })
