/**
 * Clients that vanish in the middle of whatever they do leave nothing behind in the running example.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { open, patch } from "../node/socket.js"
import { createUpload, fileOf, offsetOf, server } from "./server.js"

const size = 200_000
const rounds = 300

describe("aborts", () => {
  it.scopedLive("leave no descriptor, no lock and no wrong byte behind", () =>
    Effect.gen(function*() {
      const { directory, output, process: child, url: endpoint } = yield* server
      const descriptors = () => readdirSync(`/proc/${child.pid}/fd`).length
      yield* Effect.promise(async () => {
        const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31) % 251))
        const port = Number(new URL(endpoint).port)
        const urls = await Promise.all(Array.from({ length: 10 }, () => createUpload(endpoint, size)))
        const before = descriptors()
        const acknowledged = urls.map(() => 0)
        for (let round = 0; round < rounds; round++) {
          const url = urls[round % urls.length] ?? ""
          const offset = await offsetOf(url)
          assert.isAtLeast(offset, acknowledged[round % urls.length] ?? 0)
          acknowledged[round % urls.length] = offset
          const whole = Buffer.concat([
            Buffer.from(patch(new URL(url).pathname, offset, size - offset)),
            bytes.subarray(offset)
          ])
          const client = await open(port)
          await client.send(whole.subarray(0, (round * 7919) % Math.min(whole.length, 20_000)))
          client.destroy()
        }
        for (const url of urls) {
          for (let status = 0; status !== 204;) {
            const offset = await offsetOf(url)
            const response = await fetch(url, {
              method: "PATCH",
              headers: {
                "tus-resumable": "1.0.0",
                "upload-offset": String(offset),
                "content-type": "application/offset+octet-stream"
              },
              body: bytes.subarray(offset)
            })
            status = response.status
            assert.include([204, 409], status)
          }
          assert.isTrue(readFileSync(fileOf(directory, url)).equals(bytes))
        }
        // The clients of `fetch` keep a few connections open; nothing else may stay.
        for (let tries = 0; descriptors() > before + 10; tries++) {
          assert.isBelow(tries, 100, `${descriptors()} descriptors, ${before} before`)
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        assert.notMatch(output(), /ERROR|WARN|rejection/i)
        assert.isNull(child.exitCode)
      })
    }), 60_000)
})
