/**
 * Settings from the environment and from a file, besides arguments. `--max-size` is `EFFECT_TUS_MAX_SIZE` in the
 * environment and `"max-size"` in the file. An argument wins over the environment, and that over the file.
 */
import { FileSystem } from "@effect/platform/FileSystem"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { sentence, UsageError } from "../terminal/Failure.js"
import type * as Arguments from "./Arguments.js"

type Flags = ReadonlyArray<Arguments.Flag>

/** The arguments after the name of the command, with the settings added as options. */
export const complete = Effect.fnUntraced(function*(flags: Flags, args: ReadonlyArray<string>) {
  const open = flags.filter(({ names }) => !args.some((arg) => names.some((name) => isNamed(arg, name))))
  const path = yield* pathOf(args)
  const file = Option.isSome(path) ? yield* read(path.value, flags) : {}
  const told = yield* Effect.forEach(
    open,
    (flag) =>
      Effect.map(
        fromEnvironment(flag),
        (values) => optionsOf(flag, Option.getOrElse(values, () => file[keyOf(flag)] ?? []))
      )
  )
  return [...told.flat(), ...args]
})

const isNamed = (arg: string, name: string) => arg === name || arg.startsWith(`${name}=`)

/** `max-size` of `--max-size`. */
const keyOf = ({ names: [long = ""] }: Arguments.Flag) => long.replace(/^-+/, "")

const variableOf = (key: string) => `EFFECT_TUS_${key.toUpperCase().replaceAll("-", "_")}`

const fromEnvironment = (flag: Arguments.Flag) =>
  Config.string(variableOf(keyOf(flag))).pipe(
    Config.option,
    Config.map(Option.map((text) => (flag.repeats ? text.split(",").map((part) => part.trim()) : [text]))),
    Effect.orElseSucceed(() => Option.none<ReadonlyArray<string>>())
  )

const pathOf = (args: ReadonlyArray<string>) => {
  const at = args.findIndex((arg) => isNamed(arg, "--config"))
  const given = at === -1 ? undefined : args[at] === "--config" ? args[at + 1] : args[at]?.slice("--config=".length)
  return given === undefined
    ? Effect.orElseSucceed(Config.option(Config.string(variableOf("config"))), Option.none)
    : Effect.succeedSome(given)
}

const optionsOf = (flag: Arguments.Flag, values: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [long = ""] = flag.names
  return flag.takesValue
    ? values.map((value) => `${long}=${value}`)
    : values.some((value) => value === "true" || value === "1")
    ? [long]
    : []
}

const Value = Schema.Union(Schema.String, Schema.Number, Schema.Boolean)
const decode = Schema.decodeEither(
  Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Union(Value, Schema.Array(Value)) }))
)

/** The settings of a file, as text. */
const read = Effect.fnUntraced(function*(path: string, flags: Flags) {
  const refuse = (why: string) => new UsageError({ message: `--config ${path}: ${why}` })
  const { readFileString } = yield* FileSystem
  const text = yield* Effect.mapError(readFileString(path), (error) => refuse(sentence(error)))
  const settings = yield* Either.mapLeft(decode(text), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    return refuse(
      `expected a JSON object with strings, numbers, booleans and lists of them (${
        issue?.path.join(".")
      }: ${issue?.message})`
    )
  })
  const known = flags.map(keyOf)
  const unknown = Object.keys(settings).find((key) => !known.includes(key) || key === "config")
  if (unknown !== undefined) {
    return yield* refuse(
      `unknown setting ${JSON.stringify(unknown)}; the settings are ${
        known.filter((key) => key !== "config").join(", ")
      }`
    )
  }
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, [value].flat().map(String)] as const)
  ) as Readonly<Record<string, ReadonlyArray<string>>>
})
