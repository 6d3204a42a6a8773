/**
 * Commands one after the other, in one process: a start of its own for each takes longer than all that it does.
 * Whatever is behind the last of them on an output is followed by a line with its exit code.
 */
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import process from "node:process"
import * as Cli from "../../src/cli/Cli.js"

const commands: ReadonlyArray<ReadonlyArray<string>> = JSON.parse(process.argv[2] ?? "[]")

/** A server is stopped as soon as it has said that it is there. */
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

// Each command has outputs of its own.
process.stdout.setMaxListeners(0)
process.stderr.setMaxListeners(0)

for (const args of commands) {
  const isServer = args[0] === "serve" && !args.includes("--help")
  const code = await Effect.runPromise(Cli.run(args, isServer ? announced : Effect.never))
  outputs.forEach((output) => writeSync(output, `\nended ${code}\n`))
}
process.exit()
