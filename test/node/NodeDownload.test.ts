import { assert, describe, it } from "@effect/vitest"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import * as Http from "node:http"
import { targets } from "../chaos/descriptors.js"
import { createUpload } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { idOf } from "../support/uploads.js"

/** More than the system buffers for a client that does not read: its buffers may grow to 36 MiB. */
const bytes = Buffer.alloc(128 * 1024 * 1024, randomBytes(1024 * 1024))

/** A server with one complete upload. */
const serving = Effect.gen(function*() {
  const path = yield* directory
  const context = yield* Layer.build(
    NodeTusServer.layer({ directory: path, port: 0, downloads: true, idleTimeout: "1 second" })
  )
  const { url } = Context.get(context, NodeTusServer.NodeTusServer)
  const upload = yield* Effect.promise(() => createUpload(url, bytes.length, {}, bytes))
  /** How many descriptors of the file are open. */
  const opened = () => targets("self").filter((target) => target.endsWith(idOf(upload))).length
  return { url: new URL(upload), opened }
})

const get = async (url: URL) => {
  const request = Http.get(url, { agent: false })
  const [response] = await once(request, "response") as [Http.IncomingMessage]
  return { request, response }
}

/**
 * Reads the first bytes and then no more. The server reads them separately, and opens the file once more for the
 * others.
 */
const begun = async (response: Http.IncomingMessage) => {
  await once(response, "data")
  response.pause()
}

const until = async (is: () => boolean) => {
  while (!is()) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe("a download from the Node listener", () => {
  it.scopedLive("has the uploaded bytes", () =>
    Effect.gen(function*() {
      const { opened, url } = yield* serving
      yield* Effect.promise(async () => {
        const { response } = await get(url)
        const hash = createHash("sha256")
        for await (const chunk of response) {
          hash.update(chunk as Buffer)
        }
        assert.strictEqual(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"))
        await until(() => opened() === 0)
      })
    }))

  it.scopedLive("ends when the client disconnects, and leaves nothing open", () =>
    Effect.gen(function*() {
      const { opened, url } = yield* serving
      yield* Effect.promise(async () => {
        const { request, response } = await get(url)
        await begun(response)
        await until(() => opened() === 1)
        request.destroy()
        await until(() => opened() === 0)
      })
    }))

  it.scopedLive("ends when the client stops reading", () =>
    Effect.gen(function*() {
      const { opened, url } = yield* serving
      yield* Effect.promise(async () => {
        const { response } = await get(url)
        // The error may come before the response is resumed.
        const failed = once(response, "error")
        await begun(response)
        await until(() => opened() === 1)
        await until(() => opened() === 0)
        response.resume()
        await failed
        assert.isFalse(response.complete)
      })
    }))
})
