/**
 * This package's server as it is published, on its embedded default.
 */
import { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const announce = Effect.map(NodeTusServer.NodeTusServer, ({ port }) => process.stdout.write(`${port}\n`))

Layer.effectDiscard(announce).pipe(
  Layer.provide(NodeTusServer.layer({ port: 0, ...JSON.parse(process.argv[2]) })),
  Layer.launch,
  Effect.runFork
)
