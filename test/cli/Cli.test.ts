/**
 * How the command reports its end: no failure is silent.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Cli from "../../src/cli/Cli.js"
import { CommandError, Reported } from "../../src/cli/terminal/Failure.js"
import { output } from "./output.js"

const interrupt = Cause.interrupt(FiberId.none)
const defect = Cause.die(new Error("a layer died"))
const failure = Cause.fail(new CommandError({ message: "it failed" }))

const explained = (cause: Cause.Cause<unknown>, stopped: boolean) => {
  const { said, service } = output()
  return Effect.map(Cli.explain(cause, stopped, service, () => Effect.void), (code) => [code, ...said])
}

const mistake = "this is a bug in effect-tus, --debug shows details"

describe("the end of the command", () => {
  it.effect("has no message if the user has stopped it", () =>
    Effect.gen(function*() {
      for (const cause of [interrupt, Cause.parallel(interrupt, interrupt), Cause.sequential(interrupt, interrupt)]) {
        deepStrictEqual(yield* explained(cause, true), [130])
      }
      deepStrictEqual(yield* explained(Cause.fail(new Reported()), false), [1])
    }))

  for (const stopped of [true, false]) {
    it.effect(`is the failure or the defect, even beside an interruption${stopped ? " by the user" : ""}`, () =>
      Effect.gen(function*() {
        for (const both of [Cause.parallel, Cause.sequential]) {
          for (const [cause, words] of [[defect, `a layer died; ${mistake}`], [failure, "it failed"]] as const) {
            const expected = [1, `effect-tus: ${words}`]
            deepStrictEqual(yield* explained(both(interrupt, cause), stopped), expected)
            deepStrictEqual(yield* explained(both(cause, interrupt), stopped), expected)
          }
        }
      }))
  }

  it.effect("is an error if something was interrupted, but not by the user", () =>
    Effect.gen(function*() {
      const [code, line] = yield* explained(interrupt, false)
      assert.strictEqual(code, 1)
      assert.match(String(line), new RegExp(`^effect-tus: .*; ${mistake}$`))
    }))
})
