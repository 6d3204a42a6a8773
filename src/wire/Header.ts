/**
 * Header fields as Schemas. Server and client share each definition: one side encodes what the other decodes. Every
 * message says what was expected.
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Upload from "../protocol/Upload.js"
import * as HeaderCodec from "./HeaderCodec.js"

/** A required field. */
export const required = <const K extends string, A, I, R>(name: K, schema: Schema.Schema<A, I, R>) =>
  Schema.propertySignature(schema).pipe(Schema.fromKey(name))

/** An optional field. */
export const optional = <const K extends string, A, I, R>(name: K, schema: Schema.Schema<A, I, R>) =>
  Schema.optionalWith(schema, { as: "Option", exact: true }).pipe(Schema.fromKey(name))

const Digits = Schema.String.pipe(
  Schema.filter((text) => /^\d{1,16}$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER, {
    message: () => "expected one whole number of bytes from 0 to 9007199254740991, in decimal digits",
    arbitrary: () => (fc) => fc.maxSafeNat().map(String)
  })
)

/** A number of bytes: digits only, no sign, no space, at most 2^53-1. */
export const Bytes = HeaderCodec.shorten(
  Digits.pipe(Schema.compose(Schema.NumberFromString), Schema.compose(Upload.Bytes)),
  {
    // Fifteen digits are below 2^53; longer ones are for the Schema to judge.
    decode: (text) => (/^\d{1,15}$/.test(text) ? Number(text) as Upload.Bytes : undefined),
    encode: String
  }
)

/** One exact value. */
export const literal = <const L extends string>(value: L) =>
  Schema.Literal(value).annotations({ message: () => `expected ${value}` })

/** A media type and its parameters, whose values may be quoted. */
const MediaType =
  /^([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)(?:[ \t]*;(?:[ \t]*[\w!#$%&'*+.^`|~-]+=(?:[\w!#$%&'*+.^`|~-]+|"(?:[^"\\]|\\.)*"))?)*$/

/**
 * One media type. Capitals, white space and parameters such as `charset=utf-8` make no difference.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1
 */
export const mediaType = <const T extends string>(type: T): Schema.Schema<T, string> => {
  const read = (text: string) => MediaType.exec(text.trim())?.[1]?.toLowerCase() === type ? type : undefined
  return HeaderCodec.shorten(
    Schema.transformOrFail(Schema.String, Schema.Literal(type), {
      strict: true,
      decode: (text, _, ast) =>
        Either.fromNullable(read(text), () => new ParseResult.Type(ast, text, `expected ${type}`)),
      encode: (value) => ParseResult.succeed(value)
    }),
    { decode: read, encode: String }
  )
}

const Token = Schema.String.pipe(
  Schema.pattern(/^[\w!#$%&'*+.^`|~-]+$/, { message: () => "expected names separated by commas" })
)
const isToken = Schema.is(Token)

const split = (text: string) => text.split(",").map((token) => token.trim()).filter((token) => token !== "")
const join = (tokens: ReadonlyArray<string>) => tokens.join(",")

/** A list of tokens separated by commas. Empty members are ignored, as HTTP requires. */
export const tokens = HeaderCodec.shorten(
  Schema.transform(Schema.String, Schema.Array(Token), { strict: true, decode: split, encode: join }),
  {
    decode: (text) => {
      const tokens = split(text)
      return tokens.every((token) => isToken(token)) ? tokens : undefined
    },
    encode: join
  }
)

const toHttpDate = (date: DateTime.DateTime) => DateTime.toDateUtc(date).toUTCString()

/** `DateTime` does not read "GMT" as a time zone. */
const parseHttpDate = (text: string) =>
  DateTime.make(text.replace(/GMT$/, "+0000")).pipe(
    Option.filter((date) => toHttpDate(date) === text),
    Option.map(DateTime.toUtc)
  )

/**
 * A date in IMF-fixdate, whole seconds.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
 */
export const HttpDate = HeaderCodec.shorten(
  Schema.transformOrFail(Schema.String, Schema.DateTimeUtcFromSelf, {
    strict: true,
    decode: (text, _, ast) =>
      Either.fromOption(
        parseHttpDate(text),
        () => new ParseResult.Type(ast, text, "expected a date such as Sun, 06 Nov 1994 08:49:37 GMT")
      ),
    encode: (date) => ParseResult.succeed(toHttpDate(date))
  }),
  { decode: (text) => Option.getOrUndefined(parseHttpDate(text)), encode: toHttpDate }
)
