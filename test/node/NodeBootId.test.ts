import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { BootId } from "effect-tus"
import { NodeBootId } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { platform } from "node:os"

describe("NodeBootId", () => {
  it.effect("is the same until the next boot, on Linux", () =>
    Effect.gen(function*() {
      const [first, second] = yield* Effect.all([BootId.BootId, BootId.BootId].map(Effect.provide(NodeBootId.layer)))
      deepStrictEqual(first, second)
      assert.strictEqual(
        Option.exists(first ?? Option.none(), (name) => /^[0-9a-f-]{36}$/.test(name)),
        platform() === "linux"
      )
    }))
})
