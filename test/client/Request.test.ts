/**
 * What all requests of a client have in common.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { endpoint } from "../loopback.js"
import { answer, passing, storedAt, world } from "./world.js"

const bytes = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 31) % 251)
const base = { endpoint, source: UploadSource.fromBytes(bytes), createWithUpload: 0, chunkSize: 20_000 }

describe("requests", () => {
  it.effect("have a request id, another for each attempt", () => {
    const { layer, requests } = world(
      (request, _, nth) => request.method === "PATCH" && nth === 1 ? answer(500) : undefined,
      { client: { requestId: true } }
    )
    return Effect.gen(function*() {
      yield* passing(TusUpload.run(base))
      const ids = requests.map(({ headers }) => headers["x-request-id"] ?? "")
      assert.strictEqual(new Set(ids).size, requests.length)
      ids.forEach((id) => assert.match(id, /^[\da-f]{32}$/))
    }).pipe(Effect.provide(layer))
  })

  it.effect("have no request id by default", () => {
    const { layer, requests } = world()
    return Effect.gen(function*() {
      yield* TusUpload.run(base)
      assert.isTrue(requests.every(({ headers }) => headers["x-request-id"] === undefined))
    }).pipe(Effect.provide(layer))
  })

  it.effect("are sent as POST with X-HTTP-Method-Override if no other method gets through", () => {
    const { layer, requests } = world(undefined, { client: { methodOverride: true } })
    return Effect.gen(function*() {
      const { url } = yield* TusUpload.run(base)
      assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(url)))
      yield* TusUpload.terminate(url)
      deepStrictEqual(
        requests.map(({ headers, method }) => [method, headers["x-http-method-override"]].join(" ").trim()),
        ["POST", "POST PATCH", "POST PATCH", "POST PATCH", "POST DELETE"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("wait for the Retry-After of another upload at the same endpoint", () => {
    const { layer, requests } = world((request, _, nth) =>
      request.method === "PATCH" && nth === 1 ? answer(503, { "retry-after": "60" }) : undefined
    )
    return Effect.gen(function*() {
      const one = yield* Effect.fork(TusUpload.run({ ...base, retry: Schedule.recurs(1) }))
      while (!requests.some(({ method }) => method === "PATCH")) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      const before = requests.length
      const other = yield* Effect.fork(TusUpload.run(base))
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(requests.length, before)
      yield* passing(Fiber.joinAll([one, other]))
      assert.isAbove(requests.length, before)
    }).pipe(Effect.provide(layer))
  })
})

describe("an endpoint", () => {
  for (const status of [405, 501]) {
    it.effect(`has no termination if it answers DELETE with ${status}`, () => {
      const { layer } = world(({ method }) => method === "DELETE" ? answer(status) : undefined)
      return Effect.gen(function*() {
        const { url } = yield* TusUpload.run(base)
        const error = yield* passing(Effect.flip(TusUpload.terminate(url, { retry: Schedule.recurs(0) })))
        assert.strictEqual(error._tag, "Unsupported")
        assert.propertyVal(error, "extension", "termination")
      }).pipe(Effect.provide(layer))
    })
  }
})

describe("uploads of earlier sessions", () => {
  it.effect("are found by source and endpoint, the newest first", () => {
    let down = true
    const { layer } = world(({ method }) => down && method === "PATCH" ? answer(500) : undefined)
    const source = UploadSource.fromRange({
      name: "file",
      length: bytes.length,
      modified: 0,
      read: (start, end) => Stream.make(bytes.slice(start, end))
    })
    return Effect.gen(function*() {
      deepStrictEqual(yield* TusUpload.findPrevious({ endpoint, source }), [])
      yield* passing(Effect.flip(TusUpload.run({ ...base, source, retry: Schedule.recurs(0) })))
      const [found, ...more] = yield* TusUpload.findPrevious({ endpoint, source })
      deepStrictEqual(more, [])
      assert.strictEqual(found?.source, "file")
      assert.strictEqual(found?.acknowledged, 0)
      deepStrictEqual(yield* TusUpload.findPrevious({ endpoint: `${endpoint}2`, source }), [])
      deepStrictEqual(yield* TusUpload.findPrevious({ endpoint, source: base.source }), [])

      down = false
      const { url } = yield* TusUpload.run({ ...base, source })
      assert.strictEqual(url, found?.url)
      deepStrictEqual(yield* TusUpload.findPrevious({ endpoint, source }), [])
    }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
  })
})
