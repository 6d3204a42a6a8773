/**
 * What is known at once is known without running anything, and ends as the Effect would.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Refusal } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Known from "../../src/time/Known.js"

const half = (n: number) => n % 2 === 0 ? Exit.succeed(n / 2) : Exit.fail(`odd: ${n}`)

type Step = (self: Effect.Effect<number, string>) => Effect.Effect<unknown, unknown>

/** Each function of `Known`, and that of Effect. */
const functions: Readonly<Record<string, readonly [known: Step, effect: Step]>> = {
  flatMap: [(self) => Known.flatMap(self, half), (self) => Effect.flatMap(self, half)],
  map: [(self) => Known.map(self, (n) => n + 1), (self) => Effect.map(self, (n) => n + 1)],
  mapError: [(self) => Known.mapError(self, (e) => e.length), (self) => Effect.mapError(self, (e) => e.length)],
  matchCauseEffect: [
    (self) => Known.matchCauseEffect(self, { onSuccess: half, onFailure: Exit.succeed }),
    (self) => Effect.matchCauseEffect(self, { onSuccess: half, onFailure: Exit.succeed })
  ]
}

const results: ReadonlyArray<Exit.Exit<number, string>> = [
  Exit.succeed(4),
  Exit.succeed(3),
  Exit.fail("no"),
  Exit.die("a bug")
]

describe("Known", () => {
  for (const [name, [known, effect]] of Object.entries(functions)) {
    it.effect(`${name} ends as that of Effect, at once where the result is known, and later where it is not`, () =>
      Effect.forEach(results, (result) =>
        Effect.gen(function*() {
          const expected = yield* Effect.exit(effect(result))
          deepStrictEqual(known(result), expected)
          const later = known(Effect.suspend(() => result))
          assert.isFalse(Known.isKnown(later))
          deepStrictEqual(yield* Effect.exit(later), expected)
        })))
  }

  it("suspend takes what is thrown for a defect", () => {
    const bug = new Error("a bug")
    deepStrictEqual(Known.suspend(() => half(4)), Exit.succeed(2))
    deepStrictEqual(
      Known.suspend(() => {
        throw bug
      }),
      Exit.die(bug)
    )
  })

  it("takes no error and no Either for a result, although they are Effects", () => {
    assert.isTrue(Known.isKnown(Effect.fail("no")))
    assert.isFalse(Known.isKnown(new Refusal.Finishing()))
    assert.isFalse(Known.isKnown(Either.right(1)))
  })
})
