import * as CliConfig from "@effect/cli/CliConfig"
import * as Options from "@effect/cli/Options"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Flags from "../../src/cli/options/Flags.js"

const read = (...headers: ReadonlyArray<string>) =>
  Options.processCommandLine(
    Flags.connection.headers,
    headers.flatMap((header) => ["--header", header]),
    CliConfig.defaultConfig
  ).pipe(Effect.provide(NodeContext.layer))

describe("--header", () => {
  it.effect("is a name, a colon and a value, with optional spaces around it", () =>
    Effect.gen(function*() {
      const [, , headers] = yield* read("Authorization:  Bearer a:b ", "X-Empty:")
      deepStrictEqual(headers, { Authorization: "Bearer a:b", "X-Empty": "" })
    }))

  for (
    const [header, message] of [
      ["Bearer s3cr3t", /--header: expected .*Name: value.*, got no colon in 13 characters/],
      ["Authorization: s3cr3t\u2026", /--header: the header Authorization: .* got U\+2026 as character 7"/],
      ["Authorization: s3cr3t\nX: y", /--header: the header Authorization: .* got U\+000A as character 7"/],
      ["Authorization : s3cr3t", /--header: the name of a header: .* got U\+0020 as character 14"/]
    ] as const
  ) {
    it.effect(`is refused at once if it is invalid, and not quoted: ${JSON.stringify(header)}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(read(header))
        const text = JSON.stringify(error.error)
        assert.match(text, message)
        assert.notInclude(text, "s3cr3t")
      }))
  }
})
