/**
 * A suspended server process, such as one whose machine is migrated. The bytes that clients sent meanwhile are read
 * when it resumes, and no body counts as stalled.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { connect as connectHttp2 } from "node:http2"
import { request as requestHttp } from "node:https"
import type { Writable } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { child } from "../child.js"
import { directory } from "../support/directory.js"
import { octets, tus } from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { read } from "./certificates.js"

const size = 2000
const pieces = 50
const headers = { ...octets, "upload-offset": 0 }

/** One piece every 100 ms. */
const dribble = async (body: Writable, onPiece: (count: number) => void) => {
  for (let i = 1; i <= pieces; i++) {
    body.write(Buffer.alloc(size, i))
    onPiece(i)
    await setTimeout(100)
  }
  body.end()
}

type Send = (port: number, path: string, onPiece: (count: number) => void) => Promise<number | undefined>

const ways: Readonly<Record<string, Send>> = {
  "HTTP/1.1": async (port, path, onPiece) => {
    const patch = requestHttp({ port, path, method: "PATCH", headers, rejectUnauthorized: false })
    const answered = once(patch, "response")
    await dribble(patch, onPiece)
    const [response] = await answered
    return response.resume().statusCode
  },
  "HTTP/2": async (port, path, onPiece) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    const patch = session.request({ ":method": "PATCH", ":path": path, ...headers })
    const answered = once(patch, "response")
    await dribble(patch, onPiece)
    const [answer] = await answered
    session.destroy()
    return answer[":status"]
  }
}

needs("openssl")("a server that was suspended", () => {
  it.scopedLive("for longer than its idle timeout reads the bytes that came meanwhile, on both protocols", () =>
    Effect.gen(function*() {
      const tls = { cert: read("server.pem").toString(), key: read("server.key").toString() }
      const told = { port: 0, directory: yield* directory, idleTimeout: "2 seconds", tls }
      const { process: server, says } = yield* child("node/stuck", told)
      const port = Number((yield* Effect.promise(() => says(({ port }) => port !== undefined)))["port"])
      const create = async () => {
        const headers = { ...tus, "upload-length": 1_000_000 }
        const post = requestHttp({ port, path: "/files", method: "POST", headers, rejectUnauthorized: false }).end()
        const [response] = await once(post, "response")
        return String(response.resume().headers.location)
      }
      const names = Object.keys(ways).flatMap((name) => [name, name, name])
      const statuses = yield* Effect.promise(async () => {
        let begun = 0
        return await Promise.all(names.map(async (name) => {
          const path = await create()
          return await ways[name]?.(port, path, (count) => {
            if (count === 3 && ++begun === names.length) {
              server.kill("SIGSTOP")
              void setTimeout(4000).then(() => server.kill("SIGCONT"))
            }
          })
        }))
      })
      deepStrictEqual(statuses, names.map(() => 204))
      assert.isNull(server.exitCode)
    }))
})
