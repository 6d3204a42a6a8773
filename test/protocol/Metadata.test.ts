import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Metadata } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

const read = Schema.decodeUnknownEither(Metadata.FromRaw)
const raw = Schema.decodeUnknownEither(Metadata.Raw)
const text = Schema.decodeUnknownEither(Metadata.TextFromRaw)

const key = FastCheck.stringMatching(/^[\x21-\x2b\x2d-\x7e]{1,12}$/)
const keys = FastCheck.oneof(key, FastCheck.constantFrom("__proto__", "constructor", "toString", "length", "0"))

describe("Metadata", () => {
  const legal: ReadonlyArray<readonly [title: string, header: string, pairs: Readonly<Record<string, string>>]> = [
    ["The header MUST consist of comma-separated pairs of a key and a value", "a YQ==,b Yg==", { a: "a", b: "b" }],
    ["The value MAY be empty, and the space left out", "a,b ,c Yw==", { a: "", b: "", c: "c" }],
    ["an empty header is no metadata", "", {}],
    ["a header of spaces is no metadata", " \t ", {}],
    ["spaces around commas are ignored", " a YQ== , b Yg==\t,\tc ", { a: "a", b: "b", c: "" }],
    ["a key may have any visible character except a comma", "=;\"{}~! YQ==", { "=;\"{}~!": "a" }],
    ["empty members are ignored", ",a YQ==,, b,\t, ", { a: "a", b: "" }],
    ["a lone comma is no metadata", ",", {}],
    ["keys that differ in case differ", "a YQ==,A Yg==", { a: "a", A: "b" }],
    ["the example of the specification", "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential", {
      filename: "world_domination_plan.pdf",
      is_confidential: ""
    }]
  ]
  for (const [title, header, pairs] of legal) {
    it(title, () => {
      deepStrictEqual(raw(header), Either.right(header))
      deepStrictEqual(text(header), Either.right(pairs))
    })
  }

  const illegal: ReadonlyArray<readonly [title: string, header: string, reason: string]> = [
    ["The key and the value MUST be separated by a space, not by a tab", "a\tYQ==", "visible ASCII"],
    ["The key and the value MUST be separated by one space", "a  YQ==", "one base64 value"],
    ["a third token is refused", "a YQ== YQ==", "one base64 value"],
    ["The key SHOULD be ASCII encoded", "ключ YQ==", "visible ASCII"],
    ["The key does not hold control characters", "a\u0001 YQ==", "visible ASCII"],
    ["The value MUST be Base64 encoded", "a !!!!", "one base64 value"],
    ["The value MUST be Base64 encoded, with its padding", "a YQ", "one base64 value"],
    ["The value MUST be Base64 encoded, with its padding at the end", "a Y=Q=", "one base64 value"],
    ["The value MUST be Base64 encoded, in the alphabet of RFC 4648, section 4", "a -_-_", "one base64 value"],
    ["All keys MUST be unique", "a YQ==,b,a YQ==", "the key a comes twice"],
    ["a line break is refused: it would begin another header", "a YQ==\r\n,b", "visible ASCII"],
    ["a line break within a value is refused", "a YQ\n==", "visible ASCII"],
    ["spaces beyond ASCII do not count as spaces", "a YQ==\u00a0", "visible ASCII"]
  ]
  for (const [title, header, reason] of illegal) {
    it(title, () => {
      for (const decode of [raw, read, text]) {
        const error = Either.flip<unknown, ParseResult.ParseError>(decode(header))
        assert.include(Either.getOrThrow(error).message, reason)
      }
    })
  }

  it("an error about a key of 10 KiB shows only its beginning", () => {
    const key = "k".repeat(10240)
    for (const header of [`${key},${key}`, `${key} !`]) {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(Either.getOrThrow(Either.flip(raw(header))))
      assert.include(issue?.message, "kkk…")
      assert.isBelow(issue?.message.length ?? Infinity, 200)
    }
  })

  it.prop("the header is stored byte for byte", [Metadata.Raw], ([header]) => {
    assert.strictEqual(Schema.encodeSync(Metadata.Raw)(Schema.decodeSync(Metadata.Raw)(header)), header)
  })

  it.prop("a header is stored if and only if it can be read", [
    FastCheck.oneof(
      FastCheck.string(),
      FastCheck.stringMatching(/^[ab ,=Q\t\n]{0,12}$/)
    )
  ], ([header]) => {
    assert.strictEqual(Either.isRight(raw(header)), Either.isRight(read(header)))
    assert(Either.isLeft(raw(header)) || !/[\r\n]/.test(header))
  })

  it.prop("bytes survive the round trip, under any key, in their order", [
    FastCheck.uniqueArray(FastCheck.tuple(keys, FastCheck.uint8Array()), { selector: ([key]) => key })
  ], ([pairs]) => {
    const metadata = new Map(pairs)
    const header = Schema.encodeSync(Metadata.FromRaw)(metadata)
    const decoded = Schema.decodeSync(Metadata.FromRaw)(header)
    deepStrictEqual(Array.from(decoded), pairs)
  })

  it.prop("text survives the round trip, under any key", [
    FastCheck.uniqueArray(FastCheck.tuple(keys, FastCheck.string({ unit: "binary" })), { selector: ([key]) => key })
  ], ([pairs]) => {
    const record = Object.fromEntries(pairs)
    const header = Schema.encodeSync(Metadata.TextFromRaw)(record)
    const decoded = Schema.decodeSync(Metadata.TextFromRaw)(header)
    deepStrictEqual(Object.entries(decoded), Object.entries(record))
  })

  it("no key is special: __proto__ is a key like any other and changes no prototype", () => {
    const header = "__proto__ YQ==,constructor Yg=="
    const decoded = Schema.decodeSync(Metadata.TextFromRaw)(header)
    deepStrictEqual(Object.keys(decoded), ["__proto__", "constructor"])
    assert.strictEqual(Object.getOwnPropertyDescriptor(decoded, "__proto__")?.value, "a")
    assert.strictEqual(Object.getPrototypeOf(decoded), Object.prototype)
    assert.isUndefined(Reflect.get({}, "a"))
    assert.strictEqual(Schema.encodeSync(Metadata.TextFromRaw)(decoded), header)
    deepStrictEqual(Array.from(Schema.decodeSync(Metadata.FromRaw)(header).keys()), [
      "__proto__",
      "constructor"
    ])
  })

  it("a client cannot encode a key that a server would refuse", () => {
    for (const key of ["", "a b", "a,b", "é", "a\nb"]) {
      assert(Either.isLeft(Schema.encodeEither(Metadata.TextFromRaw)({ [key]: "x" })), key)
      assert(Either.isLeft(Schema.encodeEither(Metadata.FromRaw)(new Map([[key, new Uint8Array()]]))), key)
    }
  })

  it("a value is text only if it is UTF-8, and a byte order mark is part of the text", () => {
    deepStrictEqual(text("a 4pyT"), Either.right({ a: "✓" }))
    deepStrictEqual(text("a 77u/YQ=="), Either.right({ a: "\ufeffa" }))
    const result = text("name /w==")
    assert(Either.isLeft(result))
    assert.include(result.left.message, "expected UTF-8 text for the key name")
    assert(Either.isRight(read("name /w==")))
  })

  it("a Schema of the user decodes and encodes a header", () => {
    const schema = Metadata.schema(Schema.Struct({
      filename: Schema.NonEmptyString,
      size: Schema.optionalWith(Schema.NumberFromString, { exact: true })
    }))
    const decode = Schema.decodeUnknownEither(schema)
    deepStrictEqual(decode("filename YQ==,size MTI=,other Yg=="), Either.right({ filename: "a", size: 12 }))
    assert(Either.isLeft(decode("size MTI=")))
    assert(Either.isLeft(decode("filename")))
    assert.strictEqual(Schema.encodeSync(schema)({ filename: "a", size: 12 }), "filename YQ==,size MTI=")
  })
})
