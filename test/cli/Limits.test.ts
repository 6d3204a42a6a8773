/**
 * Each limit of a server is an option of `effect-tus serve`, and works.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { createUpload } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { fetched, type Headers, patch, request } from "../support/exchange.js"
import { needs } from "../support/needs.js"
import * as Raw from "../support/raw.js"
import * as Process from "./process.js"

const serving = (...options: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const at = yield* directory
    const { said } = yield* Process.start(at, ["serve", "--port", "0", ...options])
    const [url] = yield* Effect.promise(() => said(/http:\/\/\S+/))
    return url
  })

const post = (url: string, headers: Headers, body?: string) =>
  Effect.promise(() => fetched(request("POST", url, headers, body)))

const create = (url: string, length: number, body?: string) => post(url, { "upload-length": length }, body)

/** The answer on a connection that sends this and no more. */
const raw = (url: string, head: string) =>
  Effect.promise(async () => {
    const { closed, send } = await Raw.open(Number(new URL(url).port))
    await send(head)
    return await closed
  })

needs("SQLite")("serve", () => {
  it.scopedLive("--max-size and --max-metadata-size limit one upload", () =>
    Effect.gen(function*() {
      const url = yield* serving("--max-size", "10B", "--max-metadata-size", "8")
      assert.strictEqual((yield* create(url, 11)).status, 413)
      assert.strictEqual((yield* create(url, 10)).status, 201)
      const named = { "upload-length": "1", "upload-metadata": "filename YQ==" }
      assert.strictEqual((yield* post(url, named)).status, 400)
    }))

  it.scopedLive("--max-total limits all uploads together", () =>
    Effect.gen(function*() {
      const url = yield* serving("--max-total", "10B")
      assert.strictEqual((yield* create(url, 6)).status, 201)
      const refused = yield* create(url, 5)
      deepStrictEqual([refused.status, /at most 10 bytes together/.test(refused.text)], [507, true])
      assert.strictEqual((yield* create(url, 4)).status, 201)
    }))

  it.scopedLive("--max-unfinished limits the number of unfinished uploads", () =>
    Effect.gen(function*() {
      const url = yield* serving("--max-unfinished", "1")
      const first = yield* Effect.promise(() => createUpload(url, 3))
      assert.strictEqual((yield* create(url, 3)).status, 429)
      assert.strictEqual((yield* Effect.promise(() => fetched(patch(first, 0, "abc")))).status, 204)
      assert.strictEqual((yield* create(url, 3)).status, 201)
    }))

  it.scopedLive("--min-free reserves space on the disk", () =>
    Effect.gen(function*() {
      const url = yield* serving("--min-free", "8000T")
      const refused = yield* create(url, 1)
      deepStrictEqual([refused.status, /no space/.test(refused.text)], [507, true])
    }))

  it.scopedLive("--max-concurrent-writes limits the running bodies, --idle-timeout their pauses", () =>
    Effect.gen(function*() {
      const url = yield* serving("--max-concurrent-writes", "1", "--idle-timeout", "3s")
      const path = new URL(yield* Effect.promise(() => createUpload(url, 3))).pathname
      const [resting, tooMany] = yield* Effect.all([
        raw(url, `${Raw.patch(path, 0, 3)}a`),
        Effect.repeat(create(url, 1, "b"), { until: ({ status }) => status === 503 })
      ], { concurrency: 2 })
      assert.match(resting, /^HTTP\/1\.1 503 [^]*no byte arrived/)
      assert.match(tooMany.text, /too many uploads are under way/)
    }))

  it.scopedLive("--headers-timeout limits the time of a head", () =>
    Effect.gen(function*() {
      const url = yield* serving("--headers-timeout", "1s")
      assert.match(yield* raw(url, "POST / HTTP/1.1\r\n"), /^HTTP\/1\.1 408 /)
    }))

  it.scopedLive("--max-rate limits the bytes per second of all bodies together", () =>
    Effect.gen(function*() {
      const url = yield* serving("--max-rate", "20B")
      const began = performance.now()
      assert.strictEqual((yield* create(url, 20, "x".repeat(20))).status, 201)
      assert.isAbove(performance.now() - began, 500)
    }))
}, { concurrent: true })
