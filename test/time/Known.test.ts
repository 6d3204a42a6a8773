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
          assert.isUndefined(Known.exit(later))
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

  it("takes an Exit and an Either for a result, and no error, although that is an Effect, too", () => {
    deepStrictEqual(Known.exit(Effect.fail("no")), Exit.fail("no"))
    deepStrictEqual(Known.exit(Either.right(1)), Exit.succeed(1))
    deepStrictEqual(Known.exit(Either.left("no")), Exit.fail("no"))
    assert.isUndefined(Known.exit(new Refusal.Finishing()))
  })

  it("fn runs on at once to the first effect whose result is not known", () =>
    Effect.gen(function*() {
      const steps: Array<number> = []
      const sum = Known.fn(function*(...effects: ReadonlyArray<Effect.Effect<number, string>>) {
        let sum = 0
        for (const effect of effects) {
          sum += yield* effect
          steps.push(sum)
        }
        return sum
      })
      deepStrictEqual(sum(Exit.succeed(1), Either.right(2)), Exit.succeed(3))
      deepStrictEqual(sum(Exit.succeed(1), Either.left("no"), Exit.succeed(2)), Exit.fail("no"))
      steps.length = 0
      const later = sum(Exit.succeed(1), Effect.suspend(() => Exit.succeed(2)), Exit.succeed(4))
      deepStrictEqual(steps, [1])
      assert.strictEqual(yield* later, 7)
      deepStrictEqual(steps, [1, 3, 7])
    }).pipe(Effect.runPromise))
})
