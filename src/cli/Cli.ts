/**
 * The command with its subcommands, and its exit code.
 */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import type { HelpDoc } from "@effect/cli/HelpDoc"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import type * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Str from "effect/String"
import { createRequire } from "node:module"
import * as AdminCommand from "./commands/AdminCommand.js"
import * as DoctorCommand from "./commands/DoctorCommand.js"
import * as InfoCommand from "./commands/InfoCommand.js"
import * as ListCommand from "./commands/ListCommand.js"
import * as ResumeCommand from "./commands/ResumeCommand.js"
import * as ServeCommand from "./commands/ServeCommand.js"
import * as TerminateCommand from "./commands/TerminateCommand.js"
import * as UploadCommand from "./commands/UploadCommand.js"
import * as Arguments from "./options/Arguments.js"
import * as Settings from "./options/Settings.js"
import { details, isRemovedDirectory, Reported, sentence, UsageError } from "./terminal/Failure.js"
import * as Help from "./terminal/Help.js"
import { layer as layerOutput, Output } from "./terminal/Output.js"
import { exitCodes } from "./terminal/Report.js"
import * as Text from "./terminal/Text.js"

const described = <Name extends string, R, E, A>(command: Command.Command<Name, R, E, A>) => ({
  flags: Arguments.flagsOf(Command.getUsage(command)),
  help: () => Command.getHelp(command, CliConfig.make({ showBuiltIns: false }))
})

const commands = {
  upload: described(UploadCommand.command),
  resume: described(ResumeCommand.command),
  list: described(ListCommand.command),
  info: described(InfoCommand.command),
  terminate: described(TerminateCommand.command),
  doctor: described(DoctorCommand.command),
  serve: described(ServeCommand.command),
  admin: described(AdminCommand.command)
}

const flags: Readonly<Record<string, ReadonlyArray<Arguments.Flag>>> = Record.map(commands, ({ flags }) => flags)

const about = "resumable uploads over the tus protocol: a client and a server."

const { version }: { readonly version: string } = createRequire(import.meta.url)("../../package.json")

const cli = Command.make("effect-tus").pipe(
  Command.withSubcommands([
    UploadCommand.command,
    ResumeCommand.command,
    ListCommand.command,
    InfoCommand.command,
    TerminateCommand.command,
    DoctorCommand.command,
    ServeCommand.command,
    AdminCommand.command
  ]),
  Command.run({ name: "effect-tus", version })
)

const services = Layer.mergeAll(
  layerOutput,
  NodeFileSystem.layer,
  NodePath.layer,
  NodeTerminal.layer,
  // -H is a header, -h is help.
  CliConfig.layer({ isCaseSensitive: true })
)

/** Runs the command in `args` until it ends or `stop` succeeds, and returns the exit code. */
export const run = Effect.fnUntraced(function*(args: ReadonlyArray<string>, stop: Effect.Effect<void>) {
  const output = yield* Output
  const name = args[0] !== undefined && Object.hasOwn(flags, args[0]) ? `${args[0]} ` : ""
  const usage = (message: string) => output.say(`effect-tus: ${Text.clean(message)}; see effect-tus ${name}--help`)

  const arranged = Arguments.arrange(flags, args)
  if (Either.isLeft(arranged)) {
    yield* usage(arranged.left)
    return exitCodes.usage
  }
  const told = arranged.right[0] === "serve"
    ? yield* Effect.either(Settings.complete(flags["serve"] ?? [], arranged.right.slice(1)))
    : Either.right(arranged.right.slice(1))
  if (Either.isLeft(told)) {
    yield* usage(told.left.message)
    return exitCodes.usage
  }
  const complete = [...arranged.right.slice(0, 1), ...told.right]
  const operands = complete.indexOf("--")
  const options = operands === -1 ? complete : complete.slice(0, operands)
  if (options.includes("--help")) {
    yield* output.raw(help(complete[0] ?? "", output.columns))
    return exitCodes.done
  }
  const debug = options.includes("--debug")
  const logging = Layer.merge(
    Logger.replace(Logger.defaultLogger, logger(output, debug)),
    Logger.minimumLogLevel(debug ? LogLevel.Debug : LogLevel.Warning)
  )
  const command = cli(["node", "effect-tus", ...complete]).pipe(
    Effect.provide(logging),
    Effect.withConsole(consoleOf(output, yield* Effect.console, usage))
  )
  const running = yield* Effect.withUnhandledErrorLogLevel(Effect.fork(command), Option.none())
  let stopped = false
  const halt = Effect.suspend(() => {
    stopped = true
    return Fiber.interrupt(running)
  })
  const patience = Effect.delay(output.say("effect-tus: stopping; press Ctrl-C again to end at once"), "1 second")
  yield* Effect.fork(stop.pipe(Effect.zipRight(Effect.fork(patience)), Effect.zipRight(halt)))
  const exit = yield* Fiber.await(running)
  if (Exit.isSuccess(exit)) {
    return exitCodes.done
  }
  if (debug && !Cause.failures(exit.cause).pipe(Chunk.some(isReported))) {
    yield* output.say(details(exit.cause))
  }
  // A server only ever ends by a signal, so that is a success.
  return args[0] === "serve" && stopped && Cause.isInterruptedOnly(exit.cause)
    ? exitCodes.done
    : yield* explain(exit.cause, stopped, output, usage)
}, Effect.provide(services))

/**
 * Prints the error, unless it was printed before, and returns the exit code. An interruption is the reason only if the
 * user asked for it and nothing failed.
 */
export const explain = Effect.fnUntraced(function*(
  cause: Cause.Cause<unknown>,
  stopped: boolean,
  output: Output["Type"],
  usage: (message: string) => Effect.Effect<void>
) {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (stopped && Cause.isInterruptedOnly(cause)) {
    return exitCodes.interrupted
  }
  if (isReported(error)) {
    return exitCodes.failed
  }
  if (ValidationError.isValidationError(error)) {
    return exitCodes.usage
  }
  if (error instanceof UsageError) {
    yield* usage(error.message)
    return exitCodes.usage
  }
  yield* output.say(
    `effect-tus: ${
      isRemovedDirectory(Cause.squash(cause))
        ? "the working directory was removed: use absolute paths, or change to another directory"
        : error === undefined
        ? `${sentence(Cause.squash(cause))}; this is a bug in effect-tus, --debug shows details`
        : sentence(error)
    }`
  )
  return exitCodes.failed
})

const help = (name: string, columns: number) => {
  const helps: Readonly<Record<string, () => HelpDoc>> = Record.map(commands, ({ help }) => help)
  const one = Object.hasOwn(helps, name) ? helps[name] : undefined
  return one === undefined
    ? Help.ofAll(version, about, Record.map(helps, (help) => help()), columns)
    : Help.ofCommand(name, one(), columns)
}

const isReported = (error: unknown) => error instanceof Reported

/** Prints warnings of the library, and everything else with --debug. */
const logger = (output: Output["Type"], debug: boolean) =>
  Logger.make<unknown, void>(({ cause, logLevel, message }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    const why = Cause.isEmpty(cause) ? "" : `: ${debug ? details(cause) : sentence(Cause.squash(cause))}`
    Effect.runFork(output.say(`effect-tus: ${logLevel.label.toLowerCase()}: ${Text.clean(text)}${why}`))
  })

/** Prints what @effect/cli prints, without colours. Its errors about arguments become one line. */
const consoleOf = (
  output: Output["Type"],
  console: Console.Console,
  usage: (message: string) => Effect.Effect<void>
): Console.Console => ({
  ...console,
  log: (...args) => output.raw(Text.uncolored(args.join(" ")).trimEnd()),
  error: (...args) => usage(Str.uncapitalize(Text.uncolored(args.join(" ")).replace(/\s+/g, " ").trim()))
})
