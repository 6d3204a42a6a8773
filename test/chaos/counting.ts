/**
 * A server that prints counts of the contents of its process on SIGUSR2, and one line per log message.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { type Upload, UploadRegistry } from "effect-tus"
import { NodeTusServer } from "effect-tus/node"
import { UploadEvents } from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Supervisor from "effect/Supervisor"
import { isKept, targets } from "./descriptors.js"

export interface Told {
  readonly directory: string
}

export interface Counts {
  readonly fibers: number
  /** Without those of folders that the store keeps open. */
  readonly descriptors: number
  /** In bytes, after a garbage collection. */
  readonly rss: number
  readonly heap: number
  readonly uploads: number
  readonly ids: ReadonlyArray<string>
}

const { directory } = JSON.parse(process.argv[2] ?? "") as Told

const print = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`)

const log = Logger.make(({ cause, logLevel, message }) => {
  print({ level: logLevel.label, message: String(message), cause: Cause.pretty(cause) })
})

const created = new Set<Upload.UploadId>()

const recorded = Layer.succeed(UploadEvents.UploadEvents, {
  publish: ({ _tag, upload: { id } }) =>
    Effect.sync(() => {
      if (_tag === "Created") {
        created.add(id)
      } else if (_tag === "Terminated") {
        created.delete(id)
      }
    })
})

const main = Effect.gen(function*() {
  const supervisor = yield* Supervisor.track

  const count = Effect.gen(function*() {
    const registry = yield* UploadRegistry.UploadRegistry
    const { uploads } = yield* registry.usage
    const missing = new Set(yield* registry.absent([...created]))
    const fibers = yield* supervisor.value
    globalThis.gc?.()
    const { heapUsed: heap, rss } = process.memoryUsage()
    const counts: Counts = {
      fibers: fibers.length,
      descriptors: targets("self").filter((target) => !isKept(directory, target)).length,
      rss,
      heap,
      uploads,
      ids: [...created].filter((id) => !missing.has(id))
    }
    print({ counts })
  })

  const announced = Layer.effectDiscard(Effect.gen(function*() {
    const { port } = yield* NodeTusServer.NodeTusServer
    const runtime = yield* Effect.runtime<UploadRegistry.UploadRegistry>()
    process.on("SIGUSR2", () => Runtime.runFork(runtime)(count))
    print({ port })
  }))

  return announced.pipe(
    Layer.provide(NodeTusServer.layer({ port: 0, directory, expiresAfter: "1 day" })),
    Layer.provide(recorded),
    Layer.provide(Supervisor.addSupervisor(supervisor))
  )
}).pipe(Layer.unwrapEffect, Layer.launch)

main.pipe(
  Effect.provide([
    Logger.replace(Logger.defaultLogger, log),
    // Otherwise nobody would see the failure of a background fiber.
    Layer.setUnhandledErrorLogLevel(Option.some(LogLevel.Error))
  ]),
  NodeRuntime.runMain({ disablePrettyLogger: true })
)
