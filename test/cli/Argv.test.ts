import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Argv from "../../src/cli/options/Argv.js"

const line = (...args: ReadonlyArray<string | Uint8Array>) =>
  Buffer.concat(args.flatMap((arg) => [Buffer.from(arg as string), Buffer.of(0)]))

const latin = Buffer.from("caf\u00e9", "latin1")

describe("the arguments", () => {
  it("are those of Node where they are text, and nobody is asked", () => {
    const args = ["upload", "é.txt"]
    assert.strictEqual(Argv.exact(args, () => assert.fail("asked")), args)
  })

  it("have the bytes of names that are no text", () => {
    deepStrictEqual(
      Argv.exact(["upload", "caf\ufffd", "", "-r"], () => line("node", "--flag", "main.js", "upload", latin, "", "-r")),
      ["upload", "caf\udce9", "", "-r"]
    )
  })

  it("stay as they are where the system tells nothing, or something else", () => {
    const args = ["upload", "caf\ufffd"]
    for (const told of [line(), line("upload"), line("node", "main.js", "upload", "b"), Buffer.from("title")]) {
      deepStrictEqual(Argv.exact(args, () => told), args)
    }
  })
})
