/**
 * The files in `examples/deploy` start an existing command with valid settings.
 */
import * as Command from "@effect/cli/Command"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Either from "effect/Either"
import { readFileSync } from "node:fs"
import * as ServeCommand from "../../src/cli/commands/ServeCommand.js"
import * as Arguments from "../../src/cli/options/Arguments.js"

const flags = Arguments.flagsOf(Command.getUsage(ServeCommand.command))
const variables = flags.map(({ names: [name = ""] }) =>
  `EFFECT_TUS_${name.slice(2).toUpperCase().replaceAll("-", "_")}`
)

describe("examples/deploy", () => {
  for (
    const [file, command] of [["effect-tus.service", /^ExecStart=.* effect-tus (.*)$/m], [
      "Dockerfile",
      /^CMD (.*)$/m
    ]] as const
  ) {
    it(`${file} starts a server with known settings`, () => {
      const text = readFileSync(new URL(`../../examples/deploy/${file}`, import.meta.url), "utf8")
      const [, line = ""] = command.exec(text) ?? []
      const args = line.startsWith("[") ? (JSON.parse(line) as Array<string>).slice(1) : line.split(" ")
      assert.strictEqual(args[0], "serve")
      assert.isTrue(Either.isRight(Arguments.arrange({ serve: flags }, args)))
      const told = text.match(/EFFECT_TUS_\w+/g) ?? []
      assert.include(told, "EFFECT_TUS_DIR")
      deepStrictEqual(told.filter((name) => !variables.includes(name)), [])
    })
  }
})
