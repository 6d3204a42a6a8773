#!/usr/bin/env node
/**
 * The process: its arguments, its signals, its exit code.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import Process from "node:process"
import * as Cli from "./Cli.js"
import * as Argv from "./options/Argv.js"
import { exitCodes } from "./terminal/Report.js"

/** The first signal lets the command end well; the next ends the process, as if nobody had listened. */
const stop = Effect.async<void>((resume) => {
  const onSignal = () => {
    Process.off("SIGINT", onSignal).off("SIGTERM", onSignal)
    resume(Effect.void)
  }
  Process.on("SIGINT", onSignal).on("SIGTERM", onSignal)
})

// Nothing else may keep the process alive while an attempt is waited for.
Effect.runFork(Effect.forever(Effect.sleep("1 day")))
Effect.runFork(Cli.run(Argv.exact(Process.argv.slice(2)), stop)).addObserver((exit) =>
  Process.exit(Exit.getOrElse(exit, () => exitCodes.failed))
)
