import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Terminate, TusDialect } from "effect-tus"
import * as Either from "effect/Either"
import { now, uploads } from "./arbitraries.js"
import { statusOf } from "./defects.js"

describe("Terminate", () => {
  it("MUST be answered with 204", () => {
    deepStrictEqual<unknown>(TusDialect.encode({ reply: Terminate.respond }), {
      status: 204,
      headers: { "tus-resumable": "1.0.0" }
    })
  })

  it.prop("removes complete and unfinished uploads, unless they have expired", [uploads], ([upload]) => {
    const decision = Terminate.decide(upload, now)
    if (upload.hasExpired(now)) {
      assert(Either.isLeft(decision))
      assert.strictEqual(statusOf(decision.left), 410)
      assert.include(decision.left.message, upload.id)
    } else {
      deepStrictEqual(decision, Either.right(upload))
    }
  })
})
