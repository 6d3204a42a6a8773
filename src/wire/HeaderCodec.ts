/**
 * A compiled fast path for header Schemas. It accepts common well-formed values; everything else goes to the Schema, so
 * error messages do not change.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import type { Headers } from "./Message.js"

/** Reads and writes the text of a value. */
export interface Codec<A> {
  /** The value of a common well-formed text; undefined leaves the decision to the Schema. */
  readonly decode: (text: string) => A | undefined
  readonly encode: (value: A) => string
}

/** The same Schema with a fast path. */
export const shorten = <A, R>(schema: Schema.Schema<A, string, R>, codec: Codec<A>): Schema.Schema<A, string, R> =>
  schema.annotations({ [CodecId]: codec })

/** A class of fields made by `Header.required` and `Header.optional`, with no filter over them. */
interface HeaderClass<A, I> extends Schema.Schema<A, I> {
  new(props: never, disableValidation: boolean): A
  readonly fields: Schema.Struct.Fields
}

/** The names of the headers, in the order of the fields. */
export const namesOf = (fields: Schema.Struct.Fields): ReadonlyArray<string> =>
  compile(fields).map(({ header }) => header)

export const decoder = <A, I>(
  schema: HeaderClass<A, I>
): (headers: Headers) => Either.Either<A, ParseResult.ParseError> => {
  const fields = compile(schema.fields)
  const decode = Schema.decodeUnknownEither(schema)
  return (headers) => {
    const props: Record<string, unknown> = {}
    for (const { codec, header, isOptional, name } of fields) {
      const text = headers[header]
      const value = text === undefined ? undefined : codec.decode(text)
      if (value === undefined && (text !== undefined || !isOptional)) {
        return decode(headers)
      }
      props[name] = isOptional ? Option.fromNullable(value) : value
    }
    return Either.right(new schema(props as never, true))
  }
}

/** Encodes the fields of such a class. */
export const fieldsEncoder = <Fields extends Schema.Struct.Fields>(
  fields: Fields
): (values: Schema.Struct.Type<Fields>) => Readonly<Record<string, string>> => {
  const compiled = compile(fields)
  return (values) => encode(compiled, values)
}

const encode = <A>(fields: ReadonlyArray<Field>, values: A) => {
  const headers: Record<string, string> = {}
  for (const { codec, header, isOptional, name } of fields) {
    const value = values[name as keyof A]
    if (!isOptional) {
      headers[header] = codec.encode(value)
    } else if (Option.isOption(value) && Option.isSome(value)) {
      headers[header] = codec.encode(value.value)
    }
  }
  return headers
}

interface Field {
  readonly name: string
  readonly header: string
  readonly isOptional: boolean
  readonly codec: Codec<unknown>
}

const compile = (fields: Schema.Struct.Fields): ReadonlyArray<Field> =>
  Object.entries(fields).map(([name, field]) => {
    const signature = field.ast
    if (signature._tag !== "PropertySignatureTransformation") {
      throw new Error(`expected ${name} to be made by Header.required or Header.optional`)
    }
    const { fromKey = name, isOptional, type } = signature.from
    return { name, header: String(fromKey), isOptional, codec: codecOf(type) }
  })

const CodecId = Symbol.for("effect-tus/Codec")

const codecOf = (ast: AST.AST): Codec<unknown> => {
  const codec = ast.annotations[CodecId]
  return isCodec(codec)
    ? codec
    : ast._tag === "StringKeyword"
    ? { decode: (text) => text, encode: String }
    : ast._tag === "Literal"
    ? { decode: (text) => text === ast.literal ? text : undefined, encode: String }
    : slow(Schema.make(ast))
}

const isCodec = (u: unknown): u is Codec<unknown> => typeof u === "object" && u !== null && "decode" in u

const slow = (schema: Schema.Schema<unknown, string>): Codec<unknown> => {
  const decode = Schema.decodeOption(schema)
  return { decode: (text) => Option.getOrUndefined(decode(text)), encode: Schema.encodeSync(schema) }
}
