/**
 * This package's server as it is published, on its embedded default.
 */
import { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { told } from "./Told.js"

const announce = Effect.map(NodeTusServer.NodeTusServer, ({ port }) => process.stdout.write(`${port}\n`))

Layer.effectDiscard(announce).pipe(
  Layer.provide(NodeTusServer.layer({ port: 0, ...told })),
  Layer.launch,
  Effect.tapErrorCause(Effect.logFatal),
  // Its first line is the port.
  Logger.withMinimumLogLevel(LogLevel.Warning),
  Effect.runFork
)
