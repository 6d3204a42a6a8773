import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadStore } from "effect-tus"
import { NodeTusServer } from "effect-tus/node"
import { PostgresClient } from "effect-tus/postgres"
import { TusServer } from "effect-tus/server"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { create, head, locationOf, offsetOf, patch } from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { make } from "../support/postgres.js"
import * as Raw from "../support/raw.js"

/** A server whose states are in this database. */
const serving = (url: string) =>
  NodeTusServer.layerHttp({ port: 0 }).pipe(
    Layer.provide(TusServer.layer),
    Layer.provide(UploadStore.layer),
    Layer.provide([ByteStore.layerMemory, UploadLock.layerMemory]),
    Layer.provide(SqlUploadRegistry.layer),
    Layer.provide(PostgresClient.layer({ url: Redacted.make(url) })),
    // It logs the outage.
    Layer.provide(Logger.remove(Logger.defaultLogger))
  )

needs("PostgreSQL")("a server whose database goes away", () => {
  it.scopedLive("answers 503 with Retry-After meanwhile, and goes on where the upload stands", () =>
    Effect.gen(function*() {
      const postgres = yield* make({ durable: true })
      const built = yield* Layer.build(serving(yield* postgres.database))
      const ask = Raw.ask(Context.get(built, NodeTusServer.NodeTusServer).port)
      const asking = (request: Parameters<typeof ask>[0]) => Effect.promise(() => ask(request))
      const path = locationOf(yield* asking(create(6)))
      assert.strictEqual((yield* asking(patch(path, 0, "abc"))).status, 204)

      yield* postgres.stop("immediate")
      for (const request of [create(6), head(path), patch(path, 3, "def")]) {
        const { headers, status, text } = yield* asking(request)
        deepStrictEqual([status, headers["retry-after"]], [503, "1"], `${request.method}: ${text}`)
        if (request.method !== "HEAD") {
          assert.strictEqual(
            text,
            "the server cannot reach its store; what was acknowledged is safe, continue later\n"
          )
        }
      }

      yield* postgres.start
      assert.strictEqual(offsetOf(yield* asking(head(path))), 3)
      assert.strictEqual((yield* asking(patch(path, 3, "def"))).status, 204)
    }))
})
