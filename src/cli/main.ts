#!/usr/bin/env node
/**
 * The entry point: arguments, signals and exit code of the process.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import Process from "node:process"
import * as Cli from "./Cli.js"
import * as Argv from "./options/Argv.js"
import { exitCodes } from "./terminal/Report.js"

/**
 * The first signal interrupts the command, so that it can finish its work. The second one ends the process in Node's
 * default way.
 */
const stop = Effect.async<void>((resume) => {
  const onSignal = () => {
    Process.off("SIGINT", onSignal).off("SIGTERM", onSignal)
    resume(Effect.void)
  }
  Process.on("SIGINT", onSignal).on("SIGTERM", onSignal)
})

// Keeps the process alive during the delay before a retry, when nothing else does.
Effect.runFork(Effect.forever(Effect.sleep("1 day")))
Effect.runFork(Cli.run(Argv.exact(Process.argv.slice(2)), stop)).addObserver((exit) =>
  Process.exit(Exit.getOrElse(exit, () => exitCodes.failed))
)
