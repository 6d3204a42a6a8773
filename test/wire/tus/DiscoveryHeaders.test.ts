import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { DiscoveryHeaders, Extension, TusDialect } from "effect-tus"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { policy } from "../../protocol/arbitraries.js"

const headersOf = (rules: Partial<typeof policy>) =>
  Schema.encodeSync(DiscoveryHeaders.Response)(DiscoveryHeaders.respond({ ...policy, ...rules }))

describe("DiscoveryHeaders", () => {
  it("A successful response MUST contain Tus-Version, and may contain everything that the server offers", () => {
    assert.strictEqual(TusDialect.encode({ reply: { _tag: "Offered", policy } }).status, 204)
    deepStrictEqual<object>(headersOf({}), {
      "tus-version": "1.0.0",
      "tus-extension":
        "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,concatenation,concatenation-unfinished",
      "tus-max-size": "100",
      "tus-checksum-algorithm": "sha1,crc32"
    })
  })

  it("Tus-Checksum-Algorithm MUST be included if checksums are offered, and only then", () => {
    assert.strictEqual(headersOf({ algorithms: ["sha1", "md5"] })["tus-checksum-algorithm"], "sha1,md5")
    for (const algorithms of [[], ["md5"]] as const) {
      assert.notProperty(headersOf({ algorithms }), "tus-checksum-algorithm")
    }
  })

  it("Tus-Max-Size is left out if there is no limit", () => {
    assert.notProperty(headersOf({ maxSize: Option.none() }), "tus-max-size")
    assert.strictEqual(headersOf({ maxSize: Option.some(0) })["tus-max-size"], "0")
  })

  it("a client reads the versions of another server in its order, and extensions that it does not know", () => {
    const response = Schema.decodeSync(DiscoveryHeaders.Response)({
      "tus-version": "1.0.0,0.2.2, 0.2.1",
      "tus-extension": "creation, x-teleport",
      "tus-max-size": "1073741824",
      "tus-checksum-algorithm": "md5,sha1,xxh3"
    })
    deepStrictEqual(response.versions, ["1.0.0", "0.2.2", "0.2.1"])
    deepStrictEqual<unknown>(response.extensions, Option.some(["creation", "x-teleport"]))
    deepStrictEqual<unknown>(response.maxSize, Option.some(1073741824))
    deepStrictEqual<unknown>(response.algorithms, Option.some(["md5", "sha1", "xxh3"]))
  })

  it.prop("the response survives the round trip", [DiscoveryHeaders.Response], ([response]) => {
    const headers = Schema.encodeSync(DiscoveryHeaders.Response)(response)
    deepStrictEqual(Schema.decodeSync(DiscoveryHeaders.Response)(headers), response)
  })
})

describe("Extension", () => {
  type Offer = Pick<typeof policy, "algorithms" | "expiresAfter" | "trailers">
  const always = [
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "termination",
    "concatenation",
    "concatenation-unfinished"
  ]
  const { expiresAfter } = policy
  const parts: Offer = { algorithms: ["sha1"], expiresAfter, trailers: true }
  const cases: ReadonlyArray<readonly [title: string, Offer, added: ReadonlyArray<string>]> = [
    ["everything", parts, ["expiration", "checksum", "checksum-trailer"]],
    ["MUST add expiration only if unfinished uploads expire", { ...parts, expiresAfter: Option.none() }, [
      "checksum",
      "checksum-trailer"
    ]],
    ["MUST add checksum only with sha1, and no trailer without it", { ...parts, algorithms: ["md5"] }, [
      "expiration"
    ]],
    ["MUST announce trailers only if they can be handled", { ...parts, trailers: false }, ["expiration", "checksum"]],
    ["what is always offered", { algorithms: [], expiresAfter: Option.none(), trailers: false }, []]
  ]
  for (const [title, offered, added] of cases) {
    it(`the offer: ${title}`, () => {
      assert.sameMembers<string>([...Extension.offeredBy({ ...policy, ...offered })], [...always, ...added])
    })
  }
})
