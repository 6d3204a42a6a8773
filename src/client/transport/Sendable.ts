/**
 * Finds requests that no transport can send, before anything is sent: a retry would not help. Messages do not contain
 * the value, which may be a password. Pure.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.5
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { type Request, TransportError } from "./TusTransport.js"
import * as TypeTag from "./TypeTag.js"

/** What is wrong with the first invalid header: its name, the position, and what is allowed. */
export const fault = (headers: Readonly<Record<string, unknown>>): Option.Option<string> =>
  Option.fromNullable(
    TypeTag.isPlain(headers)
      ? Object.entries(headers).map(faultOf).find((fault) => fault !== undefined)
      : `expected an object with a string for each header, got ${TypeTag.of(headers)}`
  )

/** Fails with `Invalid` if the request cannot be sent. */
export const check = ({ headers, url }: Pick<Request, "headers" | "url">): Either.Either<void, TransportError> =>
  Option.match(isHttp(url) ? fault(headers) : Option.some("expected a URL that begins with http:// or https://"), {
    onNone: () => Either.right(undefined),
    onSome: (fault) => Either.left(invalid(new Error(fault)))
  })

/** The error of a platform that throws before anything is sent. */
export const invalid = (cause: unknown): TransportError => new TransportError({ reason: "Invalid", cause })

const isHttp = (url: string) => /^https?:\/\//i.test(url) && URL.canParse(url)

const faultOf = ([name, value]: readonly [string, unknown]): string | undefined => {
  if (name === "") {
    return "a header has an empty name"
  }
  const inName = found(name, /[^\w!#$%&'*+.^`|~-]/)
  if (inName !== undefined) {
    return `the name of a header: expected letters, digits and -, got ${inName}`
  }
  if (typeof value !== "string") {
    return `the header ${name}: expected a string, got ${value === null ? "null" : typeof value}`
  }
  const inValue = found(value, /[^\t\x20-\x7e\x80-\xff]/)
  return inValue === undefined
    ? undefined
    : `the header ${name}: expected visible characters and spaces of ASCII (or Latin-1), got ${inValue}`
}

/** The first character that is not allowed, and its position. */
const found = (text: string, forbidden: RegExp): string | undefined => {
  const at = text.search(forbidden)
  return at < 0
    ? undefined
    : `U+${(text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, "0")} as character ${at + 1}`
}
