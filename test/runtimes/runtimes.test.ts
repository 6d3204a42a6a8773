/**
 * The built package on every runtime. Its server takes an upload, is killed in the middle of it, and resumes it. Its
 * client uploads, is cut off, and resumes.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import * as Http from "node:http"
import { join } from "node:path"
import { command, program } from "../cli/process.js"
import { relay } from "../interop/relay.js"
import { createUpload, fileOf, offsetOf, sha256, sha256OfFile } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { bun, deno, node22, node24, node26, root } from "./runtimes.js"

const runtimes: ReadonlyArray<readonly [name: string, words: ReadonlyArray<string>]> = [
  ["the Node at hand", [process.execPath]],
  ["Node 22", [node22]],
  ["Node 24", [node24]],
  ["Node 26", [node26]],
  ["Bun", [bun]],
  ["Deno", [deno, "run", "-A"]]
]

const size = 24 * 1024 * 1024
const half = size / 2

const serving = (words: ReadonlyArray<string>, at: string, script = "serve") =>
  Effect.gen(function*() {
    const running = yield* program(at, [...words, join(root, `test/runtimes/${script}.mjs`), join(at, "uploads")])
    const [, url = ""] = yield* Effect.promise(() => running.said(/^(http:\S+)$/m))
    return { ...running, url }
  })

/**
 * Sends bytes, and returns the status. If the body is shorter than `length`, the request stays open without a response.
 */
const patch = (url: string, offset: number, length: number, bytes: Uint8Array) => {
  const request = Http.request(url, {
    method: "PATCH",
    headers: {
      "tus-resumable": "1.0.0",
      "content-type": "application/offset+octet-stream",
      "upload-offset": offset,
      "content-length": length
    }
  })
  const status = new Promise<number>((resolve, reject) =>
    request
      .on("response", (response) => resolve(response.resume().statusCode ?? 0))
      .on("error", reject)
  )
  request.write(bytes)
  if (bytes.length === length) {
    request.end()
  }
  return status
}

/** Waits until at least this many bytes count. */
const counted = async (url: string, least: number): Promise<number> => {
  const offset = await offsetOf(url)
  return offset >= least ? offset : counted(url, least)
}

/** Each test starts two or three processes. */
const limit = 300_000

/** The rows of the table in README: a runtime, and the SQLite that it uses. */
const listed = () =>
  (/^\| runtime \|[^]*?\n\n/m.exec(readFileSync(join(root, "README.md"), "utf8"))?.[0] ?? "")
    .trim().split("\n").slice(2).map((row) => {
      const [, name = "", , , sqlite = ""] = row.split("|").map((cell) => cell.trim())
      return { name, sqlite }
    })

const probe = `import("node:sqlite").then(() => console.log("node:sqlite"), () => console.log("none"))\n`

describe("the built package", () => {
  it("is tested on all runtimes that README lists, and on no other", () => {
    const [, ...others] = runtimes.map(([name]) => name)
    deepStrictEqual(listed().map(({ name }) => name), ["Node 20", ...others])
  })

  it.scopedLive("finds a SQLite of the runtime exactly if README says so", () =>
    Effect.gen(function*() {
      const at = yield* directory
      writeFileSync(join(at, "probe.mjs"), probe)
      for (const [name, words] of runtimes) {
        const row = name === "the Node at hand" ? `Node ${process.versions.node.split(".")[0]}` : name
        const asked = yield* program(at, [...words, join(at, "probe.mjs")])
        const { stdout } = yield* Effect.promise(() => asked.ended)
        const sqlite = listed().find(({ name }) => name === row)?.sqlite ?? ""
        assert.strictEqual(stdout.trim(), sqlite.includes("`node:sqlite`") ? "node:sqlite" : "none", name)
      }
    }), limit)

  for (const [name, words] of runtimes) {
    it.scopedLive(`on ${name} serves, is killed and resumes`, () =>
      Effect.gen(function*() {
        const at = yield* directory
        const contents = randomBytes(size)
        const path = yield* Effect.scoped(Effect.gen(function*() {
          const server = yield* serving(words, at)
          return yield* Effect.promise(async () => {
            const url = await createUpload(server.url, size)
            const broken = patch(url, 0, size, contents.subarray(0, half)).then(() => "answered", () => "broken")
            await counted(url, 8 * 1024 * 1024)
            server.process.kill("SIGKILL")
            assert.strictEqual(await broken, "broken")
            return new URL(url).pathname
          })
        }))
        const server = yield* serving(words, at)
        yield* Effect.promise(async () => {
          const url = new URL(path, server.url).href
          const offset = await offsetOf(url)
          assert.isAtLeast(offset, 8 * 1024 * 1024)
          assert.strictEqual(await patch(url, offset, size - offset, contents.subarray(offset)), 204)
          assert.strictEqual(await sha256OfFile(fileOf(join(at, "uploads"), url)), await sha256([contents]))
        })
      }), limit)

    it.scopedLive(`on ${name} uploads, is cut off and resumes`, () =>
      Effect.gen(function*() {
        const at = yield* directory
        const server = yield* serving([process.execPath], at)
        const between = yield* relay(server.url, [], { happens: "reset", up: half, times: 1, together: true })
        const file = join(at, "file")
        writeFileSync(file, randomBytes(size))
        const client = yield* program(at, [
          ...words,
          join(root, "test/runtimes/upload.mjs"),
          file,
          between.url
        ])
        const { code, out, stderr } = yield* Effect.promise(() => client.ended)
        assert.strictEqual(code, 0, stderr)
        assert.isAbove(between.connections(), 1)
        yield* Effect.promise(async () =>
          assert.strictEqual(
            await sha256OfFile(fileOf(join(at, "uploads"), out.at(-1) ?? "")),
            await sha256OfFile(file)
          )
        )
      }), limit)
  }

  it.scopedLive(
    "handles the limit of Bun.serve: doctor names it, and a larger upload is sent in parts",
    () =>
      Effect.gen(function*() {
        const at = yield* directory
        const { url } = yield* serving([bun], at, "web")
        const file = join(at, "file")
        writeFileSync(file, randomBytes(130 * 1024 * 1024))
        // The command runs on this Node, and on Bun itself.
        for (const words of [[process.execPath], [bun]]) {
          const run = (...args: ReadonlyArray<string>) =>
            Effect.flatMap(
              program(at, [...words, ...command.slice(1), ...args]),
              ({ ended }) => Effect.promise(() => ended)
            )
          const examined = yield* run("doctor", url)
          deepStrictEqual(examined.out.filter((line) => line.startsWith("problem")), [
            "problem  size: bodies of 1.0 GiB are refused with 413, those of 100.0 MiB are accepted"
          ])
          const { code, out, stderr } = yield* run("upload", file, "--to", url)
          assert.strictEqual(code, 0, stderr)
          yield* Effect.promise(async () =>
            assert.strictEqual(
              await sha256OfFile(fileOf(join(at, "uploads"), out.at(-1) ?? "")),
              await sha256OfFile(file)
            )
          )
        }
      }),
    limit
  )
})
