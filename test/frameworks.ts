/**
 * What must work in every framework: an upload survives the body parsers, and it survives the end of the process.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload, UploadRegistry } from "effect-tus"
import { EmbeddedStore } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomBytes } from "node:crypto"
import { stat } from "node:fs/promises"
import * as tus from "tus-js-client"
import { example } from "./example.js"
import { createUpload, fileOf, offsetOf, sha256, sha256OfFile } from "./interop/server.js"
import { directory } from "./support/directory.js"
import { open, patch } from "./support/raw.js"

/** The environment of an example. */
export const production = { NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", CI: "1" } as const

const mebibyte = 1024 * 1024
const bytes = randomBytes(3 * mebibyte + 17)

/** Uploads in chunks. Cuts the request off after `until` bytes. */
const upload = (options: Partial<tus.UploadOptions>, until = Infinity) =>
  new Promise<string>((resolve, reject) => {
    const uploading: tus.Upload = new tus.Upload(bytes as unknown as File, {
      chunkSize: mebibyte,
      retryDelays: [0, 50, 100, 200],
      ...options,
      onError: reject,
      onProgress: (sent) => {
        if (sent > until) {
          uploading.abort().then(() => resolve(uploading.url ?? ""), reject)
        }
      },
      onSuccess: () => resolve(uploading.url ?? "")
    })
    uploading.start()
  })

/** Waits until the file has that many bytes. */
const arrived = async (file: string, count: number) => {
  while (((await stat(file).catch(() => undefined))?.size ?? 0) < count) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const echo = async (url: URL) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ hello: "world" })
  })
  return await response.json() as unknown
}

/** Starts the example and checks it. It takes uploads at `collection`. */
export const holds = (name: string, collection: string) =>
  Effect.gen(function*() {
    const path = yield* directory
    const server = yield* example(name, { ...production, UPLOAD_DIR: path })
    const endpoint = new URL(collection, server.url).href

    const interrupted = yield* Effect.promise(async () => {
      deepStrictEqual(await echo(new URL("/echo", server.url)), { hello: "world" })

      const url = await upload({ endpoint }, 1.5 * mebibyte)
      assert.isAtLeast(await offsetOf(url), mebibyte)
      assert.isBelow(await offsetOf(url), bytes.length)
      await upload({ uploadUrl: url })
      assert.strictEqual(await sha256OfFile(fileOf(path, url)), await sha256([bytes]))

      const interrupted = new URL(await createUpload(endpoint, 1000))
      const running = await open(Number(interrupted.port))
      await running.send(patch(interrupted.pathname, 0, 1000) + "x".repeat(321))
      await arrived(fileOf(path, interrupted.href), 321)
      const ended = server.kill("SIGTERM")
      assert.match(await running.closed, /^HTTP\/1.1 503 [^]*stands at 321/)
      assert.strictEqual(await ended, 0, server.output())
      return interrupted.href
    })

    const id = Upload.UploadId.make(interrupted.split("/").at(-1) ?? "")
    const entry = yield* Effect.flatMap(UploadRegistry.UploadRegistry, (registry) => registry.get(id)).pipe(
      Effect.provide(EmbeddedStore.layer({ directory: path }))
    )
    deepStrictEqual(Option.map(entry, ({ upload }) => Number(upload.offset)), Option.some(321))
  })
