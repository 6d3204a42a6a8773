/**
 * The client at a server of another project.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { FileStore } from "@tus/file-store"
import { Server } from "@tus/server"
import { StreamSource, TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { relay } from "../interop/relay.js"
import { sha256, sha256OfFile } from "../interop/server.js"
import { directory } from "../support/directory.js"

const bytes = randomBytes(5 * 1024 * 1024 + 17)

const layer = NodeTusClient.layer()

const server = Effect.gen(function*() {
  const path = yield* directory
  const tus = new Server({ path: "/files", datastore: new FileStore({ directory: path }) })
  const http = yield* Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<ReturnType<typeof createServer>>((resolve) => {
        const http = createServer((request, response) => void tus.handle(request, response))
        http.listen(0, "127.0.0.1", () => resolve(http))
      })
    ),
    (http) =>
      Effect.sync(() => {
        http.closeAllConnections()
        http.close()
      })
  )
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}/files`
  const same = (url: string, expected: Uint8Array = bytes) =>
    Effect.promise(async () =>
      assert.strictEqual(await sha256OfFile(join(path, url.split("/").at(-1) ?? "")), await sha256([expected]))
    )
  return { endpoint, same }
})

describe("an upload to @tus/server", () => {
  it.scopedLive("is complete, in one request and in chunks", () =>
    Effect.gen(function*() {
      const { endpoint, same } = yield* server
      const file = join(yield* directory, "file")
      yield* Effect.promise(() => writeFile(file, bytes))
      for (const options of [{}, { chunkSize: 1024 * 1024 }, { createWithUpload: 0 }, { createWithUpload: 10 ** 8 }]) {
        const source = yield* FileSource.make(file)
        const { url } = yield* TusUpload.run({ endpoint, source, metadata: { filename: "wörld.bin" }, ...options })
        yield* same(url)
      }
    }).pipe(Effect.provide(layer)))

  it.scopedLive("is resumed after an interruption", () =>
    Effect.gen(function*() {
      const { endpoint, same } = yield* server
      const source = UploadSource.fromBytes(bytes)
      const { url } = yield* TusUpload.run({ endpoint, source, chunkSize: 1_000_000, stopAt: 2_500_000 })
      const resumed = yield* TusUpload.run({ endpoint, source, url })
      assert.strictEqual(resumed.attempts, 1)
      yield* same(url)
    }).pipe(Effect.provide(layer)))

  it.scopedLive("is resumed after a cut in the middle of a request", () =>
    Effect.gen(function*() {
      const { endpoint, same } = yield* server
      const network = yield* relay(endpoint, [{ up: 2_000_000, happens: "reset" }])
      const { attempts, url } = yield* TusUpload.run({ endpoint: network.url, source: UploadSource.fromBytes(bytes) })
      assert.isAtLeast(attempts, 2)
      assert.isBelow(network.up(), 1.5 * bytes.length)
      yield* same(url)
    }).pipe(Effect.provide(layer)))

  it.scopedLive("is resumed in another session after a cut", () =>
    Effect.gen(function*() {
      const { endpoint, same } = yield* server
      const network = yield* relay(endpoint, [{ up: 2_000_000, happens: "reset" }])
      const options = { endpoint: network.url, source: UploadSource.fromBytes(bytes, { name: "bytes" }) }
      yield* Effect.flip(TusUpload.run({ ...options, retry: Schedule.recurs(0) }))
      const [left, ...more] = yield* TusUpload.findPrevious(options)
      deepStrictEqual(more, [])
      const { url } = yield* TusUpload.run(options)
      assert.strictEqual(url, left?.url)
      assert.isBelow(network.up(), 1.5 * bytes.length)
      yield* same(url)
    }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory))))

  it.scopedLive("of a stream of unknown length is complete", () =>
    Effect.gen(function*() {
      const { endpoint, same } = yield* server
      const source = yield* StreamSource.make(Stream.make(bytes.subarray(0, 3_000_000), bytes.subarray(3_000_000)))
      const { url } = yield* TusUpload.run({ endpoint, source, chunkSize: 1_000_000 })
      yield* same(url)
    }).pipe(Effect.provide(layer)))

  it.scopedLive("of many files is complete, also with parts, which the server cannot join", () =>
    Effect.gen(function*() {
      const { endpoint, same } = yield* server
      const sizes = [0, 1, 1000, 2_000_000, bytes.length]
      const report = yield* TusUpload.runAll(
        sizes,
        (size) => Effect.succeed({ endpoint, source: UploadSource.fromBytes(bytes.subarray(0, size)), parallel: 3 })
      )
      assert.strictEqual(report.succeeded.length, sizes.length, JSON.stringify(report.failed))
      for (const [size, { url }] of report.succeeded) {
        yield* same(url, bytes.subarray(0, size))
      }
    }).pipe(Effect.provide(layer)))

  it.scopedLive("is removed", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* server
      const { url } = yield* TusUpload.run({ endpoint, source: UploadSource.fromBytes(bytes), stopAt: 10 })
      yield* TusUpload.terminate(url)
      const error = yield* Effect.flip(TusUpload.info(url))
      assert.strictEqual(error._tag === "Refused" && error.status, 404)
    }).pipe(Effect.provide(layer)))
})
