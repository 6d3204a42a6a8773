/**
 * A server on a file system that cannot sync directories, such as a shared folder or a network drive.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startExample } from "../example.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { exchange } from "./bounded.js"

/** A server whose directory syncs fail with `code`. */
const serving = (path: string, code: string) => {
  const trace = `${path}.trace`
  const shards = Array.from({ length: 256 }, (_, i) => join(path, i.toString(16).padStart(2, "0")))
  const places = [path, ...shards].flatMap((place) => ["-P", place])
  const strace = ["strace", "-f", "-o", trace, ...places, "-e", "trace=fsync", "-e", `inject=fsync:error=${code}`]
  return Effect.acquireRelease(
    Effect.promise(() => startExample("node-server", { UPLOAD_DIR: path, UV_USE_IO_URING: "0" }, strace)),
    ({ ended }) =>
      Effect.promise(() => {
        process.kill(Number.parseInt(readFileSync(trace, "utf8")), "SIGKILL")
        return ended
      })
  )
}

needs("strace")("a file system that cannot sync directories", () => {
  it.scopedLive.each(["EINVAL", "EBADF"])(
    "completes uploads and loses no bytes: %s",
    (code) =>
      Effect.gen(function*() {
        const path = join(yield* directory, "uploads")
        const { output, url } = yield* serving(path, code)
        const port = Number(new URL(url).port)
        const bytes = Buffer.from("abcdef")
        for (const _ of [1, 2]) {
          const { headers: { location = "" } } = yield* exchange(port, Exchange.post({ "upload-length": 6 }))
          const first = yield* exchange(port, Exchange.patch(location, 0, bytes.subarray(0, 3)))
          const last = yield* exchange(port, Exchange.patch(location, 3, bytes.subarray(3)))
          deepStrictEqual([first.status, last.status], [204, 204])
          deepStrictEqual((yield* exchange(port, Exchange.head(location))).headers["upload-offset"], "6")
        }
        assert.lengthOf(output().match(/cannot sync directories/g) ?? [], 1)
      }),
    60_000
  )
})
