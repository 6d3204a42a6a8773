/**
 * What must work through every proxy.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadSource } from "effect-tus/client"
import { NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as tus from "tus-js-client"
import { relay } from "../interop/relay.js"
import { sha256 } from "../interop/server.js"
import * as Exchange from "../support/exchange.js"
import { fetched } from "../support/exchange.js"
import { needs } from "../support/needs.js"
import type { Name } from "../support/tools.js"
import { server } from "./proxies.js"

export const bytes = randomBytes(5 * 1024 * 1024 + 17)

export const digest = Effect.promise(() => sha256([bytes]))

export const client = NodeTusClient.layer({ proxy: false })

/** tus-js-client, the most widely used client. `during` may abort the upload. */
export const run = (
  options: Partial<tus.UploadOptions>,
  during: (upload: tus.Upload, sent: number) => void = () => {}
) =>
  Effect.promise(() =>
    new Promise<string>((resolve, reject) => {
      const upload: tus.Upload = new tus.Upload(bytes as unknown as File, {
        retryDelays: [0, 50, 100, 200],
        ...options,
        onError: reject,
        onProgress: (sent) => during(upload, sent),
        onSuccess: () => resolve(upload.url ?? "")
      })
      upload.start()
    })
  )

export const post = (url: string, headers: Exchange.Headers = {}) =>
  Effect.promise(() => fetched(Exchange.request("POST", url, { "upload-length": 1, ...headers })))

export const head = (url: string) => Effect.promise(() => fetched(Exchange.head(url)))

export const suite = (
  name: string,
  tool: Name,
  open: (target: number) => Effect.Effect<{ readonly url: string }, never, Scope>
) =>
  needs(tool)(name, () => {
    it.scopedLive("resumes after a connection was cut in the middle of a body", () =>
      Effect.gen(function*() {
        const { arrived, digestOf, port } = yield* server()
        const network = yield* relay((yield* open(port)).url, [{ up: 3_000_000, happens: "stall" }])
        const source = UploadSource.fromBytes(bytes)
        const upload = yield* Effect.fork(TusUpload.run({ endpoint: network.url, source }))
        yield* arrived(2_900_000)
        network.sockets.forEach((socket) => socket.resetAndDestroy())
        const { attempts, url } = yield* upload
        assert.isTrue(url.startsWith(`${network.url}/`))
        assert.isAtLeast(attempts, 2)
        // Only the bytes that were on their way in the proxy are sent again.
        assert.isBelow(network.up(), bytes.length + 200_000)
        assert.strictEqual(yield* digestOf(url), yield* digest)
      }).pipe(Effect.provide(client)))

    it.scopedLive("passes on uploads of tus-js-client, in chunks, in parts, and resumed after an abort", () =>
      Effect.gen(function*() {
        const { digestOf, port } = yield* server()
        const { url: endpoint } = yield* open(port)
        for (
          const options of [{ chunkSize: 1024 * 1024 }, { parallelUploads: 3 }, { uploadDataDuringCreation: true }]
        ) {
          assert.strictEqual(yield* digestOf(yield* run({ endpoint, ...options })), yield* digest)
        }
        const url = yield* Effect.promise(() =>
          new Promise<string>((resolve, reject) => {
            const upload: tus.Upload = new tus.Upload(bytes as unknown as File, {
              endpoint,
              chunkSize: 1024 * 1024,
              onError: reject,
              onProgress: (sent) => {
                if (sent > 2.5 * 1024 * 1024) {
                  upload.abort().then(() => resolve(upload.url ?? ""), reject)
                }
              }
            })
            upload.start()
          })
        )
        const { headers } = yield* head(url)
        assert.isAtLeast(Number(headers["upload-offset"]), 2 * 1024 * 1024)
        yield* run({ uploadUrl: url })
        assert.strictEqual(yield* digestOf(url), yield* digest)
      }))

    it.scopedLive("is the host of Location, whatever headers a client sends", () =>
      Effect.gen(function*() {
        const { port, url: direct } = yield* server()
        const { url } = yield* open(port)
        const lies = {
          forwarded: "host=evil.org;proto=https",
          "x-forwarded-host": "evil.org",
          "x-forwarded-proto": "https",
          "x-forwarded-port": "9",
          "x-forwarded-prefix": "/evil"
        }
        for (const headers of [{}, lies]) {
          const location = (yield* post(url, headers)).headers["location"] ?? ""
          assert.match(location, new RegExp(`^${url}/[\\w-]{22,}$`))
          assert.strictEqual((yield* head(location)).status, 200)
        }
        const other = yield* server({ trustedProxies: [] })
        const location = (yield* post((yield* open(other.port)).url)).headers["location"] ?? ""
        assert.match(location, /^\/files\/[\w-]{22,}$/)
        assert.match((yield* post(direct)).headers["location"] ?? "", /^\/files\//)
      }))

    it.scopedLive("passes on the headers and bodies of requests and responses", () =>
      Effect.gen(function*() {
        const { port } = yield* server({ expiresAfter: "1 day" })
        const { url } = yield* open(port)
        const options = yield* Effect.promise(() => fetched({ method: "OPTIONS", path: url }))
        assert.strictEqual(options.headers["tus-version"], "1.0.0")
        const created = yield* post(url, { "upload-metadata": "name d29ybGQ=" })
        const location = created.headers["location"] ?? ""
        assert.isDefined(created.headers["upload-expires"])
        const { headers } = yield* head(location)
        deepStrictEqual(
          ["upload-offset", "upload-length", "upload-metadata", "cache-control"].map((name) => headers[name]),
          ["0", "1", "name d29ybGQ=", "no-store"]
        )
        const refused = yield* post(url, { "upload-length": "x" })
        assert.strictEqual(refused.status, 400)
        assert.match(refused.text, /Upload-Length/)
        const removed = yield* Effect.promise(() => fetched(Exchange.terminate(location)))
        assert.strictEqual(removed.status, 204)
        assert.strictEqual((yield* head(location)).status, 404)
      }))
  })
