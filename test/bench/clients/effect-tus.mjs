/**
 * This package's client, as it is published.
 */
import { TusUpload } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { report } from "./report.mjs"

const { concurrency, directory, endpoint } = JSON.parse(process.argv[2])
const files = readdirSync(directory).map((name) => join(directory, name))

const upload = (path) => Effect.flatMap(FileSource.make(path), (source) => TusUpload.run({ endpoint, source }))

await report(() =>
  Effect.forEach(files, upload, { concurrency, discard: true }).pipe(
    Effect.provide(NodeTusClient.layer()),
    Effect.runPromise
  )
)
