/**
 * The server is killed without warning, again and again, in the middle of an upload. Nothing that it acknowledged is ever
 * lost, and the file is right in the end.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { request } from "node:http"
import { type Example, startExample } from "../example.js"
import { createUpload, directory, fileOf, offsetOf, sha256, sha256OfFile } from "./server.js"

const size = 48 * 1024 * 1024
const chunk = 256 * 1024
/** How often, for each promise of durability. */
const runs = [["completion", 22], ["always", 6]] as const

/** Sends one chunk; resolves with the offset that was acknowledged, or none where the server was gone. */
const send = (url: string, bytes: Uint8Array, offset: number) =>
  new Promise<number | undefined>((resolve) => {
    const sending = request(url, {
      method: "PATCH",
      agent: false,
      headers: {
        "tus-resumable": "1.0.0",
        "upload-offset": offset,
        "content-type": "application/offset+octet-stream",
        "content-length": bytes.length
      }
    }, (response) => {
      response.resume()
      resolve(response.statusCode === 204 ? Number(response.headers["upload-offset"]) : undefined)
    })
    sending.on("error", () => resolve(undefined))
    sending.end(bytes)
  })

describe("kill -9", () => {
  for (const [durability, kills] of runs) {
    it.scopedLive(`loses nothing that was acknowledged, durability ${durability}`, () =>
      Effect.gen(function*() {
        const path = yield* directory
        yield* Effect.promise(async () => {
          const bytes = randomBytes(size)
          const digest = await sha256([bytes])
          const env = { UPLOAD_DIR: path, DURABILITY: durability }
          let server = await startExample("node-server", env)
          let killed = 0
          try {
            while (killed < kills) {
              const created = new URL(await createUpload(server.url, size)).pathname
              const url = () => new URL(created, server.url).href
              let acknowledged = 0
              while (acknowledged < size) {
                const dying = kill(server, 5 + ((killed * 37) % 90))
                // Small chunks and the whole rest, so that the end comes between requests as well as within one.
                const length = killed % 2 === 0 ? chunk : size
                for (let answered: number | undefined = acknowledged; answered !== undefined && answered < size;) {
                  acknowledged = answered
                  answered = await send(url(), bytes.subarray(answered, answered + length), answered)
                }
                await dying
                killed++
                server = await startExample("node-server", env)
                const offset = await offsetOf(url())
                assert.isAtLeast(offset, acknowledged, `after ${killed} kills`)
                acknowledged = offset
              }
              assert.strictEqual(acknowledged, size)
              assert.strictEqual(await sha256OfFile(fileOf(path, created)), digest)
            }
          } finally {
            await server.kill("SIGKILL")
          }
        })
      }), 240_000)
  }
})

const kill = (server: Example, afterMillis: number) =>
  new Promise<void>((resolve) => {
    setTimeout(() => void server.kill("SIGKILL").then(() => resolve()), afterMillis)
  })
