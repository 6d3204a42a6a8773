/**
 * A disk that is full, for the bytes and for the database beside them, and then has room again.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { example } from "../example.js"
import { createUpload, fileOf, offsetOf, sha256, sha256OfFile } from "./server.js"

const mount = (path: string, options: string) =>
  spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path]).status === 0

/** A file system in memory; none where this user may not mount one. */
const disk = Effect.acquireRelease(
  Effect.sync(() => {
    const path = mkdtempSync(join(tmpdir(), "effect-tus-full-"))
    return { path, mounted: mount(path, "size=4m") }
  }),
  ({ mounted, path }) =>
    Effect.sync(() => {
      if (mounted) {
        spawnSync("umount", ["-l", path])
      }
      rmdirSync(path)
    })
)

const mayMount = await Effect.runPromise(Effect.scoped(Effect.map(disk, ({ mounted }) => mounted)))

const append = (url: string, offset: number, body: Uint8Array<ArrayBuffer>) =>
  fetch(url, {
    method: "PATCH",
    headers: {
      "tus-resumable": "1.0.0",
      "upload-offset": String(offset),
      "content-type": "application/offset+octet-stream"
    },
    body
  })

describe("a full disk", () => {
  it.scopedLive.runIf(mayMount)(
    "is 507 with its cause in the log, and the same upload goes on when there is room",
    () =>
      Effect.gen(function*() {
        const { path } = yield* disk
        const { output, url: endpoint } = yield* example("node-server", { UPLOAD_DIR: path })
        yield* Effect.promise(async () => {
          const bytes = randomBytes(16 * 1024 * 1024)
          const url = await createUpload(endpoint, bytes.length)
          const full = await append(url, 0, bytes)
          assert.strictEqual(full.status, 507)
          assert.match(await full.text(), /no space left/)
          assert.match(output(), /ERROR[^]*ENOSPC/)
          const offset = await offsetOf(url)
          assert.isAtMost(offset, 4 * 1024 * 1024)
          assert.strictEqual((await append(url, offset, bytes.subarray(offset))).status, 507)
          assert.isTrue(mount(path, "remount,size=64m"))
          const again = await offsetOf(url)
          assert.isAtLeast(again, offset)
          assert.strictEqual((await append(url, again, bytes.subarray(again))).status, 204)
          assert.strictEqual(await sha256OfFile(fileOf(path, url)), await sha256([bytes]))
        })
      }),
    60_000
  )
})
