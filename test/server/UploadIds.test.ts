import { assert, describe, it } from "@effect/vitest"
import { UploadIds } from "effect-tus/server"
import * as Effect from "effect/Effect"

describe("UploadIds", () => {
  it.effect("are 128 bits in hexadecimal, and no two are equal", () =>
    Effect.gen(function*() {
      const { next } = yield* UploadIds.UploadIds
      const ids = yield* Effect.replicateEffect(next, 10_000)
      assert.isTrue(ids.every((id) => /^[0-9a-f]{32}$/.test(id)))
      assert.strictEqual(new Set(ids).size, ids.length)
    }))
})
