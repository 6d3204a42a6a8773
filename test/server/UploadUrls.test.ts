import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload, UploadRegistry } from "effect-tus"
import { UploadEvents, UploadUrls } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { octets } from "../support/exchange.js"
import { bodyOf, create, head, patch, request } from "../support/memory.js"
import { server } from "./doors.js"

const secret = Redacted.make("a secret of at least 32 characters")

const signing = Layer.provide(server(), UploadUrls.layerSigned({ secret, validFor: "1 hour" }))

const concat = (part: string) => request("POST", "/files", { "upload-concat": `final;${part} ${part}` })

describe("signed URLs", () => {
  it.effect("give access until they expire", () =>
    Effect.gen(function*() {
      const url = yield* create({ "upload-length": "3" })
      assert.match(url, /^\/files\/[0-9a-f]{32}\?expires=3600&signature=[\w-]{43}$/)
      assert.strictEqual((yield* patch(url, 0, "ab")).status, 204)
      yield* TestClock.adjust("3599 seconds")
      assert.strictEqual((yield* head(url)).headers["upload-offset"], "2")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* head(url)).status, 403)
      const refused = yield* patch(url, 2, "c")
      deepStrictEqual([refused.status, refused.body], [403, "the time of this URL has run out; create a new upload\n"])
      assert.strictEqual((yield* request("DELETE", url)).status, 403)
    }).pipe(Effect.provide(signing)))

  it.effect("are refused if a part of them is changed or missing", () =>
    Effect.gen(function*() {
      const url = yield* create({ "upload-length": "3" })
      const other = yield* create({ "upload-length": "3" })
      const [path, query] = url.split("?")
      const [otherPath] = other.split("?")
      for (
        const forged of [
          path ?? "",
          `${path}?`,
          `${otherPath}?${query}`,
          url.replace("expires=3600", "expires=9999"),
          url.replace("expires=3600", "expires=NaN"),
          url.replace("expires=3600&", ""),
          url.slice(0, -1),
          url.replace(/signature=./, (start) => start.slice(0, -1) + (start.endsWith("A") ? "B" : "A")),
          `${path}?expires=3600&signature=`,
          `${path}?expires=3600&signature=%00%ff`
        ]
      ) {
        assert.strictEqual((yield* patch(forged, 0, "abc")).status, 403, forged)
        assert.strictEqual((yield* request("DELETE", forged)).status, 403, forged)
      }
      assert.strictEqual((yield* head(url)).headers["upload-offset"], "0")
    }).pipe(Effect.provide(signing)))

  it.effect("name the parts of a final", () =>
    Effect.gen(function*() {
      const partial = { "upload-length": "3", "upload-concat": "partial", ...octets }
      const { headers: { location = "" } } = yield* request("POST", "/files", partial, bodyOf("abc"))
      assert.strictEqual((yield* concat(location.split("?")[0] ?? "")).status, 403)
      assert.strictEqual((yield* concat(location)).status, 201)
      assert.strictEqual((yield* concat(`https://example.org${location}`)).status, 201)
    }).pipe(Effect.provide(signing)))

  it.effect("of the parts of a final lose their signatures in its state, in events, and in the responses about it", () => {
    const published: Array<unknown> = []
    const listener = Layer.succeed(UploadEvents.UploadEvents, {
      publish: (event) => Effect.sync(() => void published.push(event))
    })
    return Effect.gen(function*() {
      const partial = { "upload-length": "3", "upload-concat": "partial" }
      const parts = [yield* create(partial), yield* create(partial)]
      const named = [parts[0], `https://example.org${parts[1]}`]
      const paths = named.map((part) => part?.split("?")[0]).join(" ")
      const final = yield* create({ "upload-concat": `final;${named.join(" ")}` })

      assert.strictEqual((yield* head(final)).headers["upload-concat"], `final;${paths}`)
      const registry = yield* UploadRegistry.UploadRegistry
      const stored = yield* registry.get(Upload.UploadId.make(/[0-9a-f]{32}/.exec(final)?.[0] ?? ""))
      assert.include(JSON.stringify(stored), `final;${paths}`)
      assert.notInclude(JSON.stringify([stored, published]), "signature")

      for (const part of parts) {
        assert.strictEqual((yield* patch(part, 0, "abc")).status, 204)
      }
      const assembled = yield* head(final)
      deepStrictEqual([assembled.headers["upload-length"], assembled.headers["upload-concat"]], ["6", `final;${paths}`])
      assert.notInclude(JSON.stringify(published), "signature")
    }).pipe(Effect.provide(signing.pipe(Layer.provideMerge(listener))))
  })

  it.effect("of parts are shown as they were sent if URLs are not signed", () =>
    Effect.gen(function*() {
      const part = yield* create({ "upload-length": "3", "upload-concat": "partial" })
      const sent = `final;${part}?tenant=1 https://example.org${part}?tenant=2`
      const final = yield* create({ "upload-concat": sent })
      assert.strictEqual((yield* head(final)).headers["upload-concat"], sent)
    }).pipe(Effect.provide(server())))

  it.effect("need a secret of sufficient length", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(UploadUrls.makeSigned({ secret: Redacted.make("short") }))
      assert.strictEqual(error.message, `secret: expected at least 32 characters, got "5 characters"`)
    }))
})
