/**
 * The first programs of README work unchanged, in a folder in which the package is installed.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { program } from "./cli/process.js"
import { fileOf, sha256OfFile } from "./interop/server.js"
import { programsOf } from "./programs.js"
import { directory } from "./support/directory.js"
import { fetched, locationOf, request } from "./support/exchange.js"
import { freePort } from "./support/ports.js"

const root = fileURLToPath(new URL("..", import.meta.url))

const [server, upload, ...others] = programsOf("README.md", readFileSync(join(root, "README.md"), "utf8"))

/** A folder with the package and the packages that README installs with it. */
const folder = Effect.map(directory, (path) => {
  mkdirSync(join(path, "node_modules"))
  for (
    const [name, at] of [["effect-tus", "."], ["effect", "node_modules/effect"], ["@effect", "node_modules/@effect"]]
  ) {
    symlinkSync(join(root, at ?? ""), join(path, "node_modules", name ?? ""))
  }
  return path
})

/** The program on a free port, because 1080 may be in use. */
const at = (port: number, text = "") => {
  assert.include(text, "1080")
  return text.replaceAll("1080", String(port))
}

describe("README", () => {
  it.scopedLive("starts with a server that logs where it listens, and an upload to it", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const port = yield* freePort
      const film = join(path, "film.mp4")
      writeFileSync(film, randomBytes(3_000_000))
      writeFileSync(join(path, "server.mjs"), at(port, server?.text))
      writeFileSync(join(path, "upload.mjs"), at(port, upload?.text))

      const serving = yield* program(path, [process.execPath, "server.mjs"])
      const [, url = ""] = yield* Effect.promise(() => serving.said(/effect-tus listens at (\S+)/))
      assert.strictEqual(url, `http://127.0.0.1:${port}/files`)

      const uploading = yield* program(path, [process.execPath, "upload.mjs"])
      const { code, stderr, stdout } = yield* Effect.promise(() => uploading.ended)
      assert.strictEqual(code, 0, stderr)
      const [, stored = ""] = /^stored at (\S+)$/m.exec(stdout) ?? []
      const sums = yield* Effect.promise(() =>
        Promise.all([film, fileOf(join(path, "uploads"), stored)].map(sha256OfFile))
      )
      assert.strictEqual(sums[0], sums[1])
    }))

  it.scopedLive("shows a server that authorizes users and limits them", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const port = yield* freePort
      const text = others.find(({ text }) => text.includes("UploadHooks.owned"))?.text ?? ""
      const directory = `directory: "./uploads",`
      assert.include(text, directory)
      writeFileSync(join(path, "server.mjs"), text.replace(directory, `${directory} port: ${port},`))
      const serving = yield* program(path, [process.execPath, "server.mjs"])
      const [, url = ""] = yield* Effect.promise(() => serving.said(/effect-tus listens at (\S+)/))

      const send = (method: string, to: string, authorization: string, length?: number) =>
        fetched(request(method, new URL(to, url).href, {
          authorization,
          ...(length === undefined ? {} : { "upload-length": length })
        }))
      yield* Effect.promise(async () => {
        const created = await send("POST", url, "Bearer secret-of-ann", 5)
        assert.strictEqual(created.status, 201)
        const location = locationOf(created)
        assert.strictEqual((await send("HEAD", location, "Bearer secret-of-ann")).status, 200)
        assert.strictEqual((await send("HEAD", location, "Bearer secret-of-bob")).status, 403)
        assert.strictEqual((await send("POST", url, "Bearer nobody", 5)).status, 401)
        assert.strictEqual((await send("POST", url, "Bearer secret-of-ann", 0)).status, 422)
        assert.strictEqual((await send("POST", url, "Bearer secret-of-bob", 200 * 1024 ** 3)).status, 507)
      })
    }))
})
