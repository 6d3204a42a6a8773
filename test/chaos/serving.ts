/**
 * A whole server with the options of its argument, as a process to attack.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { NodeTusServer } from "effect-tus/node"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const options = JSON.parse(process.env.SERVING ?? "") as NodeTusServer.Options

Layer.effectDiscard(Effect.flatMap(NodeTusServer.NodeTusServer, ({ url }) => Console.log(url))).pipe(
  Layer.provide(NodeTusServer.layer(options)),
  Layer.launch,
  NodeRuntime.runMain
)
