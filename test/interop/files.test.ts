/**
 * Real files through the running example, from empty to 1 GiB.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { statSync } from "node:fs"
import { request } from "node:http"
import { Readable } from "node:stream"
import { fetched, octets, patch } from "../support/exchange.js"
import { sha256OfStored } from "../support/stored.js"
import { createUpload, fileOf, offsetOf, server, sha256, sha256OfFile } from "./server.js"

const mebibyte = 1024 * 1024

/** `size` bytes in pieces of up to 1 MiB. No two pieces are equal, and each call makes the same pieces. */
const seed = randomBytes(mebibyte)
function* generated(size: number): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < size; at += mebibyte, i++) {
    const piece = Buffer.from(seed.subarray(0, Math.min(mebibyte, size - at)))
    piece.writeUInt32LE(i, 0)
    yield piece
  }
}

const patchFrom = (url: string, size: number) =>
  new Promise<number>((resolve, reject) => {
    const sending = request(url, {
      method: "PATCH",
      headers: { ...octets, "upload-offset": 0, "content-length": size }
    }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sending.on("error", reject)
    Readable.from(generated(size), { highWaterMark: 2 }).pipe(sending)
  })

describe("a file", () => {
  it.scopedLive("that is empty exists as soon as it is created", () =>
    Effect.gen(function*() {
      const { directory, output, url: endpoint } = yield* server
      yield* Effect.promise(async () => {
        const url = await createUpload(endpoint, 0)
        assert.strictEqual(await offsetOf(url), 0)
        assert.strictEqual(statSync(fileOf(directory, url)).size, 0)
        assert.match(output(), / is complete: 0 bytes in/)
      })
    }))

  it.scopedLive("of one byte is uploaded", () =>
    Effect.gen(function*() {
      const { directory, url: endpoint } = yield* server
      yield* Effect.promise(async () => {
        const url = await createUpload(endpoint, 1)
        assert.strictEqual((await fetched(patch(url, 0, "x"))).status, 204)
        assert.strictEqual(await Effect.runPromise(sha256OfStored(directory, url)), await sha256([Buffer.from("x")]))
      })
    }))

  it.scopedLive("of 1 GiB is uploaded in one request, in flat memory", () =>
    Effect.gen(function*() {
      const { directory, output, rss, url: endpoint } = yield* server
      yield* Effect.promise(async () => {
        await patchFrom(await createUpload(endpoint, mebibyte), mebibyte)
        const size = 1024 * mebibyte
        const url = await createUpload(endpoint, size)
        const before = rss()
        let peak = before
        const sampling = setInterval(() => {
          peak = Math.max(peak, rss())
        }, 20)
        const status = await patchFrom(url, size)
        clearInterval(sampling)
        assert.strictEqual(status, 204)
        assert.isBelow(peak - before, 64 * mebibyte)
        const file = fileOf(directory, url)
        assert.strictEqual(statSync(file).size, size)
        assert.strictEqual(await sha256OfFile(file), await sha256(generated(size)))
        assert.match(output(), new RegExp(` is complete: ${size} bytes in [\\d.]+ s`))
      })
    }), 180_000)
})
