/**
 * The examples do what they say.
 */
import { assert, describe, it } from "@effect/vitest"
import { ByteStoreSuite } from "effect-tus/testing"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { layer as ropes } from "../examples/byte-store.js"
import { example, spawnExample } from "./example.js"
import { createUpload, directory, offsetOf } from "./interop/server.js"

const append = (url: string, body: string) =>
  fetch(url, {
    method: "PATCH",
    headers: { "tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream" },
    body
  })

/** Runs the server with an environment it cannot accept, and returns what it says. */
const misconfigured = async (env: Readonly<Record<string, string>>) => {
  const child = spawnExample("node-server", env)
  let output = ""
  child.stdout.on("data", (chunk) => (output += chunk))
  child.stderr.on("data", (chunk) => (output += chunk))
  const limit = setTimeout(() => child.kill("SIGKILL"), 20_000)
  const [code] = await once(child, "exit")
  clearTimeout(limit)
  return { code: Number(code), output }
}

describe("examples", () => {
  it.scopedLive("effect-app: uploads beside routes of its own", () =>
    Effect.gen(function*() {
      const { url } = yield* example("effect-app", { UPLOAD_DIR: yield* directory })
      yield* Effect.promise(async () => {
        assert.strictEqual(await (await fetch(new URL("/hello", url))).text(), "hello")
        const upload = await createUpload(new URL("/api/uploads", url).href, 5)
        assert.strictEqual((await append(upload, "hello")).status, 204)
        assert.strictEqual(await offsetOf(upload), 5)
      })
    }))

  it.scopedLive("byte-store: a store of one's own", () =>
    Effect.gen(function*() {
      const { url } = yield* example("byte-store")
      yield* Effect.promise(async () => {
        const upload = await createUpload(url, 5)
        assert.strictEqual((await append(upload, "hello")).status, 204)
        assert.strictEqual(await offsetOf(upload), 5)
      })
    }))

  it.scopedLive("node-server: a bad value is one clear line", () =>
    Effect.gen(function*() {
      const path = yield* directory
      for (
        const [env, line] of [
          [{ PORT: "http" }, /PORT/],
          [{ PORT: "70000" }, /PORT.*0 to 65535/],
          [{ MAX_SIZE: "-1" }, /MAX_SIZE.*1 to/],
          [{ EXPIRES_AFTER: "soon" }, /EXPIRES_AFTER/],
          [{ DURABILITY: "maybe" }, /DURABILITY.*process/],
          [{ UPLOAD_DIR: "/dev/null/uploads" }, /\/dev\/null\/uploads/],
          [{ HOST: "192.0.2.1", PORT: "0" }, /192\.0\.2\.1/]
        ] as const
      ) {
        const { code, output } = yield* Effect.promise(() => misconfigured({ UPLOAD_DIR: path, ...env }))
        assert.strictEqual(code, 1, output)
        assert.match(output, line)
        assert.match(output, /^effect-tus: [^\n]+\n$/)
      }
    }), 60_000)

  it.scopedLive(
    "node-server: a directory has one server, and is free when that one is gone, however it went",
    () =>
      Effect.gen(function*() {
        const path = yield* directory
        const first = yield* example("node-server", { UPLOAD_DIR: path })
        const { code, output } = yield* Effect.promise(() => misconfigured({ UPLOAD_DIR: path, PORT: "0" }))
        assert.strictEqual(code, 1)
        assert.match(output, /^effect-tus: [^\n]*another server[^\n]*\n$/)
        yield* Effect.promise(() => first.kill("SIGKILL"))
        yield* example("node-server", { UPLOAD_DIR: path })
      }),
    60_000
  )

  it.scopedLive("node-server: ends at once when it is asked to, with code 0", () =>
    Effect.gen(function*() {
      const server = yield* example("node-server", { UPLOAD_DIR: yield* directory })
      assert.strictEqual(yield* Effect.promise(() => server.kill("SIGTERM")), 0)
    }))
})

ByteStoreSuite.suite("the byte store of examples/byte-store.ts", ropes)
