/** A server of the built package on the directory that is named, until the process ends. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"
import { NodeTusServer } from "../../dist/node/index.js"

const [, , directory = ""] = process.argv

Effect.flatMap(NodeTusServer.NodeTusServer, ({ url }) => Effect.sync(() => process.stdout.write(`${url}\n`))).pipe(
  Layer.effectDiscard,
  Layer.provide(NodeTusServer.layer({ directory, port: 0, durability: "process", idleTimeout: "1 hour" })),
  Layer.launch,
  Effect.runPromise
).catch((error) => {
  process.stderr.write(`${error}\n`)
  process.exitCode = 1
})
