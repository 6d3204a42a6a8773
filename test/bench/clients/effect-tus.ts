/**
 * This package's client, as it is published.
 */
import { TusUpload } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import { concurrency, endpoint, files, report } from "./report.js"

const upload = (path: string) => Effect.flatMap(FileSource.make(path), (source) => TusUpload.run({ endpoint, source }))

await report(() =>
  Effect.forEach(files, upload, { concurrency, discard: true }).pipe(
    Effect.provide(NodeTusClient.layer()),
    Effect.runPromise
  )
)
