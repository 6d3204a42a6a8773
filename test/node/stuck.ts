/**
 * A server whose hook never returns. It gets its options as an argument, and prints its port.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { NodeTusServer } from "effect-tus/node"
import { UploadHooks } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const options = JSON.parse(process.argv[2] ?? "") as NodeTusServer.Options

const undecided = Layer.succeed(UploadHooks.UploadHooks, { onComplete: () => Effect.never, timeLimit: "1 hour" })

Layer.effectDiscard(
  Effect.map(NodeTusServer.NodeTusServer, ({ port }) => process.stdout.write(`${JSON.stringify({ port })}\n`))
).pipe(
  Layer.provide(NodeTusServer.layer(options)),
  Layer.provide(undecided),
  Layer.launch,
  NodeRuntime.runMain
)
