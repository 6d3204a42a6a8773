/**
 * An exhausted disk quota: SQLite reports it like any other failed write, but the reason is missing space.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { example } from "../example.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { exchange } from "./bounded.js"

/** From here on the first write of each thread to one of these files fails with `code`. */
const failing = (pid: number, files: ReadonlyArray<string>, code: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const places = files.flatMap((file) => ["-P", file])
      const inject = ["-e", "trace=pwrite64,pwritev", "-e", `inject=pwrite64,pwritev:error=${code}:when=1`]
      const strace = spawn("strace", ["-f", "-p", `${pid}`, ...places, ...inject], {
        stdio: ["ignore", "ignore", "pipe"]
      })
      // strace prints a line when it has attached.
      await once(strace.stderr, "data")
      return strace
    }),
    (strace) =>
      Effect.promise(async () => {
        strace.kill("SIGTERM")
        await once(strace, "close")
      })
  )

const serving = Effect.gen(function*() {
  const path = join(yield* directory, "uploads")
  const server = yield* example("node-server", { UPLOAD_DIR: path, UV_USE_IO_URING: "0" })
  const port = Number(new URL(server.url).port)
  const { headers: { location = "" } } = yield* exchange(port, Exchange.post({ "upload-length": 6 }))
  return {
    path,
    reserve: join(path, "reserve"),
    fail: (code: string) =>
      failing(
        server.process.pid ?? 0,
        ["uploads.sqlite-wal", "reserve.probe"].map((name) => join(path, name)),
        code
      ),
    create: exchange(port, Exchange.post({ "upload-length": 6 })),
    terminate: exchange(port, Exchange.terminate(location))
  }
})

needs("strace")("a disk quota that is used up", () => {
  it.scopedLive("releases the reserve for operations that free space, and these succeed", () =>
    Effect.gen(function*() {
      const { fail, reserve, terminate } = yield* serving
      assert.isTrue(existsSync(reserve))
      yield* fail("EDQUOT")
      deepStrictEqual([(yield* terminate).status, existsSync(reserve)], [204, false])
    }))

  it.scopedLive("is 507 for operations that need space", () =>
    Effect.gen(function*() {
      const { create, fail } = yield* serving
      yield* fail("EDQUOT")
      assert.strictEqual((yield* create).status, 507)
    }))

  it.scopedLive("is not mistaken for a broken disk", () =>
    Effect.gen(function*() {
      const { fail, path, reserve, terminate } = yield* serving
      yield* fail("EIO")
      deepStrictEqual(
        [(yield* terminate).status, existsSync(reserve), existsSync(join(path, "reserve.probe"))],
        [500, true, false]
      )
    }))
})
