import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Argv from "../../src/cli/options/Argv.js"

const line = (...args: ReadonlyArray<string | Uint8Array>) =>
  Buffer.concat(args.flatMap((arg) => [Buffer.from(arg as string), Buffer.of(0)]))

const latin = Buffer.from("caf\u00e9", "latin1")

describe("arguments from the system", () => {
  it("are those of Node if they are UTF-8, and nothing else is read", () => {
    const args = ["upload", "é.txt"]
    assert.strictEqual(Argv.exact(args, () => assert.fail("asked")), args)
  })

  it("keep the bytes of names that are not UTF-8", () => {
    deepStrictEqual(
      Argv.exact(["upload", "caf\ufffd", "", "-r"], () => line("node", "--flag", "main.js", "upload", latin, "", "-r")),
      ["upload", "caf\udce9", "", "-r"]
    )
  })

  it("are those of Node if the system reports none, or others", () => {
    const args = ["upload", "caf\ufffd"]
    for (const told of [line(), line("upload"), line("node", "main.js", "upload", "b"), Buffer.from("title")]) {
      deepStrictEqual(Argv.exact(args, () => told), args)
    }
  })
})
