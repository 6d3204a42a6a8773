/**
 * The digest of one request's body.
 */
import * as Schema from "effect/Schema"

/** Bytes in a digest, by algorithm. */
export const sizes = { sha1: 20, md5: 16, sha256: 32, sha512: 64, crc32: 4, crc32c: 4 } as const

/** Every algorithm that the library knows. A server offers those for which it has a hash function. */
export const Algorithm = Schema.Literal("sha1", "md5", "sha256", "sha512", "crc32", "crc32c")
export type Algorithm = typeof Algorithm.Type

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
