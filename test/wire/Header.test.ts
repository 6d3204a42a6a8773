import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { AppendHeaders, CreateHeaders, DiscoveryHeaders, Header, InspectHeaders } from "effect-tus"
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { seconds } from "../protocol/arbitraries.js"

const decodes = <A, I>(schema: Schema.Schema<A, I>) => Schema.decodeUnknownEither(schema)

const maximum = "9007199254740991"

const notNumbers = [
  "1e3",
  " 5",
  "5 ",
  "",
  "-1",
  "-0",
  "+5",
  "0x10",
  "1_000",
  "1.0",
  "5, 5",
  "5,5",
  "5\n",
  "٣",
  "NaN",
  "Infinity",
  "9007199254740992",
  "99999999999999999999"
]

describe("Header", () => {
  const patch = { "content-type": "application/offset+octet-stream", "upload-offset": "0" }
  const numeric = {
    "The value of Upload-Offset MUST be a non-negative integer": [AppendHeaders.Request, patch, "upload-offset"],
    "The value of Upload-Length MUST be a non-negative integer": [CreateHeaders.Request, {}, "upload-length"],
    "The value of Upload-Length in a PATCH MUST be a non-negative integer": [
      AppendHeaders.Request,
      patch,
      "upload-length"
    ],
    "Content-Length is a non-negative integer": [AppendHeaders.Request, patch, "content-length"],
    "The client reads Upload-Offset as strictly": [
      InspectHeaders.Response,
      { "cache-control": "no-store" },
      "upload-offset"
    ],
    "Tus-Max-Size MUST be a non-negative integer": [
      DiscoveryHeaders.Response,
      { "tus-version": "1.0.0" },
      "tus-max-size"
    ]
  } as const

  for (const [title, [schema, headers, name]] of Object.entries(numeric)) {
    it(title, () => {
      const decode = decodes<unknown, never>(schema as unknown as Schema.Schema<unknown, never>)
      for (const text of ["0", "1", "007", maximum]) {
        assert(Either.isRight(decode({ ...headers, [name]: text })), text)
      }
      for (const text of notNumbers) {
        const result = decode({ ...headers, [name]: text })
        assert(Either.isLeft(result), `${name}: ${JSON.stringify(text)}`)
        assert.include(result.left.message, `["${name}"]`)
        assert.include(result.left.message, "expected one whole number of bytes")
      }
    })
  }

  it.prop("a number of bytes survives the round trip, and so does its header", [Header.Bytes], ([bytes]) => {
    const header = Schema.encodeSync(Header.Bytes)(bytes)
    assert.match(header, /^\d+$/)
    assert.strictEqual(Schema.decodeSync(Header.Bytes)(header), bytes)
  })

  it.prop("a number of bytes consists of digits only", [FastCheck.string({ unit: "binary" })], ([text]) => {
    if (!/^\d+$/.test(text)) {
      assert(Either.isLeft(decodes(Header.Bytes)(text)))
    }
  })

  it.prop(
    "numbers above 2^53-1 are refused, in every notation",
    [FastCheck.bigInt({ min: 2n ** 53n })],
    ([n]) => {
      assert(Either.isLeft(decodes(Header.Bytes)(String(n))))
    }
  )

  it("The value of Upload-Expires MUST be in RFC 9110 datetime format", () => {
    const date = DateTime.unsafeMake("1994-11-06T08:49:37.999Z")
    assert.strictEqual(Schema.encodeSync(Header.HttpDate)(date), "Sun, 06 Nov 1994 08:49:37 GMT")
  })

  it.prop("a date of whole seconds survives the round trip", [seconds], ([date]) => {
    const header = Schema.encodeSync(Header.HttpDate)(date)
    assert.match(header, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/)
    deepStrictEqual(Schema.decodeSync(Header.HttpDate)(header), date)
  })

  it.prop(
    "Upload-Expires is never later than the expiry of the state",
    [seconds, FastCheck.nat(999)],
    ([date, millis]) => {
      const header = Schema.encodeSync(Header.HttpDate)(DateTime.add(date, { millis }))
      deepStrictEqual(Schema.decodeSync(Header.HttpDate)(header), date)
    }
  )

  for (
    const text of [
      "",
      "tomorrow",
      "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
      "1994-11-06T08:49:37Z",
      "Mon, 06 Nov 1994 08:49:37 GMT",
      "Sun, 31 Feb 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 +0100",
      "784111777"
    ]
  ) {
    it(`refuses the date ${JSON.stringify(text)}`, () => {
      assert(Either.isLeft(decodes(Header.HttpDate)(text)))
    })
  }

  it("a list is read as HTTP defines it: spaces around commas and empty members are ignored", () => {
    const decode = Schema.decodeSync(Header.tokens)
    deepStrictEqual(decode("sha1,md5"), ["sha1", "md5"])
    deepStrictEqual(decode(" sha1 ,\tmd5, ,"), ["sha1", "md5"])
    deepStrictEqual(decode(""), [])
    deepStrictEqual(decode("x-$*!#'&`|~^%+._"), ["x-$*!#'&`|~^%+._"])
    for (const text of ["a b", "a;q=1", "é", "a\nb", "(a)", "\"a\""]) {
      assert(Either.isLeft(decodes(Header.tokens)(text)), text)
    }
  })

  it.prop("a list survives the round trip in its order", [Header.tokens], ([tokens]) => {
    deepStrictEqual(Schema.decodeSync(Header.tokens)(Schema.encodeSync(Header.tokens)(tokens)), tokens)
  })
})
