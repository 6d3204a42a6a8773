import { describe, it } from "@effect/vitest"
import { deepStrictEqual, throws } from "@effect/vitest/utils"
import { choose } from "../support/backends.js"

describe("backends of the contract suites", () => {
  it("are chosen by name", () => {
    deepStrictEqual(choose("files,memory").map(([name]) => name), ["files", "memory"])
  })

  it("are refused if a name is unknown", () => {
    throws(
      () => choose("files,sqlit"),
      new Error("there is no backend sqlit: choose from memory, files, sqlite, postgres, cache")
    )
  })
})
