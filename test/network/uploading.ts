/**
 * Uploads a file with the client's default options, and prints what happens.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { TusUpload } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

const [endpoint = "", file = ""] = process.argv.slice(2)

const print = (line: unknown) => Console.log(JSON.stringify(line))

FileSource.make(file).pipe(
  Effect.map((source) => TusUpload.upload({ endpoint, source })),
  Stream.unwrap,
  Stream.filter(({ event }) => event !== "Sent"),
  Stream.runForEach(({ acknowledged, elapsed, event, problem, url }) =>
    print({
      event,
      acknowledged,
      elapsed,
      url: Option.getOrUndefined(url),
      problem: Option.getOrUndefined(Option.map(problem, String))
    })
  ),
  Effect.catchAll((error) => print({ event: "Failed", message: error.message })),
  Effect.provide(NodeTusClient.layer({ proxy: false })),
  NodeRuntime.runMain
)
