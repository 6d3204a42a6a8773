/**
 * Downloads through every door.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadStoreError } from "effect-tus"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { create, type Headers, locationOf, post } from "../support/exchange.js"
import { doors } from "./doors.js"

const upload = post({ "upload-length": 10, "upload-metadata": `filename ${btoa("a b.txt")}` }, "0123456789")

/** A store that accepts bytes but cannot read them. */
const unreadable = Layer.map(ByteStore.layerMemory, (context) =>
  Context.make(ByteStore.ByteStore, {
    ...Context.get(context, ByteStore.ByteStore),
    read: () => Stream.fail(new UploadStoreError.UploadStoreError({ reason: "Read", operation: "read" }))
  }))

describe("a download", () => {
  for (const [name, open] of Object.entries(doors)) {
    it.scopedLive(`works through ${name}`, () =>
      Effect.gen(function*() {
        const { ask } = yield* open({ downloads: true })
        yield* Effect.promise(async () => {
          const path = locationOf(await ask(upload))
          const get = (headers: Headers = {}) => ask({ method: "GET", path, headers })
          const whole = await get()
          deepStrictEqual([whole.status, whole.text], [200, "0123456789"])
          assert.deepInclude(whole.headers, {
            "content-length": "10",
            "content-type": "application/octet-stream",
            "content-disposition": "attachment; filename=\"a b.txt\"",
            "cross-origin-resource-policy": "same-origin",
            "x-content-type-options": "nosniff"
          })
          for (const program of [{ "sec-fetch-dest": "script" }, { "service-worker": "script" }]) {
            const refused = await get(program)
            deepStrictEqual([refused.status, refused.text], [
              403,
              "what was uploaded is to be saved or shown, not to be run\n"
            ])
          }
          const part = await get({ range: "bytes=3-5" })
          deepStrictEqual([part.status, part.text, part.headers["content-range"]], [206, "345", "bytes 3-5/10"])
          const beyond = await get({ range: "bytes=10-" })
          deepStrictEqual([beyond.status, beyond.headers["content-range"]], [416, "bytes */10"])
          const known = await get({ "if-none-match": whole.headers["etag"] ?? "" })
          deepStrictEqual([known.status, known.text], [304, ""])
          const open = locationOf(await ask(create(10)))
          assert.strictEqual((await ask({ method: "GET", path: open })).status, 409)
          assert.strictEqual((await ask({ method: "GET", path: `/files/${"x".repeat(22)}` })).status, 404)
        })
      }))

    it.scopedLive(`that fails before its first byte is an error through ${name}, and not the head of a success`, () =>
      Effect.gen(function*() {
        const { ask } = yield* open({ downloads: true }, unreadable)
        yield* Effect.promise(async () => {
          const path = locationOf(await ask(upload))
          for (const range of [{}, { range: "bytes=3-5" }]) {
            const { headers, status, text } = await ask({ method: "GET", path, headers: range })
            assert.strictEqual(status, 500)
            assert.include(text, "the server failed")
            assert.notProperty(headers, "content-disposition")
          }
        })
      }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))

    it.scopedLive(`is refused through ${name} unless it was enabled`, () =>
      Effect.gen(function*() {
        const { ask } = yield* open()
        yield* Effect.promise(async () => {
          const path = locationOf(await ask(upload))
          const refused = await ask({ method: "GET", path })
          deepStrictEqual([refused.status, refused.headers["allow"]], [405, "OPTIONS, POST, HEAD, PATCH, DELETE"])
        })
      }))
  }
})
