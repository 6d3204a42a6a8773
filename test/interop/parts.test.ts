/**
 * An upload in very many parts, over real connections, to a server that takes heads of up to 16 KiB.
 */
import { assert, describe, it } from "@effect/vitest"
import { TusUpload, UploadSource } from "effect-tus/client"
import { NodeTusServer } from "effect-tus/node"
import { NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { storedAt } from "../client/world.js"
import { server } from "../server/doors.js"

const bytes = Uint8Array.from({ length: 3000 }, (_, i) => (i * 31) % 251)

const layer = NodeTusClient.layer().pipe(
  Layer.provideMerge(NodeTusServer.layerHttp({ port: 0 })),
  Layer.provideMerge(server())
)

describe("an upload in 300 parts", () => {
  it.scopedLive("is joined", () =>
    Effect.gen(function*() {
      const { url: endpoint } = yield* NodeTusServer.NodeTusServer
      const { complete, url } = yield* TusUpload.run({ endpoint, source: UploadSource.fromBytes(bytes), parallel: 300 })
      assert.isTrue(complete)
      assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(url)))
    }).pipe(Effect.provide(layer)))
})
