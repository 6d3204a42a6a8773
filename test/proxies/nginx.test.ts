import { assert, it } from "@effect/vitest"
import { TusUpload, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import { relay } from "../interop/relay.js"
import { needs } from "../support/needs.js"
import { bytes, client, digest, head, post, suite } from "./behind.js"
import { nginx, server } from "./proxies.js"

suite("nginx, as examples/deploy configures it", "nginx", nginx)

needs("nginx")("nginx with another configuration", () => {
  const cut = Effect.fnUntraced(function*(endpoint: string) {
    const network = yield* relay(endpoint, [{ up: 3_000_000, happens: "reset" }])
    const result = yield* TusUpload.run({ endpoint: network.url, source: UploadSource.fromBytes(bytes) })
    return { ...result, up: network.up() }
  }, Effect.provide(client))

  it.scopedLive("that buffers bodies loses what was sent when a connection is cut, but no upload", () =>
    Effect.gen(function*() {
      const { digestOf, port } = yield* server()
      const proxy = yield* nginx(port, [["proxy_request_buffering off", "proxy_request_buffering on"]])
      const { up, url } = yield* cut(proxy.url)
      assert.isAtLeast(up, bytes.length + 2_900_000)
      assert.strictEqual(yield* digestOf(url), yield* digest)
    }))

  it.scopedLive("that limits bodies gets chunks within its limit", () =>
    Effect.gen(function*() {
      const { digestOf, port } = yield* server()
      const { url: endpoint } = yield* nginx(port, [["client_max_body_size 0", "client_max_body_size 1m"]])
      const { url } = yield* TusUpload.run({ endpoint, source: UploadSource.fromBytes(bytes) })
      assert.strictEqual(yield* digestOf(url), yield* digest)
    }).pipe(Effect.provide(client)))

  it.scopedLive("that removes a prefix passes it on, and Location has it", () =>
    Effect.gen(function*() {
      const { digestOf, port } = yield* server()
      const proxy = yield* nginx(port, [
        ["location /files {", "location /api/files {\n    rewrite ^/api(.*)$ $1 break;"],
        ["X-Forwarded-Prefix \"\"", "X-Forwarded-Prefix /api"]
      ])
      const endpoint = proxy.url.replace("/files", "/api/files")
      const location = (yield* post(endpoint)).headers["location"] ?? ""
      assert.isTrue(location.startsWith(`${endpoint}/`))
      assert.strictEqual((yield* head(location)).status, 200)
      const { url } = yield* TusUpload.run({ endpoint, source: UploadSource.fromBytes(bytes), parallel: 3 })
      assert.strictEqual(yield* digestOf(url), yield* digest)
    }).pipe(Effect.provide(client)))
})
