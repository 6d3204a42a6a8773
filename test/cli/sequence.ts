/**
 * Runs commands one after another in one process: starting a process for each would take longer than the commands
 * themselves. After each, a line with its exit code follows on each output.
 */
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import process from "node:process"
import * as Cli from "../../src/cli/Cli.js"

const commands: ReadonlyArray<ReadonlyArray<string>> = JSON.parse(process.argv[2] ?? "[]")

/** Stops a server as soon as it is ready. */
const announced = Effect.async<void>((resume) => {
  for (const output of [process.stdout, process.stderr]) {
    const { write } = output
    output.write = (...args: ReadonlyArray<unknown>) => {
      if (/Ctrl-C|"listening"/.test(String(args[0]))) {
        output.write = write
        resume(Effect.void)
      }
      return Reflect.apply(write, output, args)
    }
  }
})

const outputs = process.stdout.isTTY ? [1] : [1, 2]

// Each command adds listeners to the outputs.
process.stdout.setMaxListeners(0)
process.stderr.setMaxListeners(0)

for (const args of commands) {
  const isServer = args[0] === "serve" && !args.includes("--help")
  const code = await Effect.runPromise(Cli.run(args, isServer ? announced : Effect.never))
  outputs.forEach((output) => writeSync(output, `\nended ${code}\n`))
}
process.exit()
