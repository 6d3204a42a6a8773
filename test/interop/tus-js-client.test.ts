/**
 * tus-js-client, the most widely used client, against the running example.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { Readable } from "node:stream"
import * as tus from "tus-js-client"
import { fetched, head } from "../support/exchange.js"
import { fileOf, offsetOf, server, sha256, sha256OfFile } from "./server.js"

interface Outcome {
  readonly upload: tus.Upload
  readonly url: string
}

/** Starts an upload and resolves when it has succeeded. `during` may abort it. */
const run = (
  source: Buffer | Readable,
  options: Partial<tus.UploadOptions>,
  during: (upload: tus.Upload, sent: number) => void = () => {}
) =>
  new Promise<Outcome>((resolve, reject) => {
    const upload: tus.Upload = new tus.Upload(source as unknown as File, {
      retryDelays: [0, 50, 100, 200],
      ...options,
      onError: reject,
      onProgress: (sent) => during(upload, sent),
      onSuccess: () => resolve({ upload, url: upload.url ?? "" })
    })
    upload.start()
  })

describe("tus-js-client", () => {
  const bytes = randomBytes(5 * 1024 * 1024 + 17)

  const same = (directory: string, url: string) =>
    Effect.promise(async () => assert.strictEqual(await sha256OfFile(fileOf(directory, url)), await sha256([bytes])))

  it.scopedLive("uploads in one request and in chunks", () =>
    Effect.gen(function*() {
      const { directory, url: endpoint } = yield* server
      for (const options of [{}, { chunkSize: 1024 * 1024 }, { uploadDataDuringCreation: true }]) {
        const { url } = yield* Effect.promise(() =>
          run(bytes, { endpoint, metadata: { filename: "wörld.bin" }, ...options })
        )
        yield* same(directory, url)
      }
    }))

  it.scopedLive("resumes after an abort in the middle", () =>
    Effect.gen(function*() {
      const { directory, url: endpoint } = yield* server
      const url = yield* Effect.promise(() =>
        new Promise<string>((resolve, reject) => {
          run(bytes, { endpoint, chunkSize: 1024 * 1024 }, (upload, sent) => {
            if (sent > 2.5 * 1024 * 1024) {
              upload.abort().then(() => resolve(upload.url ?? ""), reject)
            }
          }).catch(reject)
        })
      )
      const offset = yield* Effect.promise(() => offsetOf(url))
      assert.isAtLeast(offset, 2 * 1024 * 1024)
      assert.isBelow(offset, bytes.length)
      yield* Effect.promise(() => run(bytes, { uploadUrl: url }))
      yield* same(directory, url)
    }))

  it.scopedLive("uploads in parallel, by concatenation", () =>
    Effect.gen(function*() {
      const { directory, url: endpoint } = yield* server
      const { url } = yield* Effect.promise(() => run(bytes, { endpoint, parallelUploads: 3 }))
      yield* same(directory, url)
    }))

  it.scopedLive("uploads a stream of unknown length", () =>
    Effect.gen(function*() {
      const { directory, url: endpoint } = yield* server
      const source = Readable.from([bytes.subarray(0, 3_000_000), bytes.subarray(3_000_000)])
      const { url } = yield* Effect.promise(() =>
        run(source, { endpoint, chunkSize: 1024 * 1024, uploadLengthDeferred: true })
      )
      yield* same(directory, url)
    }))

  it.scopedLive("terminates an upload", () =>
    Effect.gen(function*() {
      const { url: endpoint } = yield* server
      const { upload, url } = yield* Effect.promise(() => run(bytes, { endpoint }))
      yield* Effect.promise(() => upload.abort(true))
      yield* Effect.promise(() => tus.Upload.terminate(url, {}).then(() => assert.fail("it was still there"), () => {}))
      assert.strictEqual((yield* Effect.promise(() => fetched(head(url)))).status, 404)
    }))
})
