/**
 * Uploads of files over connections: to servers that close them or are not tus servers, and of a file that changes
 * meanwhile.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusError, TusUpload, type UploadOptions } from "effect-tus/client"
import { NodeHandler } from "effect-tus/node"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import type * as Http from "node:http"
import { join } from "node:path"
import { storedAt } from "../client/world.js"
import { server } from "../server/doors.js"
import { directory } from "../support/directory.js"
import { certificate, http, https, raw } from "./servers.js"

const bytes = randomBytes(3_000_001)

/** A file with a date long ago. */
const file = Effect.map(directory, (directory) => {
  const path = join(directory, "file")
  Fs.writeFileSync(path, bytes)
  Fs.utimesSync(path, 1000, 1000)
  return path
})

const run = (
  options: Omit<UploadOptions.UploadOptions, "source"> & { readonly path: string },
  client: NodeTusClient.Options = {}
) =>
  Effect.flatMap(
    FileSource.make(options.path),
    (source) => TusUpload.run({ retry: Schedule.recurs(1), ...options, source })
  ).pipe(
    Effect.provide(NodeTusClient.layer({ proxy: false, ...client }))
  )

/** A server in memory behind a listener of `node:http`. */
const tus = Effect.fnUntraced(function*(onRequest: (request: Http.IncomingMessage, nth: number) => void = () => {}) {
  const context = yield* Layer.build(server())
  const { listener } = yield* Effect.provide(NodeHandler.make({ path: "/files" }), context)
  let patches = 0
  const listening = yield* http((request, response) => {
    patches += request.method === "PATCH" ? 1 : 0
    onRequest(request, patches)
    listener(request, response)
  })
  return { ...listening, stored: (url: string) => Effect.provide(storedAt(url), context) }
})

describe("an upload over failing connections", () => {
  for (const [when, limit] of [["at their first bytes", 0], ["in the middle of a body", 50_000]] as const) {
    it.scopedLive(`completes although every second connection is closed ${when}`, () =>
      Effect.gen(function*() {
        const { server, sockets, stored, url } = yield* tus()
        let closed = 0
        server.maxRequestsPerSocket = 1
        server.on("connection", (socket) => {
          if (sockets.length % 2 === 0) {
            socket.on("data", () => {
              if (socket.bytesRead > limit && !socket.destroyed) {
                closed++
                socket.destroy()
              }
            })
          }
        })
        const result = yield* run({ endpoint: url, path: yield* file, chunkSize: 500_000 })
        assert.isTrue(bytes.equals(yield* stored(result.url)))
        assert.isAtLeast(closed, 3)
      }))
  }

  const changes: ReadonlyArray<
    readonly [what: string, change: (path: string) => void, reason: string, message: RegExp]
  > = [
    ["grows", (path) => Fs.appendFileSync(path, "more"), "Changed", /grew from 3000001 to 3000005 bytes/],
    ["shrinks", (path) => Fs.truncateSync(path, 2_900_000), "TooShort", /2900000/],
    ["is emptied", (path) => Fs.truncateSync(path, 0), "TooShort", /\b0\b/],
    ["is written to", (path) => Fs.writeFileSync(path, "other", { flag: "r+" }), "Changed", /was written to/],
    [
      "is replaced",
      (path) => {
        Fs.writeFileSync(`${path}.new`, randomBytes(bytes.length))
        Fs.utimesSync(`${path}.new`, 1000, 1000)
        Fs.renameSync(`${path}.new`, path)
      },
      "Changed",
      /another file has replaced it/
    ],
    ["is removed", (path) => Fs.rmSync(path), "Missing", /there is no such file/]
  ]
  for (const [what, change, reason, message] of changes) {
    // A process that has the file open still reads the old one.
    const sizes = what === "is removed" || what === "is replaced" ? [500_000] : [500_000, bytes.length]
    for (const chunkSize of sizes) {
      it.scopedLive(`does not complete from a file that ${what} meanwhile, with chunks of ${chunkSize} bytes`, () =>
        Effect.gen(function*() {
          const path = yield* file
          let upload = ""
          const { stored, url } = yield* tus((request, patches) => {
            if (request.method === "PATCH" && patches === (chunkSize < bytes.length ? 2 : 1)) {
              upload = request.url ?? ""
              change(path)
            }
          })
          const error = yield* Effect.flip(run({ endpoint: url, path, chunkSize }))
          assert.strictEqual(error._tag, "SourceError")
          assert.propertyVal(error, "reason", reason)
          assert.match(error.message, message)
          const there = yield* stored(new URL(upload, url).href)
          assert.isBelow(there.length, bytes.length)
          assert.isTrue(bytes.subarray(0, there.length).equals(there))
        }))
    }
  }
})

const fails = (endpoint: string, client: NodeTusClient.Options = {}) =>
  Effect.flatMap(file, (path) => Effect.flip(run({ endpoint, path }, client)))

const unanswered = (error: unknown, reason: TusError.Unanswered["reason"], attempts: number, message: RegExp) => {
  assert.instanceOf(error, TusError.Unanswered)
  deepStrictEqual([error.reason, error.attempts], [reason, attempts])
  assert.match(error.message, message)
}

describe("an upload that cannot start", () => {
  it.scopedLive("fails before it sends anything to a server with an unknown certificate", () =>
    Effect.gen(function*() {
      let asked = 0
      const { url } = yield* https((_, response) => {
        asked++
        response.end()
      })
      unanswered(yield* fails(url), "Tls", 1, /its certificate authority is not trusted here/)
      assert.strictEqual(asked, 0)
    }))

  it.scopedLive("fails if the certificate is of another host", () =>
    Effect.gen(function*() {
      const { url } = yield* https((_, response) => response.end(), {
        cert: certificate("elsewhere.pem"),
        key: certificate("elsewhere.key")
      })
      unanswered(yield* fails(url, { ca: certificate("ca.pem") }), "Tls", 1, /its certificate is for another host/)
    }))

  it.scopedLive("fails if the URL says https for an http server, or http for an https server", () =>
    Effect.gen(function*() {
      const plain = yield* http((_, response) => response.end())
      unanswered(
        yield* fails(plain.url.replace("http:", "https:")),
        "Tls",
        1,
        /if it speaks http, use http: in the URL/
      )
      const secure = yield* https((_, response) => response.end())
      const error = yield* fails(secure.url.replace("https:", "http:"))
      assert.match(error.message, /if it expects https, use https: in the URL/)
    }))

  it.scopedLive("fails if the server never responds, and each attempt ends after the stall timeout", () =>
    Effect.gen(function*() {
      const { sockets, url } = yield* raw((socket) => socket.resume())
      const started = process.hrtime.bigint()
      unanswered(
        yield* fails(url, { stallTimeout: "200 millis" }),
        "Stalled",
        2,
        /the connection to .* stalled .*no byte moved for 0\.2 seconds.*tried 2 times/
      )
      assert.isAtLeast(Number(process.hrtime.bigint() - started) / 1e6, 590)
      // The first request asks what the server supports, and need not be answered.
      assert.strictEqual(sockets.length, 3)
    }))

  it.scopedLive("fails if a web page responds", () =>
    Effect.gen(function*() {
      const { url } = yield* http((request, response) => {
        request.resume()
        response.writeHead(200, { "content-type": "text/html" }).end("<html>Welcome</html>")
      })
      const error = yield* fails(url)
      assert.strictEqual(error._tag, "Misbehaved")
      assert.propertyVal(error, "reason", "NotTus")
      assert.match(error.message, /is this the URL of a tus server\?/)
    }))

  it.scopedLive("fails if the server is not HTTP", () =>
    Effect.gen(function*() {
      const { url } = yield* raw((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"))
      unanswered(yield* fails(url), "NotHttp", 1, /the response of .* is not HTTP/)
    }))
})
