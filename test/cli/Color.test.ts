import { assert, describe, it } from "@effect/vitest"
import * as Color from "../../src/cli/terminal/Color.js"

const cases: ReadonlyArray<readonly [env: Readonly<Record<string, string>>, onTerminal: boolean, elsewhere: boolean]> =
  [
    [{}, true, false],
    [{ TERM: "xterm" }, true, false],
    [{ TERM: "dumb" }, false, false],
    [{ NO_COLOR: "1" }, false, false],
    [{ NO_COLOR: "0" }, false, false],
    [{ NO_COLOR: "" }, true, false],
    [{ FORCE_COLOR: "1" }, true, true],
    [{ FORCE_COLOR: "3", NO_COLOR: "1", TERM: "dumb" }, true, true],
    [{ FORCE_COLOR: "" }, true, false],
    [{ FORCE_COLOR: "0" }, false, false],
    [{ FORCE_COLOR: "false" }, false, false]
  ]

describe("colours", () => {
  for (const [env, onTerminal, elsewhere] of cases) {
    it(`are ${onTerminal ? "" : "not "}used on a terminal, ${elsewhere ? "" : "not "}elsewhere: ${JSON.stringify(env)}`, () => {
      assert.strictEqual(Color.isWanted(env, true), onTerminal)
      assert.strictEqual(Color.isWanted(env, false), elsewhere)
    })
  }
})
