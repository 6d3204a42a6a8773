/**
 * The client over Effect's HTTP clients, and over the fetch of browser workers, with a real server.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { FetchTransport } from "effect-tus/browser-client"
import { HttpTransport, TusClient, TusTransport, TusUpload, UploadSource } from "effect-tus/client"
import { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { server } from "../server/doors.js"
import { storedAt } from "./world.js"

const bytes = Uint8Array.from({ length: 12_000_000 }, (_, i) => (i * 31) % 251)

/** A URL at which no server listens any more. */
const closedPort = Effect.promise(() =>
  new Promise<string>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(`http://127.0.0.1:${port}/`))
    })
  })
)

const transports = {
  "HttpTransport over fetch": Layer.provide(HttpTransport.layer, FetchHttpClient.layer),
  "HttpTransport over undici": Layer.provide(HttpTransport.layer, NodeHttpClient.layerUndici),
  FetchTransport: FetchTransport.layer()
}

for (const [name, transport] of Object.entries(transports)) {
  const layer = TusClient.layer().pipe(
    Layer.provideMerge(transport),
    Layer.provideMerge(NodeTusServer.layerHttp({ port: 0 })),
    Layer.provideMerge(server())
  )

  describe(name, () => {
    it.scopedLive("uploads in one request and in chunks, and reads the offset", () =>
      Effect.gen(function*() {
        const { url: endpoint } = yield* NodeTusServer.NodeTusServer
        for (const options of [{}, { chunkSize: 5_000_000 }, { createWithUpload: bytes.length }]) {
          const { url } = yield* TusUpload.run({ endpoint, source: UploadSource.fromBytes(bytes), ...options })
          assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(url)))
          const { length, offset } = yield* TusUpload.info(url)
          assert.isTrue(Option.contains(offset, bytes.length) && Option.contains(length, bytes.length))
        }
      }).pipe(Effect.provide(layer)))

    it.scopedLive("returns refusals as responses, and fails if no server responds", () =>
      Effect.gen(function*() {
        const { url: endpoint } = yield* NodeTusServer.NodeTusServer
        const { send } = yield* TusTransport.TusTransport
        const refused = yield* send({ method: "POST", url: endpoint, headers: { "tus-resumable": "1.0.0" } })
        assert.strictEqual(refused.status, 400)
        assert.match(refused.body ?? "", /Upload-Length/)
        const sent: Array<number> = []
        const unknown = yield* send({
          method: "PATCH",
          url: `${endpoint}/${"0".repeat(32)}`,
          headers: {
            "tus-resumable": "1.0.0",
            "content-type": "application/offset+octet-stream",
            "upload-offset": "0"
          },
          body: { length: 1000, open: UploadSource.fromBytes(bytes).read(0, 1000) },
          onSent: (count) => sent.push(count)
        })
        // How much was sent before the response is not defined.
        deepStrictEqual([unknown.status, sent], [404, []])
        const nobody = yield* Effect.flip(send({ method: "HEAD", url: yield* closedPort, headers: {} }))
        assert.strictEqual(nobody._tag === "TransportError" && nobody.reason, "Unreachable")
      }).pipe(Effect.provide(layer)))

    it.scopedLive("fails with the error of the source", () =>
      Effect.gen(function*() {
        const { url: endpoint } = yield* NodeTusServer.NodeTusServer
        const broken = new UploadSource.SourceError({ reason: "Changed", source: "test", detail: "it was changed" })
        const source = UploadSource.fromRange({
          name: "test",
          length: bytes.length,
          read: (start) => Stream.concat(Stream.make(bytes.slice(start, start + 1000)), Stream.fail(broken))
        })
        const error = yield* Effect.flip(TusUpload.run({ endpoint, source }))
        assert.strictEqual(error._tag === "SourceError" && error.reason, "Changed")
      }).pipe(Effect.provide(layer)))
  })
}
