import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Checksum, ChecksumHeader } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

const decode = Schema.decodeUnknownEither(ChecksumHeader.FromHeader)

describe("Checksum", () => {
  it("The header MUST consist of the algorithm and the Base64 encoded checksum separated by a space", () => {
    const checksum = Schema.decodeSync(ChecksumHeader.FromHeader)("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")
    assert.strictEqual(checksum.algorithm, "sha1")
    assert.strictEqual(Buffer.from(checksum.digest).toString("hex"), "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed")
  })

  it("The names of the algorithms MUST only consist of ASCII characters without uppercase", () => {
    for (const name of Checksum.Algorithm.literals) {
      assert.match(name, /^[a-z0-9]+$/)
    }
    assert(Either.isLeft(decode("SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")))
  })

  const illegal: ReadonlyArray<readonly [title: string, header: string, reason: string]> = [
    ["an empty header", "", "expected one of sha1, "],
    ["an unknown algorithm", "sha3 AAAAAA==", "expected one of sha1, "],
    ["an algorithm that is a member of every object", "constructor AAAAAA==", "expected one of sha1, "],
    ["no digest", "sha1", "expected 20 bytes of sha1"],
    ["an empty digest", "sha1 ", "expected 20 bytes of sha1"],
    ["a digest of another algorithm's size", "sha1 AAAAAA==", "expected 20 bytes of sha1"],
    ["two spaces", "crc32  AAAAAA==", "expected 4 bytes of crc32"],
    ["a tab for the space", "crc32\tAAAAAA==", "expected one of sha1, "],
    ["three tokens", "crc32 AAAAAA== x", "expected 4 bytes of crc32"],
    ["two lines of the header", "crc32 AAAAAA==, crc32 AAAAAA==", "expected 4 bytes of crc32"],
    ["hexadecimal digits", "crc32 00000000", "expected 4 bytes of crc32"],
    ["base64 without its padding", "crc32 AAAAAA", "expected 4 bytes of crc32"],
    ["padding in the middle", "crc32 AA=AAA==", "expected 4 bytes of crc32"],
    ["nothing but padding", "crc32 ========", "expected 4 bytes of crc32"],
    ["the alphabet of URLs", "crc32 -_-_-_==", "expected 4 bytes of crc32"],
    ["the end of a line within", "crc32 AAAA\r\nAA==", "expected 4 bytes of crc32"]
  ]
  for (const [title, header, reason] of illegal) {
    it(`refuses ${title}`, () => {
      const result = decode(header)
      assert(Either.isLeft(result))
      assert.include(ParseResult.ArrayFormatter.formatErrorSync(result.left)[0]?.message, reason)
    })
  }

  it.prop("a checksum survives the round trip", [Checksum.Checksum], ([checksum]) => {
    const header = Schema.encodeSync(ChecksumHeader.FromHeader)(checksum)
    assert.match(header, /^[a-z0-9]+ [A-Za-z0-9+/]+=*$/)
    deepStrictEqual(Schema.decodeSync(ChecksumHeader.FromHeader)(header), checksum)
  })

  it.prop("a digest of the wrong size cannot be constructed", [
    FastCheck.constantFrom(...Checksum.Algorithm.literals),
    FastCheck.uint8Array({ maxLength: 80 })
  ], ([algorithm, digest]) => {
    const size = { sha1: 20, md5: 16, sha256: 32, sha512: 64, crc32: 4, crc32c: 4 }[algorithm]
    const constructed = Either.try(() => new Checksum.Checksum({ algorithm, digest }))
    assert.strictEqual(Either.isRight(constructed), digest.length === size)
  })

  it.prop("a checksum matches its own digest, and no digest that differs in a bit or in its length", [
    Checksum.Checksum,
    FastCheck.nat(),
    FastCheck.nat(7)
  ], ([checksum, index, bit]) => {
    const { digest } = checksum
    assert.isTrue(checksum.matches(digest.slice()))
    assert.isFalse(checksum.matches(digest.map((byte, i) => (i === index % digest.length ? byte ^ (1 << bit) : byte))))
    assert.isFalse(checksum.matches(digest.slice(1)))
    assert.isFalse(checksum.matches(new Uint8Array([...digest, 0])))
    assert.isFalse(checksum.matches(new Uint8Array()))
  })
})
