/**
 * `effect-tus upload`: files, directories and the standard input to a server.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Connection from "../options/Connection.js"
import * as Flags from "../options/Flags.js"
import * as Journal from "../options/Journal.js"
import { UsageError } from "../terminal/Failure.js"
import * as Files from "./Files.js"
import * as Uploads from "./Uploads.js"

export const command = Command.make("upload", {
  operands: Args.text({ name: "FILE|DIR|-" }).pipe(
    Args.withDescription("Files, directories (with -r), or - for the standard input."),
    Args.atLeast(1)
  ),
  to: Options.text("to").pipe(
    Options.withPseudoName("URL"),
    Options.optional,
    Options.withDescription("The URL at which the server creates uploads; EFFECT_TUS_URL by default.")
  ),
  recursive: Options.boolean("recursive").pipe(
    Options.withAlias("r"),
    Options.withDescription("Uploads all files in directories and their subdirectories.")
  ),
  name: Options.text("name").pipe(
    Options.withPseudoName("NAME"),
    Options.optional,
    Options.withDescription("The file name for the standard input.")
  ),
  metadata: Flags.metadata,
  transfer: Flags.transfer,
  connection: Flags.connection,
  journal: Flags.journalOrNone,
  mode: Flags.mode,
  debug: Flags.debug
}, ({ connection, journal, metadata, mode, name, operands, recursive, to, transfer }) =>
  Effect.gen(function*() {
    const endpoint = yield* endpointOf(to)
    const jobs = yield* Files.collect(operands, { endpoint, metadata, name, recursive })
    yield* Uploads.run(jobs, { ...transfer, journal, mode })
  }).pipe(
    Effect.provide(Layer.merge(Connection.layer(connection), Journal.layerIfAny(journal)))
  )).pipe(
    Command.withDescription("Uploads files. Run the command again to continue an interrupted upload where it was.")
  )

const endpointOf = Effect.fnUntraced(function*(to: Option.Option<string>) {
  const url = Option.isSome(to) ? to : yield* fromEnvironment
  return Option.isNone(url)
    ? yield* new UsageError({ message: "expected the URL of a server: use --to URL, or set EFFECT_TUS_URL" })
    : Flags.isUrl(url.value)
    ? url.value
    : yield* new UsageError({
      message: `${
        Option.isSome(to) ? "--to" : "EFFECT_TUS_URL"
      }: expected a URL that begins with http:// or https://, got ${JSON.stringify(url.value)}`
    })
})

const fromEnvironment = Effect.orElseSucceed(
  Effect.option(Config.nonEmptyString("EFFECT_TUS_URL")),
  () => Option.none<string>()
)
