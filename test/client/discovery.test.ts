/**
 * A client asks what the server supports only if something depends on it. If the server cannot be asked, uploads go on.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { StreamSource, TusTransport, TusUpload, type UploadOptions, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { endpoint } from "../loopback.js"
import { answer, passing, type Script, storedAt, world } from "./world.js"

const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 31) % 251)
const source = UploadSource.fromBytes(bytes)

const stores = (options: Partial<UploadOptions.UploadOptions> = {}) =>
  passing(Effect.gen(function*() {
    const { url } = yield* TusUpload.run({ endpoint, source, ...options })
    assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(url)))
    return url
  }))

const closed = Effect.fail(new TusTransport.TransportError({ reason: "Closed", cause: "test" }))
const unreachable = Effect.fail(new TusTransport.TransportError({ reason: "Unreachable", cause: "test" }))

const toOptions = (what: ReturnType<typeof answer>): Script => ({ method }) => method === "OPTIONS" ? what : undefined

const silences: ReadonlyArray<readonly [title: string, what: ReturnType<typeof answer>]> = [
  ...[302, 400, 401, 403, 404, 405, 429, 500, 501, 502, 503].map((status) =>
    [`is answered ${status}`, answer(status)] as const
  ),
  ["is answered by a proxy", answer(200, { "content-type": "text/html" })],
  ["is blocked by the browser", unreachable],
  ["is not answered in time", Effect.never],
  ["breaks off", closed]
]

describe("if OPTIONS", () => {
  for (const [title, what] of silences) {
    it.effect(`${title}, an upload without parts starts at once, and learns from the responses`, () =>
      Effect.gen(function*() {
        const none = { retry: Schedule.recurs(0) }
        const { layer, methods } = world(toOptions(what))
        yield* Effect.gen(function*() {
          yield* stores(none)
          assert.strictEqual(methods(), "OPTIONS POST PATCH")
          yield* stores(none)
          assert.strictEqual(
            methods(),
            "OPTIONS POST PATCH POST PATCH",
            "OPTIONS was sent again although the server responds"
          )
          yield* stores({ ...none, checksum: "sha1" })
          const stream = yield* StreamSource.make(Stream.make(bytes))
          yield* stores({ ...none, source: stream })
          assert.strictEqual(methods().split(" ").filter((method) => method === "OPTIONS").length, 1)
        }).pipe(Effect.provide(layer), Effect.scoped)
      }))
  }

  for (const [title, what] of silences.filter(([title]) => !/429|401|50[0-3]/.test(title))) {
    it.effect(`${title}, an upload in parts becomes a single upload`, () => {
      const { layer, methods } = world(toOptions(what))
      return Effect.gen(function*() {
        yield* stores({ parallel: 3, createWithUpload: 0, retry: Schedule.recurs(0) })
        assert.match(methods(), /^OPTIONS (HEAD )?POST PATCH$/)
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("fails because the server is down for a moment, an upload in parts waits for it", () => {
    const { layer, requests } = world((request, exchange, nth) =>
      nth === 1 && request.method !== "POST" ? closed : exchange(request)
    )
    return Effect.gen(function*() {
      yield* stores({ parallel: 3 })
      assert.isTrue(requests.some(({ headers }) => headers["upload-concat"]?.startsWith("final") === true))
    }).pipe(Effect.provide(layer))
  })

  it.effect("has a header that cannot be read, the others count", () => {
    const { layer, methods } = world((request, exchange) =>
      request.method === "OPTIONS"
        ? Effect.map(exchange(request), (response) => ({
          ...response,
          headers: { ...response.headers, "tus-max-size": "unlimited" }
        }))
        : undefined
    )
    return Effect.gen(function*() {
      yield* stores()
      assert.strictEqual(methods(), "OPTIONS POST")
    }).pipe(Effect.provide(layer))
  })
})

describe("OPTIONS is not sent", () => {
  it.effect("if the creation carries no bytes, or if there is a URL", () => {
    const { layer, methods } = world()
    return Effect.gen(function*() {
      const url = yield* stores({ createWithUpload: 0 })
      yield* stores({ url })
      assert.strictEqual(methods(), "POST PATCH HEAD")
    }).pipe(Effect.provide(layer))
  })
})

describe("a creation whose body breaks off", () => {
  for (
    const [title, what] of [
      ["stalls", Effect.never],
      ["is closed", closed],
      ["is answered 408", answer(408)],
      ["is given up by a proxy", answer(504)]
    ] as const
  ) {
    it.effect(`and ${title} is repeated without bytes, which follow with a PATCH`, () => {
      const { layer, methods, requests } = world((request) =>
        request.method === "POST" && request.body !== undefined ? what : undefined
      )
      return Effect.gen(function*() {
        yield* stores({ retry: Schedule.recurs(1) })
        assert.strictEqual(methods(), "OPTIONS POST POST PATCH")
        yield* stores({ retry: Schedule.recurs(1) })
        deepStrictEqual(requests.slice(4).map(({ length, method }) => [method, length]), [
          ["POST", undefined],
          ["PATCH", bytes.length]
        ])
        const few = bytes.subarray(0, 100)
        const { url } = yield* passing(TusUpload.run({ endpoint, source: UploadSource.fromBytes(few) }))
        deepStrictEqual(requests.slice(6, 7).map(({ length, method }) => [method, length]), [["POST", 100]])
        assert.isTrue(Buffer.from(few).equals(yield* storedAt(url)))
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("is distinguished from a creation without a body", () => {
    const { layer, requests } = world((request, _, nth) => request.method === "POST" && nth === 1 ? closed : undefined)
    return Effect.gen(function*() {
      yield* stores({ createWithUpload: 1000 })
      yield* passing(TusUpload.run({ endpoint, source: UploadSource.fromBytes(bytes.subarray(0, 1000)) }))
      deepStrictEqual(Option.fromNullable(requests.at(-1)?.length), Option.some(1000))
    }).pipe(Effect.provide(layer))
  })
})
