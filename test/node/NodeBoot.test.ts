import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Boot } from "effect-tus"
import { NodeBoot } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { platform } from "node:os"

describe("NodeBoot", () => {
  it.effect("names this start of the machine, always the same, on Linux", () =>
    Effect.gen(function*() {
      const [first, second] = yield* Effect.all([Boot.Boot, Boot.Boot].map(Effect.provide(NodeBoot.layer)))
      deepStrictEqual(first, second)
      assert.strictEqual(
        Option.exists(first ?? Option.none(), (name) => /^[0-9a-f-]{36}$/.test(name)),
        platform() === "linux"
      )
    }))
})
