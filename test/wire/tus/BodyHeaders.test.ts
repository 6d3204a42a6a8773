import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { BodyHeaders, Checksum, type Refusal, Transfer } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { policy } from "../../protocol/arbitraries.js"
import { told } from "../../protocol/defects.js"

const crc32 = new Checksum.Checksum({ algorithm: "crc32", digest: new Uint8Array([1, 2, 3, 4]) })
const md5 = new Checksum.Checksum({ algorithm: "md5", digest: new Uint8Array(16) })

const verification = (
  checksum: Checksum.Checksum | undefined,
  trailer: ReadonlyArray<string> | undefined,
  rules = policy
) => {
  const body = BodyHeaders.bodyOf({
    contentLength: Option.none(),
    checksum: Option.fromNullable(checksum),
    trailer: Option.fromNullable(trailer)
  })
  return Transfer.verificationOf(body.checksum, rules)
}

/** The result of trailers, if a checksum was announced. */
const trailing = (trailers: Transfer.Trailers, rules = policy) =>
  Either.flatMap(
    verification(undefined, ["upload-checksum"], rules),
    (verification) =>
      Transfer.announced(verification._tag === "After" ? verification.read(trailers) : Option.none(), rules)
  )

const tagOf = Either.match({ onLeft: () => "refused", onRight: ({ _tag }: Transfer.Verification) => _tag })

const withoutTrailers = { ...policy, trailers: false }

describe("BodyHeaders", () => {
  it("a checksum is sent before the body, after it, or not at all", () => {
    deepStrictEqual(verification(undefined, undefined), Either.right({ _tag: "None" }))
    deepStrictEqual(verification(crc32, undefined), Either.right({ _tag: "Before", checksum: crc32 }))
    assert.strictEqual(tagOf(verification(undefined, ["Upload-Checksum"])), "After")
  })

  it("another trailer is ignored, and names are case-insensitive", () => {
    deepStrictEqual(verification(undefined, ["Expires"]), Either.right({ _tag: "None" }))
    deepStrictEqual(verification(undefined, []), Either.right({ _tag: "None" }))
    deepStrictEqual(verification(crc32, ["Expires"]), Either.right({ _tag: "Before", checksum: crc32 }))
    assert.strictEqual(tagOf(verification(undefined, ["x", "UPLOAD-CHECKSUM"])), "After")
  })

  const refusals = {
    "an algorithm that is not offered": [verification(md5, undefined), "400 upload-checksum"],
    "any algorithm if none is offered": [
      verification(crc32, undefined, { ...policy, algorithms: [] }),
      "400 upload-checksum"
    ],
    "a checksum both before and after the body": [verification(crc32, ["upload-checksum"]), "400 trailer"],
    "an announced checksum if the server does not read trailers": [
      verification(undefined, ["upload-checksum"], withoutTrailers),
      "400 trailer"
    ],
    "an announced checksum that is absent": [trailing({}, policy), "400 upload-checksum"],
    "an announced checksum that is undefined": [
      trailing({ "upload-checksum": undefined }, policy),
      "400 upload-checksum"
    ],
    "an announced checksum that is malformed": [
      trailing({ "upload-checksum": "crc32 !" }, policy),
      "400 upload-checksum"
    ],
    "an announced checksum of an algorithm that is not offered": [
      trailing({ "upload-checksum": "md5 AAAAAAAAAAAAAAAAAAAAAA==" }, policy),
      "400 upload-checksum"
    ]
  } as const
  for (const [title, [result, expected]] of Object.entries(refusals)) {
    it(`refuses ${title}`, () => {
      const refusal = Either.getOrThrow(Either.flip<unknown, Refusal.Refusal>(result))
      assert.strictEqual(told(refusal), expected)
      assert.include(refusal.message, "expected")
    })
  }

  it("the checksum is read after the body", () => {
    deepStrictEqual(trailing({ "upload-checksum": "crc32 AQIDBA==" }, policy), Either.right(crc32))
  })

  it.prop("an announced checksum is never ignored", [
    FastCheck.array(FastCheck.constantFrom("expires", "upload-checksum", "Upload-Checksum", "x")),
    FastCheck.option(FastCheck.constant(crc32), { nil: undefined })
  ], ([trailer, checksum]) => {
    const announced = trailer.some((name) => name.toLowerCase() === "upload-checksum")
    const result = verification(checksum, trailer)
    assert.strictEqual(
      tagOf(result),
      announced ? (checksum === undefined ? "After" : "refused") : checksum === undefined ? "None" : "Before"
    )
  })
})
