import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { kinds } from "./Kinds.js"
import { scenarios } from "./Scenarios.js"
import * as Targets from "./Targets.js"

const reachedBy = (rounds: Record<string, ReadonlyArray<number>>) =>
  Targets.judge(
    "head",
    new Map(Object.entries(rounds).map(([name, rates]) => [name, rates.map((rate) => ({ rate }))]))
  ).map(({ holds, reached, target }) => [target.server, reached, holds])

/** Whether those of the client hold, first the rate, with this ratio of processor time. */
const holdAt = (cpu: number) =>
  Targets.judge("client-large", new Map([["client", [{ rate: 1, cpu }]], ["tus-js-client", [{ rate: 1, cpu: 1 }]]]))
    .map(({ holds }) => holds)

describe("the targets of the benchmark", () => {
  it("name kinds and scenarios that exist, and kinds that do the scenario", () => {
    for (const { over, scenarios: names, server } of Targets.targets) {
      for (const name of names) {
        const on = scenarios.find((scenario) => scenario.name === name)?.on ?? []
        assert.include(on, server, name)
        assert.include(on, over ?? server, name)
      }
    }
  })

  it("compare rounds, and not medians: a machine that gets slower does so for both", () => {
    deepStrictEqual(reachedBy({ "completion": [90, 40, 8], "bare listener": [100, 50, 8] }), [[
      "completion",
      0.9,
      true
    ]])
  })

  it("are missed by what is slower", () => {
    deepStrictEqual(reachedBy({ "completion": [70], "bare listener": [100] }), [["completion", 0.7, false]])
  })

  it("are not judged where one of the two was not measured", () => {
    deepStrictEqual(reachedBy({ "completion": [70] }), [])
    deepStrictEqual(reachedBy({ "bare listener": [70] }), [])
  })

  it("are missed by what costs more", () => {
    deepStrictEqual([0.7, 0.8].map(holdAt), [[true, true], [true, false]])
  })
})

describe("the scenarios of the benchmark", () => {
  it("are done by kinds that exist", () => {
    const names = kinds.map(({ name }) => name)
    for (const { name, on } of scenarios) {
      assert.includeMembers(names, [...on], name)
    }
  })
})
