import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { BodyHeaders, Checksum, type Refusal } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { policy } from "./arbitraries.js"
import { told } from "./defects.js"

const crc32 = new Checksum.Checksum({ algorithm: "crc32", digest: new Uint8Array([1, 2, 3, 4]) })
const md5 = new Checksum.Checksum({ algorithm: "md5", digest: new Uint8Array(16) })

const verification = (
  checksum: Checksum.Checksum | undefined,
  trailer: ReadonlyArray<string> | undefined,
  rules = policy
) => BodyHeaders.verification({ checksum: Option.fromNullable(checksum), trailer: Option.fromNullable(trailer) }, rules)

const withoutTrailers = { ...policy, extensions: policy.extensions.filter((name) => name !== "checksum-trailer") }

describe("BodyHeaders", () => {
  it("the digest comes before the body, after it, or not at all", () => {
    deepStrictEqual(verification(undefined, undefined), Either.right({ _tag: "None" }))
    deepStrictEqual(verification(crc32, undefined), Either.right({ _tag: "Header", checksum: crc32 }))
    deepStrictEqual(verification(undefined, ["Upload-Checksum"]), Either.right({ _tag: "Trailer" }))
  })

  it("another trailer means nothing, and names have no case", () => {
    deepStrictEqual(verification(undefined, ["Expires"]), Either.right({ _tag: "None" }))
    deepStrictEqual(verification(undefined, []), Either.right({ _tag: "None" }))
    deepStrictEqual(verification(crc32, ["Expires"]), Either.right({ _tag: "Header", checksum: crc32 }))
    deepStrictEqual(verification(undefined, ["x", "UPLOAD-CHECKSUM"]), Either.right({ _tag: "Trailer" }))
  })

  const refusals = {
    "an algorithm that is not offered": [verification(md5, undefined), "400 upload-checksum"],
    "any algorithm where none is offered": [
      verification(crc32, undefined, { ...policy, algorithms: [] }),
      "400 upload-checksum"
    ],
    "a checksum both before and after the body": [verification(crc32, ["upload-checksum"]), "400 trailer"],
    "an announced checksum where the server does not read trailers": [
      verification(undefined, ["upload-checksum"], withoutTrailers),
      "400 trailer"
    ],
    "an announced checksum that is absent": [BodyHeaders.trailing({}, policy), "400 upload-checksum"],
    "an announced checksum that is undefined": [
      BodyHeaders.trailing({ "upload-checksum": undefined }, policy),
      "400 upload-checksum"
    ],
    "an announced checksum that is malformed": [
      BodyHeaders.trailing({ "upload-checksum": "crc32 !" }, policy),
      "400 upload-checksum"
    ],
    "an announced checksum of an algorithm that is not offered": [
      BodyHeaders.trailing({ "upload-checksum": "md5 AAAAAAAAAAAAAAAAAAAAAA==" }, policy),
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

  it("reads the checksum that came after the body", () => {
    deepStrictEqual(BodyHeaders.trailing({ "upload-checksum": "crc32 AQIDBA==" }, policy), Either.right(crc32))
  })

  it.prop("an announced checksum is never passed over", [
    FastCheck.array(FastCheck.constantFrom("expires", "upload-checksum", "Upload-Checksum", "x")),
    FastCheck.option(FastCheck.constant(crc32), { nil: undefined })
  ], ([trailer, checksum]) => {
    const announced = trailer.some((name) => name.toLowerCase() === "upload-checksum")
    const result = verification(checksum, trailer)
    const source = Either.isLeft(result) ? "refused" : result.right._tag
    assert.strictEqual(
      source,
      announced ? (checksum === undefined ? "Trailer" : "refused") : checksum === undefined ? "None" : "Header"
    )
  })
})
