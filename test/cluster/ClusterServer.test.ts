import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore } from "effect-tus"
import { ClusterServer } from "effect-tus/cluster"
import { FileByteStore, NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { directory } from "../support/directory.js"
import { create, head, locationOf, offsetOf, patch, request, terminate } from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { postgres } from "../support/postgres.js"
import * as Raw from "../support/raw.js"

/** Bytes that all servers of a test find, and a database. */
const store = Effect.gen(function*() {
  const url = yield* Effect.flatMap(postgres, ({ database }) => database)
  const bytes = Context.get(yield* Layer.build(ByteStore.layerMemory), ByteStore.ByteStore)
  return {
    database: { url: Redacted.make(url) },
    bytes: Layer.succeed(ByteStore.ByteStore, { ...bytes, isShared: true })
  }
})

const serve = (options: ClusterServer.Options) =>
  Effect.map(
    Layer.build(
      NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(Layer.fresh(ClusterServer.layer(options))))
    ),
    (context) => {
      const ask = Raw.ask(Context.get(context, NodeTusServer.NodeTusServer).port)
      return (asked: Parameters<typeof ask>[0]) => Effect.promise(() => ask(asked))
    }
  )

needs("PostgreSQL")("a cluster", () => {
  it.scopedLive("serves each request of an upload on any server", () =>
    Effect.gen(function*() {
      const options = { ...(yield* store), downloads: true }
      const servers = [yield* serve(options), yield* serve(options)] as const
      const [one, other] = servers
      const path = locationOf(yield* one(create(6)))
      deepStrictEqual(offsetOf(yield* other(head(path))), 0)
      deepStrictEqual((yield* other(patch(path, 0, "abc"))).status, 204)
      deepStrictEqual((yield* other(patch(path, 0, "abc"))).status, 409)
      deepStrictEqual(offsetOf(yield* one(head(path))), 3)
      deepStrictEqual((yield* one(patch(path, 3, "def"))).status, 204)
      for (const server of servers) {
        deepStrictEqual((yield* server(request("GET", path))).text, "abcdef")
      }
      deepStrictEqual((yield* other(terminate(path))).status, 204)
      deepStrictEqual((yield* one(head(path))).status, 404)
    }))

  it.scopedLive("refuses bytes that only one machine finds", () =>
    Effect.gen(function*() {
      const options = { ...(yield* store), bytes: FileByteStore.layer({ directory: yield* directory }) }
      const error = yield* Effect.flip(Layer.build(ClusterServer.layer(options)))
      assert.strictEqual(
        error.message,
        `bytes: expected a byte store that several servers can share, such as S3ByteStore, got "one of this process"`
      )
    }))
})
