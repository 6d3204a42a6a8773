/** The client of the built package: uploads the file that is named, and prints its URL. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import process from "node:process"
import { TusUpload } from "../../dist/client/index.js"
import { FileSource, NodeTusClient } from "../../dist/node-client/index.js"

const [, , file = "", endpoint = ""] = process.argv

FileSource.make(file).pipe(
  Effect.flatMap((source) => TusUpload.run({ endpoint, source })),
  Effect.provide(NodeTusClient.layer()),
  Effect.provide(NodeFileSystem.layer),
  Effect.runPromise
).then(({ url }) => process.stdout.write(`${url}\n`)).catch((error) => {
  process.stderr.write(`${error}\n`)
  process.exitCode = 1
})
