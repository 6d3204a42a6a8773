import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as InfoCommand from "../../src/cli/commands/InfoCommand.js"
import type { Info } from "../../src/client/requests/ResponseReader.js"
import * as Upload from "../../src/protocol/Upload.js"

const bytes = (count: number) => Option.some(Upload.Bytes.make(count))

const info = (fields: Partial<Info>): Info => ({
  deferLength: Option.none(),
  offset: bytes(500),
  length: bytes(2000),
  metadata: Option.none(),
  concat: Option.none(),
  expires: Option.none(),
  ...fields
})

const now = DateTime.unsafeMake(0)
const at = (seconds: number) => DateTime.unsafeMake(seconds * 1000)

const metadata = Option.some(
  ["filename YS5iaW4=", "empty", `note ${btoa("a\nb")}`, "binary /wA="].join(",")
)

describe("the position of an upload", () => {
  it("is printed in lines", () => {
    deepStrictEqual(InfoCommand.lines(info({}), now), [
      "offset    500 bytes",
      "length    2000 bytes (2.0 KiB)",
      "complete  no (25 %)"
    ])
    deepStrictEqual(InfoCommand.lines(info({ offset: bytes(2000) }), now)[2], "complete  yes")
  })

  it("is printed as far as it is known", () => {
    deepStrictEqual(InfoCommand.lines(info({ offset: Option.none() }), now), [
      "offset    not yet joined",
      "length    2000 bytes (2.0 KiB)",
      "complete  no"
    ])
    deepStrictEqual(InfoCommand.lines(info({ length: Option.none() }), now).slice(1), [
      "length    not yet known",
      "complete  no"
    ])
  })

  it("has all known facts, in columns, and no control characters", () => {
    deepStrictEqual(InfoCommand.lines(info({ metadata, expires: Option.some(at(90)) }), now).slice(2), [
      "complete  no (25 %)",
      "expires   1970-01-01T00:01:30.000Z (in 1 min 30 s)",
      "filename  a.bin",
      "empty",
      "note      a\ufffdb",
      "binary    base64 /wA="
    ])
  })

  it("is printed unchanged as JSON", () => {
    deepStrictEqual(InfoCommand.facts("http://a/1", info({ metadata, expires: Option.some(at(90)) })), {
      url: "http://a/1",
      offset: Upload.Bytes.make(500),
      length: Upload.Bytes.make(2000),
      complete: false,
      metadata: { filename: "a.bin", empty: "", note: "a\nb", binary: "/wA=" },
      binary: ["binary"],
      expires: "1970-01-01T00:01:30.000Z"
    })
    deepStrictEqual(InfoCommand.facts("http://a/1", info({ offset: Option.none(), length: Option.none() })), {
      url: "http://a/1",
      offset: null,
      length: null,
      complete: false,
      metadata: {},
      binary: [],
      expires: null
    })
  })

  it("is printed even if its metadata are invalid", () => {
    assert.lengthOf(InfoCommand.lines(info({ metadata: Option.some("a b c d") }), now), 3)
  })

  it("has the time until the upload expires, or says that it has expired", () => {
    assert.strictEqual(InfoCommand.remaining(at(65), now), "in 1 min 5 s")
    assert.strictEqual(InfoCommand.remaining(now, at(65)), "expired")
  })
})
