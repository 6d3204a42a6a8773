/**
 * Uploads a file, and prints by how many bytes this process has grown at most meanwhile.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Pull } from "effect-tus"
import { StreamSource, TusUpload, type UploadOptions } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"

export interface Told extends Pick<UploadOptions.UploadOptions, "endpoint" | "chunkSize" | "parallel" | "checksum"> {
  readonly file: string
  /** A small file that is uploaded first, so that all code is loaded before the measurement. */
  readonly warmUp: string
  /** Sends the file as a stream that can be read only once. */
  readonly once?: boolean
}

const { file, once = false, warmUp, ...options } = JSON.parse(process.argv[2] ?? "") as Told

const upload = (path: string) =>
  Effect.gen(function*() {
    const file = yield* FileSource.make(path)
    // The reading must not leave memory to the garbage collector, or that would be measured, too.
    const source = once ? yield* StreamSource.make(Pull.toStream(file.read(0, Option.getOrThrow(file.length)))) : file
    return yield* TusUpload.run({ ...options, source })
  }).pipe(Effect.scoped)

const rss = Effect.sync(() => process.memoryUsage.rss())

Effect.gen(function*() {
  yield* upload(warmUp)
  globalThis.gc?.()
  const before = yield* rss
  let peak = before
  yield* rss.pipe(
    Effect.map((now) => {
      peak = Math.max(peak, now)
    }),
    Effect.repeat(Schedule.spaced("20 millis")),
    Effect.fork
  )
  const { seconds, url } = yield* upload(file)
  yield* Console.log(JSON.stringify({ url, before, growth: peak - before, seconds }))
}).pipe(
  Effect.provide(NodeTusClient.layer()),
  NodeRuntime.runMain
)
