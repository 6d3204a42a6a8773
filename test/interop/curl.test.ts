/**
 * curl against the running example, with the command that the example prints.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { needs } from "../support/needs.js"
import { sha256OfStored } from "../support/stored.js"
import { createUpload, offsetOf, server, sha256 } from "./server.js"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const readme = readFileSync(`${root}README.md`)

needs("curl")("curl", () => {
  it.scopedLive("uploads with the command that the server prints", () =>
    Effect.gen(function*() {
      const { directory, output, url: endpoint } = yield* server
      yield* Effect.promise(async () => {
        while (!output().includes("--data-binary @README.md\n")) {
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
        const command = output().slice(output().indexOf("curl"), output().indexOf("@README.md") + "@README.md".length)
        const { stdout } = await run("sh", ["-c", command], { cwd: root })
        assert.match(stdout, /^HTTP\/1.1 201 Created\r\n/m)
        const [, location = ""] = /^location: (\S+)/im.exec(stdout) ?? []
        assert.strictEqual(await Effect.runPromise(sha256OfStored(directory, location)), await sha256([readme]))
        assert.strictEqual(await offsetOf(new URL(location, endpoint).href), readme.length)
      })
    }))

  it.scopedLive("gets a refusal before it has sent a large body", () =>
    Effect.gen(function*() {
      const { url: endpoint } = yield* server
      yield* Effect.promise(async () => {
        const url = await createUpload(endpoint, 3)
        const { stdout } = await run("sh", [
          "-c",
          `head -c 50000000 /dev/zero | curl -sS -w '%{http_code} %{size_upload}' -X PATCH ${url} -H 'Tus-Resumable: 1.0.0' \
            -H 'Upload-Offset: 0' -H 'Content-Type: application/offset+octet-stream' -T -`
        ])
        assert.match(stdout, /at most 3 bytes[^]*413/)
      })
    }))
})
