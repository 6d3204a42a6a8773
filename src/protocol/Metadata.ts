/**
 * What a client says about a file: pairs of a key and a base64 value. The text is stored and reported as it was sent.
 * These codecs read and write it.
 *
 * @see https://tus.io/protocols/resumable-upload#upload-metadata
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** The pairs, in order. A map, so that no key is special. */
export type Metadata = ReadonlyMap<string, Uint8Array>

/**
 * "The key MUST NOT contain spaces and commas and MUST NOT be empty", SHOULD be ASCII, and "All keys MUST be unique".
 */
const Key = /^[\x21-\x2b\x2d-\x7e]+$/
const Base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const parse = (text: string): Either.Either<Metadata, string> => {
  const pairs = new Map<string, Uint8Array>()
  // The text is echoed in a header, so it must not contain the end of a line.
  if (!/^[\t\x20-\x7e]*$/.test(text)) {
    return Either.left(malformed)
  }
  for (const pair of text.split(",").map((member) => member.trim())) {
    // "A recipient MUST parse and ignore a reasonable number of empty list elements": RFC 9110, section 5.6.1.
    if (pair === "") {
      continue
    }
    const [key = "", value = "", ...rest] = pair.split(" ")
    if (!Key.test(key)) {
      return Either.left(malformed)
    }
    if (pairs.has(key)) {
      return Either.left(`expected each key once, the key ${brief(key)} comes twice`)
    }
    const bytes = rest.length === 0 && Base64.test(value) ? Encoding.decodeBase64(value) : Either.left(undefined)
    if (Either.isLeft(bytes)) {
      return Either.left(`expected one base64 value (RFC 4648, padded) for the key ${brief(key)}`)
    }
    pairs.set(key, bytes.right)
  }
  return Either.right(pairs)
}

const malformed = `expected "key base64,key base64", with keys of visible ASCII characters`

const brief = (key: string) => (key.length > 80 ? `${key.slice(0, 80)}…` : key)

const print = (metadata: Metadata): Either.Either<string, string> => {
  const pairs: Array<string> = []
  for (const [key, value] of metadata) {
    if (!Key.test(key)) {
      return Either.left(`expected keys of visible ASCII characters without commas, got ${JSON.stringify(key)}`)
    }
    pairs.push(value.length === 0 ? key : `${key} ${Encoding.encodeBase64(value)}`)
  }
  return Either.right(pairs.join(","))
}

/** The text as it was sent, checked. */
export const Raw = Schema.String.pipe(
  Schema.filter((text) => Either.match(parse(text), { onLeft: (reason) => reason, onRight: () => true }), {
    arbitrary: () => (fc) =>
      fc.uniqueArray(fc.tuple(fc.stringMatching(Key), fc.uint8Array()), { selector: ([key]) => key })
        .map((pairs) => Either.getOrElse(print(new Map(pairs)), () => ""))
  })
)

const MetadataFromSelf: Schema.Schema<Metadata> = Schema.ReadonlyMapFromSelf({
  key: Schema.String,
  value: Schema.Uint8ArrayFromSelf
})

/** The text, read as bytes by key. Fails on a bad key, a duplicate key or bad base64. */
export const FromRaw: Schema.Schema<Metadata, string> = Schema.transformOrFail(Schema.String, MetadataFromSelf, {
  strict: true,
  decode: (text, _, ast) => Either.mapLeft(parse(text), (reason) => new ParseResult.Type(ast, text, reason)),
  encode: (metadata, _, ast) => Either.mapLeft(print(metadata), (reason) => new ParseResult.Type(ast, metadata, reason))
})

/** Not a `Schema.Record`, which assigns key by key and loses the key `__proto__`. */
const Text = Schema.declare((u): u is { readonly [key: string]: string } =>
  Predicate.isReadonlyRecord(u) && Object.values(u).every(Predicate.isString)
)

/** The text, read as strings by key. Fails if a value is not UTF-8. */
export const TextFromRaw: Schema.Schema<{ readonly [key: string]: string }, string> = Schema.transformOrFail(
  FromRaw,
  Text,
  {
    strict: true,
    decode: (metadata, _, ast) => {
      const pairs: Array<[string, string]> = []
      for (const [key, bytes] of metadata) {
        const text = Either.try(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
        if (Either.isLeft(text)) {
          return ParseResult.fail(new ParseResult.Type(ast, key, `expected UTF-8 text for the key ${brief(key)}`))
        }
        pairs.push([key, text.right])
      }
      return ParseResult.succeed(Object.fromEntries(pairs))
    },
    encode: (record) =>
      ParseResult.succeed(
        new Map(Object.entries(record).map(([key, text]) => [key, new TextEncoder().encode(text)] as const))
      )
  }
)

/**
 * Reads the text with your own schema, such as `Metadata.schema(Schema.Struct({ filename: Schema.String }))`.
 */
export const schema = <A, I extends { readonly [key: string]: string }, R>(self: Schema.Schema<A, I, R>) =>
  Schema.compose(TextFromRaw, self, { strict: false })
