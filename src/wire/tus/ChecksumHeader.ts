/**
 * Upload-Checksum: the digest of one request's body.
 *
 * @see https://tus.io/protocols/resumable-upload#checksum
 */
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { Algorithm, Checksum, sizes } from "../../protocol/Checksum.js"

const isAlgorithm = Schema.is(Algorithm)

const parse = (header: string): Either.Either<Checksum, string> => {
  const [algorithm, base64, ...rest] = header.split(" ")
  if (!isAlgorithm(algorithm)) {
    return Either.left(`expected one of ${Algorithm.literals.join(", ")}, a space and the digest in base64`)
  }
  // `decodeBase64` ignores ends of lines.
  const digest = base64 === undefined || rest.length > 0 || /[\r\n]/.test(base64)
    ? Either.left(undefined)
    : Encoding.decodeBase64(base64)
  return Either.isLeft(digest) || digest.right.length !== sizes[algorithm]
    ? Either.left(`expected ${sizes[algorithm]} bytes of ${algorithm} in base64 after one space`)
    : Either.right(new Checksum({ algorithm, digest: digest.right }))
}

/**
 * The header: the algorithm, one space, the digest in base64. Fails on an unknown algorithm, and on a digest of the
 * wrong length.
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

/** Encodes a checksum. */
export const toHeader: (checksum: Checksum) => string = Schema.encodeSync(FromHeader)
