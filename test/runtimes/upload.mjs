/** The client of the built package: uploads the file that is named, by `node:http` or by `fetch`, and says where it is stored. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"
import { HttpTransport, TusClient, TusUpload } from "../../dist/client/index.js"
import { FileSource, NodeTusClient } from "../../dist/node-client/index.js"
import { NodeDigests } from "../../dist/node/index.js"

const [, , file = "", endpoint = "", by = "http"] = process.argv

const client = by === "http"
  ? NodeTusClient.layer()
  : TusClient.layer().pipe(
    Layer.provide([HttpTransport.layer, NodeDigests.layer]),
    Layer.provide(FetchHttpClient.layer)
  )

FileSource.make(file).pipe(
  Effect.flatMap((source) => TusUpload.run({ endpoint, source })),
  Effect.provide(client),
  Effect.provide(NodeFileSystem.layer),
  Effect.runPromise
).then(({ url }) => process.stdout.write(`${url}\n`)).catch((error) => {
  process.stderr.write(`${error}\n`)
  process.exitCode = 1
})
