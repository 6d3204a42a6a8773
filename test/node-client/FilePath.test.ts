import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as FilePath from "../../src/node-client/FilePath.js"

const bytesOf = (path: string) => Buffer.from(FilePath.toSystem(path))

describe("a path from bytes", () => {
  it("is their text if they are UTF-8", () => {
    for (const text of ["", "/a/b", "é 日本語 😀 \ufffd \u0000", "/tmp/caf\u00e9.txt"]) {
      assert.strictEqual(FilePath.fromBytes(Buffer.from(text)), text)
      assert.strictEqual(FilePath.toSystem(text), text)
    }
  })

  it("has a lone surrogate for each byte that is not UTF-8", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["636166e92e747874", "caf\udce9.txt"],
      ["ff", "\udcff"],
      ["c3", "\udcc3"],
      ["e282", "\udce2\udc82"],
      // An overlong form, a surrogate, and a code point above U+10FFFF.
      ["c0af", "\udcc0\udcaf"],
      ["edb2a9", "\udced\udcb2\udca9"],
      ["f4908080", "\udcf4\udc90\udc80\udc80"]
    ]
    for (const [hex, text] of cases) {
      assert.strictEqual(FilePath.fromBytes(Buffer.from(hex, "hex")), text)
      assert.strictEqual(bytesOf(text).toString("hex"), hex)
    }
  })

  it.prop(
    "can be converted back to its bytes, whatever they are",
    [FastCheck.uint8Array({ maxLength: 50 })],
    ([bytes]) => {
      deepStrictEqual(Uint8Array.from(bytesOf(FilePath.fromBytes(bytes))), Uint8Array.from(bytes))
    }
  )

  it.prop(
    "equals the text of a decoder if that finds no fault",
    [FastCheck.string({ unit: "binary" })],
    ([text]) => {
      const bytes = Buffer.from(text)
      assert.strictEqual(FilePath.fromBytes(bytes), bytes.toString())
    }
  )
})
