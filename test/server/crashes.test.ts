/**
 * The log line of a defect: it has the message and the stack of the error, with each of Effect's loggers.
 */
import { assert, describe, it } from "@effect/vitest"
import { UploadHooks } from "effect-tus/server"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { request } from "../support/memory.js"
import { server } from "./doors.js"

const failing = Layer.succeed(UploadHooks.UploadHooks, {
  authorize: () => Effect.die(new Error("the user table is gone"))
})

const loggers: Readonly<Record<string, (write: (line: string) => void) => Logger.Logger<unknown, void>>> = {
  default: (write) => Logger.map(Logger.stringLogger, write),
  JSON: (write) => Logger.map(Logger.jsonLogger, write),
  pretty: () => Logger.prettyLogger({ colors: false, mode: "tty" })
}

describe("the log line of a defect", () => {
  for (const [name, loggerOf] of Object.entries(loggers)) {
    it.effect(`has the message and the stack, with the ${name} logger`, () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const write = (...words: ReadonlyArray<unknown>) => void lines.push(words.join(" "))
        const console = yield* Console.consoleWith(Effect.succeed)
        const captured = { ...console, unsafe: { ...console.unsafe, log: write, group: write, error: write } }
        const { status } = yield* request("POST", "/files", { "upload-length": "1" }).pipe(
          Effect.provide(Layer.provide(server(), failing)),
          Effect.provide(Logger.replace(Logger.defaultLogger, loggerOf(write))),
          Effect.withConsole(captured)
        )
        assert.strictEqual(status, 500)
        assert.match(lines.join("\n"), /POST \/files failed/)
        assert.match(lines.join("\n"), /the user table is gone/)
        assert.match(lines.join("\n"), /at .*crashes\.test\.ts:\d+/)
      }))
  }
})
