/**
 * Two whole servers over one PostgreSQL and the same bytes: an upload belongs to neither of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { ByteStore } from "effect-tus"
import { ClusterServer } from "effect-tus/cluster"
import { NodeTusServer } from "effect-tus/node"
import { ByteStoreSuite } from "effect-tus/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { createServer, request as send } from "node:http"
import * as tus from "tus-js-client"
import * as Exchange from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { postgres } from "../support/postgres.js"
import * as Raw from "../support/raw.js"
import * as FencedBytes from "./fencedBytes.js"

const { create, head, locationOf, offsetOf, patch, request } = Exchange

/** Two servers that share a new database, and bytes. */
const two = Effect.gen(function*() {
  const url = yield* Effect.flatMap(postgres, ({ database }) => database)
  const options: ClusterServer.Options & NodeTusServer.HttpOptions = {
    database: { url: Redacted.make(url) },
    bytes: Layer.succeed(ByteStore.ByteStore, yield* FencedBytes.make),
    downloads: true,
    port: 0
  }
  const server = Effect.map(
    Layer.build(NodeTusServer.layerHttp(options).pipe(Layer.provide(Layer.fresh(ClusterServer.layer(options))))),
    (context) => {
      const { port } = Context.get(context, NodeTusServer.NodeTusServer)
      const ask = Raw.ask(port)
      return { port, ask: (asked: Exchange.Request) => Effect.promise(() => ask(asked)) }
    }
  )
  return yield* Effect.all([server, server])
})

/** A proxy that sends each request to the next of these ports. */
const roundRobin = (ports: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      let count = 0
      const proxy = createServer((asked, answer) => {
        const { headers, method, url } = asked
        const passed = send({ port: ports[count++ % ports.length], method, path: url, headers }, (response) => {
          answer.writeHead(response.statusCode ?? 500, response.headers)
          response.pipe(answer)
        })
        passed.on("error", () => answer.destroy())
        answer.on("close", () => passed.destroy())
        asked.pipe(passed)
      }).listen(0, "127.0.0.1")
      await once(proxy, "listening")
      const address = proxy.address()
      return { proxy, port: typeof address === "object" && address !== null ? address.port : 0 }
    }),
    ({ proxy }) =>
      Effect.sync(() => {
        proxy.close()
        proxy.closeAllConnections()
      })
  ).pipe(Effect.map(({ port }) => port))

const uploaded = (source: Buffer, options: Partial<tus.UploadOptions>, abortAt = Infinity) =>
  Effect.promise(() =>
    new Promise<string>((resolve, reject) => {
      const upload: tus.Upload = new tus.Upload(source as unknown as File, {
        retryDelays: [0, 50, 100, 200],
        ...options,
        onError: reject,
        onProgress: (sent) => {
          if (sent > abortAt) {
            upload.abort().then(() => resolve(upload.url ?? ""), reject)
          }
        },
        onSuccess: () => resolve(upload.url ?? "")
      })
      upload.start()
    })
  )

needs("PostgreSQL")("two servers of a cluster", () => {
  it.scopedLive("take an upload over that hangs on the other one, and finish it", () =>
    Effect.gen(function*() {
      const [one, other] = yield* two
      const path = locationOf(yield* one.ask(create(9)))
      const hanging = yield* Effect.promise(() => Raw.open(one.port))
      yield* Effect.promise(() => hanging.send(Raw.patch(path, 0, 9), "abc"))
      // HEAD on the server that receives the body has it commit what has arrived.
      yield* Effect.repeat(one.ask(head(path)), { until: (answer) => offsetOf(answer) === 3 })
      assert.strictEqual(offsetOf(yield* other.ask(head(path))), 3)

      const answer = yield* Effect.fork(Effect.promise(() => hanging.answer("PATCH")))
      assert.strictEqual((yield* other.ask(patch(path, 3, "def"))).status, 204)
      assert.notStrictEqual((yield* Fiber.join(answer)).status, 204)
      for (const { ask } of [one, other]) {
        assert.strictEqual(offsetOf(yield* ask(head(path))), 6)
      }
      assert.strictEqual((yield* one.ask(patch(path, 6, "ghi"))).status, 204)
      assert.strictEqual((yield* other.ask(request("GET", path))).text, "abcdefghi")
    }))

  it.scopedLive("acknowledge the same bytes to one of two clients at the same time", () =>
    Effect.gen(function*() {
      const servers = yield* two
      const path = locationOf(yield* servers[0].ask(create(60)))
      let winners = ""
      while (winners.length < 60) {
        const answers = yield* Effect.forEach(
          ["a", "b", "c", "d"] as const,
          (text, n) =>
            Effect.map(
              servers[n % 2 === 0 ? 0 : 1].ask(patch(path, winners.length, text)),
              ({ status }) => [text, status] as const
            ),
          { concurrency: "unbounded" }
        )
        const accepted = answers.filter(([, status]) => status === 204)
        assert.isAtMost(accepted.length, 1)
        answers.forEach(([, status]) => assert.include([204, 409, 423], status))
        winners += accepted.map(([text]) => text).join("")
        for (const { ask } of servers) {
          assert.strictEqual(offsetOf(yield* ask(head(path))), winners.length)
        }
      }
      assert.strictEqual((yield* servers[1].ask(request("GET", path))).text, winners)
    }))

  it.scopedLive("take each request of tus-js-client in turn", () =>
    Effect.gen(function*() {
      const servers = yield* two
      const endpoint = `http://127.0.0.1:${yield* roundRobin(servers.map(({ port }) => port))}/files`
      const source = randomBytes(3 * 1024 * 1024 + 17)
      const same = (url: string) =>
        Effect.gen(function*() {
          const body = yield* Effect.promise(async () => Buffer.from(await (await fetch(url)).arrayBuffer()))
          assert.isTrue(body.equals(source))
        })
      const chunked = { endpoint, chunkSize: 300_000 }
      for (
        const options of [chunked, { endpoint, uploadDataDuringCreation: true }, { ...chunked, parallelUploads: 3 }]
      ) {
        yield* same(yield* uploaded(source, options))
      }
      const url = yield* uploaded(source, chunked, 1_000_000)
      yield* same(yield* uploaded(source, { ...chunked, uploadUrl: url }))
    }))
})

describe("the bytes of these servers", () =>
  ByteStoreSuite.suite("in memory, with fences", Layer.effect(ByteStore.ByteStore, FencedBytes.make)))
