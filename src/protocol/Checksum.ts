/**
 * Upload-Checksum: the digest of one request's body.
 *
 * @see https://tus.io/protocols/resumable-upload#checksum
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

/** Bytes in a digest, by algorithm. */
const sizes = { sha1: 20, md5: 16, sha256: 32, sha512: 64, crc32: 4, crc32c: 4 } as const

/** The algorithms that have a name here; a server offers those for which it has a hasher. */
export const Algorithm = Schema.Literal("sha1", "md5", "sha256", "sha512", "crc32", "crc32c")
export type Algorithm = typeof Algorithm.Type

const isAlgorithm = Schema.is(Algorithm)

/** A digest and how it was made. crc32 and crc32c are four bytes, the most significant first. */
export class Checksum extends Schema.Class<Checksum>("effect-tus/Checksum")(
  Schema.Struct({ algorithm: Algorithm, digest: Schema.Uint8ArrayFromSelf }).pipe(
    Schema.filter(({ algorithm, digest }) =>
      digest.length === sizes[algorithm] || `expected ${sizes[algorithm]} bytes of ${algorithm}, got ${digest.length}`
    )
  ).annotations({
    arbitrary: () => (fc) =>
      fc.constantFrom(...Algorithm.literals).chain((algorithm) =>
        fc.uint8Array({ minLength: sizes[algorithm], maxLength: sizes[algorithm] })
          .map((digest) => ({ algorithm, digest }))
      )
  })
) {
  matches(digest: Uint8Array): boolean {
    return this.digest.length === digest.length && this.digest.every((byte, i) => byte === digest[i])
  }
}

const parse = (header: string): Either.Either<Checksum, string> => {
  const [algorithm, base64, ...rest] = header.split(" ")
  if (!isAlgorithm(algorithm)) {
    return Either.left(`expected one of ${Algorithm.literals.join(", ")}, a space and the digest in base64`)
  }
  // decodeBase64 overlooks the ends of lines.
  const digest = base64 === undefined || rest.length > 0 || /[\r\n]/.test(base64)
    ? Either.left(undefined)
    : Encoding.decodeBase64(base64)
  return Either.isLeft(digest) || digest.right.length !== sizes[algorithm]
    ? Either.left(`expected ${sizes[algorithm]} bytes of ${algorithm} in base64 after one space`)
    : Either.right(new Checksum({ algorithm, digest: digest.right }))
}

/**
 * The header, read and written: the algorithm, one space, the digest in base64. Fails on an algorithm that has no name
 * here, and on a digest of another length than its algorithm makes.
 */
export const FromHeader: Schema.Schema<Checksum, string> = Schema.transformOrFail(
  Schema.String,
  Schema.typeSchema(Checksum),
  {
    strict: true,
    decode: (header, _, ast) => Either.mapLeft(parse(header), (reason) => new ParseResult.Type(ast, header, reason)),
    encode: ({ algorithm, digest }) => ParseResult.succeed(`${algorithm} ${Encoding.encodeBase64(digest)}`)
  }
)

/** The header of a checksum. */
export const toHeader: (checksum: Checksum) => string = Schema.encodeSync(FromHeader)
