import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import { S3ByteStore, S3Sdk } from "effect-tus/s3"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { ceph } from "../support/ceph.js"
import { directory } from "../support/directory.js"
import { create, head, locationOf, octets, offsetOf, patch, post, request, terminate } from "../support/exchange.js"
import { needs } from "../support/needs.js"
import * as Raw from "../support/raw.js"

const mebibyte = 1024 * 1024

/** A server with SQLite in this directory, and its bytes in this bucket. */
const serve = (directory: string, bucket: string) =>
  Effect.gen(function*() {
    const { client } = yield* ceph
    const bytes = Layer.provide(S3ByteStore.layer({ prefix: "files/" }), S3Sdk.layer({ client: client(), bucket }))
    const context = yield* Layer.build(NodeTusServer.layer({ port: 0, directory, bytes, downloads: true }))
    const ask = Raw.ask(Context.get(context, NodeTusServer.NodeTusServer).port)
    return (asked: Parameters<typeof ask>[0]) => Effect.promise(() => ask(asked))
  })

needs("SQLite", "Ceph")("a server on one machine with its bytes in S3", () => {
  it.scopedLive("receives, goes on after a restart, joins, sends and removes uploads", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const bucket = yield* Effect.flatMap(ceph, ({ bucket }) => bucket)
      const body = randomBytes(9 * mebibyte)
      const path = yield* Effect.scoped(Effect.gen(function*() {
        const ask = yield* serve(home, bucket)
        const path = locationOf(yield* ask(create(body.length)))
        const { status } = yield* ask(patch(path, 0, body.subarray(0, 5 * mebibyte)))
        assert.strictEqual(status, 204)
        return path
      }))

      const ask = yield* serve(home, bucket)
      assert.strictEqual(offsetOf(yield* ask(head(path))), 5 * mebibyte)
      assert.strictEqual((yield* ask(patch(path, 5 * mebibyte, body.subarray(5 * mebibyte)))).status, 204)
      const part = { "upload-length": 3, "upload-concat": "partial", ...octets }
      const parts = yield* Effect.forEach(["abc", "def"], (text) => Effect.map(ask(post(part, text)), locationOf))
      const final = locationOf(yield* ask(post({ "upload-concat": `final;${parts.join(" ")}` })))
      assert.strictEqual((yield* ask(request("GET", final))).text, "abcdef")
      const range = yield* ask(request("GET", path, { range: "bytes=5242870-5242889" }))
      assert.strictEqual(range.status, 206)
      deepStrictEqual(range.headers["content-length"], "20")
      for (const location of [path, final, ...parts]) {
        assert.strictEqual((yield* ask(terminate(location))).status, 204)
        assert.strictEqual((yield* ask(head(location))).status, 404)
      }
      // No bytes are in files.
      deepStrictEqual(readdirSync(home).filter((name) => /^[0-9a-f]{2}$/.test(name)), [])
    }))
})
