import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type { Flag } from "../../src/cli/options/Arguments.js"
import * as Settings from "../../src/cli/options/Settings.js"
import { directory } from "../support/directory.js"
import * as Process from "./process.js"

const flag = (name: string, takesValue = true, repeats = false): Flag => ({ names: [`--${name}`], takesValue, repeats })

const flags = [flag("port"), flag("max-size"), flag("trust-proxy", true, true), flag("json", false), flag("config")]

const complete = (
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>,
  file?: string
) =>
  Effect.gen(function*() {
    const path = Process.file(yield* directory, "settings.json", file ?? "")
    return yield* Settings.complete(flags, file === undefined ? args : [...args, "--config", path])
  }).pipe(
    Effect.map((args) => args.filter((arg) => arg !== "--config" && !arg.endsWith("settings.json"))),
    Effect.provide(NodeFileSystem.layer),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment)))),
    Effect.scoped
  )

const cases: Array<[
  title: string,
  args: ReadonlyArray<string>,
  environment: Record<string, string>,
  file: string | undefined,
  told: ReadonlyArray<string>
]> = [
  ["none by default", [], { PORT: "1" }, undefined, []],
  ["those of the environment", [], { EFFECT_TUS_MAX_SIZE: "1 GB" }, undefined, ["--max-size=1 GB"]],
  ["those of the file", [], {}, `{"port":80,"max-size":"-1"}`, ["--port=80", "--max-size=-1"]],
  ["the environment before the file", [], { EFFECT_TUS_PORT: "81" }, `{"port":80}`, ["--port=81"]],
  ["an argument before both", ["--port", "82"], { EFFECT_TUS_PORT: "81" }, `{"port":80}`, ["--port", "82"]],
  ["an argument with its value in one", ["--port=82"], { EFFECT_TUS_PORT: "81" }, undefined, ["--port=82"]],
  [
    "lists",
    [],
    { EFFECT_TUS_TRUST_PROXY: "10.0.0.0/8, ::1" },
    undefined,
    ["--trust-proxy=10.0.0.0/8", "--trust-proxy=::1"]
  ],
  ["lists in a file", [], {}, `{"trust-proxy":["::1","::2"]}`, ["--trust-proxy=::1", "--trust-proxy=::2"]],
  ["flags", [], {}, `{"json":true}`, ["--json"]],
  ["flags that are off", [], { EFFECT_TUS_JSON: "false" }, `{"json":true}`, []]
]

const wrong: Array<[title: string, file: string, why: RegExp]> = [
  ["other text than JSON", "port: 80", /settings\.json: expected a JSON object/],
  ["another value", `{"port":{"a":1}}`, /expected a JSON object with strings, numbers, booleans and lists/],
  [
    "an unknown setting",
    `{"prot":80}`,
    /unknown setting "prot"; the settings are port, max-size, trust-proxy, json$/
  ],
  ["another file", `{"config":"a"}`, /unknown setting "config"/]
]

describe("settings", () => {
  for (const [title, args, environment, file, told] of cases) {
    it.effect(`are ${title}`, () =>
      Effect.map(complete(args, environment, file), (args) => deepStrictEqual(args, told)))
  }

  for (const [title, file, why] of wrong) {
    it.effect(`in a file may not have ${title}`, () =>
      Effect.map(Effect.flip(complete([], {}, file)), ({ message }) => assert.match(message, why)))
  }

  it.effect("have to be in a file that exists", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromMap(new Map([["EFFECT_TUS_CONFIG", "/nowhere/a.json"]]))
      const error = yield* Effect.flip(Effect.withConfigProvider(Settings.complete(flags, []), provider))
      assert.match(error.message, /^--config \/nowhere\/a\.json: /)
    }).pipe(Effect.provide(NodeFileSystem.layer)))
})
