import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Terminate } from "effect-tus"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { now, uploads } from "./arbitraries.js"

describe("Terminate", () => {
  it("MUST respond with the 204 status", () => {
    const response = new Terminate.Response()
    assert.strictEqual(response.status, 204)
    deepStrictEqual<object>({ ...Schema.encodeSync(Terminate.Response)(response) }, {})
    deepStrictEqual(Schema.decodeSync(Terminate.Response)({}), response)
  })

  it.prop("removes completed and unfinished uploads alike, unless their time has run out", [uploads], ([upload]) => {
    const decision = Terminate.decide(upload, now)
    if (upload.hasExpired(now)) {
      assert(Either.isLeft(decision))
      assert.strictEqual(decision.left.status, 410)
      assert.include(decision.left.message, upload.id)
    } else {
      deepStrictEqual(decision, Either.right(upload))
    }
  })
})
