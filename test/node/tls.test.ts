/**
 * The server over TLS: certificates of both sides, and the same behaviour over HTTP/2.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadSource } from "effect-tus/client"
import { NodeTusServer } from "effect-tus/node"
import { type NodeTransport, NodeTusClient } from "effect-tus/node-client"
import { InFlight, TusServer } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import { connect } from "node:tls"
import { promisify } from "node:util"
import type * as ServerTls from "../../src/node/http/ServerTls.js"
import { storedAt } from "../client/world.js"
import { relay } from "../interop/relay.js"
import { server } from "../server/doors.js"
import {
  type Answer,
  create,
  digest,
  head,
  locationOf,
  offsetOf,
  patch,
  post,
  type Request,
  terminate,
  trailed
} from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { path, read } from "./certificates.js"

const bytes = randomBytes(3 * 1024 * 1024 + 17)

const start = (
  options: NodeTusServer.HttpOptions = {},
  own: Partial<ServerTls.Options> = {}
) =>
  Effect.gen(function*() {
    const tls = { cert: read("server.pem"), key: read("server.key"), ...own }
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const context = yield* Layer.build(server())
    const http = yield* Layer.build(NodeTusServer.layerHttp({ port: 0, idleTimeout: "1 hour", ...options, tls })).pipe(
      Effect.provide(context),
      Scope.extend(scope)
    )
    const { port, url } = Context.get(http, NodeTusServer.NodeTusServer)
    return {
      port,
      url,
      stop: Scope.close(scope, Exit.void),
      client: (options: NodeTransport.Options = {}) =>
        NodeTusClient.layer({ proxy: false, ca: read("ca.pem"), ...options }),
      stored: (url: string) => Effect.provide(storedAt(url), context)
    }
  })

const upload = (endpoint: string) =>
  TusUpload.run({ endpoint, source: UploadSource.fromBytes(bytes), retry: Schedule.recurs(1) })

needs("openssl")("a server with a certificate", () => {
  for (const http2 of [true, false]) {
    it.scopedLive(`accepts uploads over https, cut off and resumed, ${http2 ? "beside" : "without"} HTTP/2`, () =>
      Effect.gen(function*() {
        const { client, stored, url } = yield* start({}, { http2 })
        assert.match(url, /^https:\/\/127\.0\.0\.1:\d+\/files$/)
        const network = yield* relay(url, [{ up: 1_000_000, happens: "reset" }])
        const endpoint = network.url.replace("http:", "https:")
        const result = yield* Effect.provide(upload(endpoint), client())
        assert.isAtLeast(result.attempts, 2)
        assert.isTrue(bytes.equals(yield* stored(result.url)))
      }))

    it.scopedLive(`accepts only clients that its authority knows, ${http2 ? "beside" : "without"} HTTP/2`, () =>
      Effect.gen(function*() {
        const { client, stored, url } = yield* start({}, { http2, ca: read("ca.pem") })
        const known = { cert: read("client.pem"), key: read("client.key") }
        const result = yield* Effect.provide(upload(url), client(known))
        assert.isTrue(bytes.equals(yield* stored(result.url)))
        for (const other of [{}, { cert: read("stranger.pem"), key: read("stranger.key") }]) {
          const error = yield* Effect.flip(Effect.provide(upload(url), client(other)))
          assert.strictEqual(error._tag, "Unanswered")
          assert.include(["Tls", "Closed"], "reason" in error ? error.reason : "")
        }
      }))

    it.scopedLive(`has the same limits on HTTP/1.1, ${http2 ? "beside" : "without"} HTTP/2`, () =>
      Effect.gen(function*() {
        const { port } = yield* start({ headersTimeout: "200 millis" }, { http2 })
        yield* Effect.promise(async () => {
          for (const part of ["PATCH /fi", "PATCH /files/a HTTP/1.1\r\nHost: localhost\r\nX-A: "]) {
            assert.match(await told(port, read("ca.pem"), part), /^HTTP\/1.1 408 [^]*within 0.2 seconds\n$/)
          }
          assert.match(await told(port, read("ca.pem"), "garbage\r\n\r\n"), /^HTTP\/1.1 400 [^]*well-formed/)
          const twice =
            "POST /files HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 1\r\nUpload-Length: 1\r\n"
          const many = `${"a:b\r\n".repeat(2000)}Connection: close\r\n\r\n`
          assert.match(await told(port, read("ca.pem"), `${twice}${many}`), /^HTTP\/1.1 400 [^]*Upload-Length/)
        })
      }))
  }

  for (const http2 of [true, false]) {
    it.scopedLive(`closes all kinds of connections when it ends, ${http2 ? "beside" : "without"} HTTP/2`, () =>
      Effect.gen(function*() {
        const { client, port, stop, url } = yield* start({}, { http2 })
        if (http2) {
          const session = yield* open(port, read("ca.pem"))
          yield* Effect.promise(() => ask(session, { method: "OPTIONS", path: "/files" }))
        }
        // A connection that is kept alive, and one before its handshake.
        yield* Effect.provide(upload(url), yield* Layer.build(client()))
        yield* Effect.acquireRelease(
          Effect.promise(() =>
            new Promise<Net.Socket>((resolve) => {
              const socket = Net.connect(port, "127.0.0.1", () => resolve(socket)).on("error", () => {})
            })
          ),
          (socket) => Effect.sync(() => socket.destroy())
        )
        assert.isTrue(yield* Effect.timeout(Effect.as(stop, true), "2 seconds"))
      }))
  }

  const unusable: ReadonlyArray<readonly [string, () => Partial<ServerTls.Options>]> = [
    ["cert: expected certificates in PEM form", () => ({ cert: "none" })],
    ["key: expected a private key in PEM form", () => ({ key: "none" })],
    ["key: expected the private key of the certificate", () => ({ key: read("client.key") })],
    ["ca: expected certificates in PEM form", () => ({ ca: "none" })]
  ]
  for (const [message, own] of unusable) {
    it.scopedLive(`refuses to start with a wrong certificate: ${message}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(start({}, own()))
        assert.strictEqual(error._tag, "TlsError")
        assert.isTrue(error.message.startsWith(`tls.${message}`), error.message)
      }))
  }
})

needs("openssl")("an upload over HTTP/2", () => {
  it.scopedLive("is accepted in bodies with and without a length, and has an offset", () =>
    Effect.gen(function*() {
      const { port, stored, url } = yield* start()
      const session = yield* open(port, read("ca.pem"))
      yield* Effect.promise(async () => {
        const created = await ask(session, post({ "upload-length": bytes.length }, bytes.subarray(0, 1000)))
        assert.strictEqual(created.status, 201, created.text)
        const path = locationOf(created)
        const append = (offset: number, body: Uint8Array, headers = {}) =>
          ask(session, patch(path, offset, body, headers))
        assert.strictEqual((await append(1000, bytes.subarray(1000, 2_000_000))).headers["upload-offset"], "2000000")
        const rest = bytes.subarray(2_000_000)
        assert.strictEqual((await append(2_000_000, rest, { "content-length": rest.length })).status, 204)
        assert.strictEqual(await offsetAt(session, path), bytes.length)
        const refused = await append(0, bytes.subarray(0, 10))
        assert.strictEqual(refused.status, 409)
        assert.match(refused.text, /^[^\n]{10,}\n$/)
        const removed = await ask(session, terminate(path))
        assert.strictEqual(removed.status, 204)
        return path
      })
      const created = yield* Effect.promise(() => ask(session, post({ "upload-length": bytes.length }, bytes)))
      assert.isTrue(bytes.equals(yield* stored(new URL(locationOf(created), url).href)))
    }))

  it.scopedLive("is checked by a checksum in the trailers", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const session = yield* open(port, read("ca.pem"))
      yield* Effect.promise(async () => {
        const path = await createAt(session, 6)
        const right = trailed(path, 0, "abc")
        const wrong = { ...trailed(path, 3, "def"), trailers: { "upload-checksum": digest("xyz") } }
        assert.strictEqual((await ask(session, right)).status, 204)
        assert.strictEqual((await ask(session, wrong)).status, 460)
        assert.strictEqual(await offsetAt(session, path), 3)
      })
    }))

  it.scopedLive("keeps the bytes of a body that is cut off, with its stream or with its connection", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const session = yield* open(port, read("ca.pem"))
      for (const how of ["stream", "connection"] as const) {
        const other = yield* open(port, read("ca.pem"))
        yield* Effect.promise(async () => {
          const path = await createAt(session, 1_000_000)
          const cut = other.request(headersOf(patch(path, 0, "")))
          cut.on("error", () => {})
          await new Promise((resolve) => cut.write(Buffer.alloc(300_000), resolve))
          while (await offsetAt(session, path) < 300_000) {
            if (how === "stream") {
              setTimeout(() => cut.close(Http2.constants.NGHTTP2_CANCEL), 100)
            } else {
              setTimeout(() => other.destroy(), 100)
            }
            await new Promise((resolve) => setTimeout(resolve, 50))
          }
          assert.strictEqual(await offsetAt(session, path), 300_000)
          const rest = await ask(session, patch(path, 300_000, Buffer.alloc(700_000)))
          assert.strictEqual(rest.status, 204)
        })
      }
    }))

  it.scopedLive("keeps nothing of a body under a checksum that is cut off", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const session = yield* open(port, read("ca.pem"))
      for (const how of ["stream", "connection"] as const) {
        const other = yield* open(port, read("ca.pem"))
        yield* Effect.promise(async () => {
          const path = await createAt(session, 10)
          // Node ends a stream before it cancels it: without a length the body would look complete.
          const length = how === "stream" ? { "content-length": 10 } : {}
          const cut = other.request(headersOf(patch(path, 0, "", { "upload-checksum": digest("abc"), ...length })))
          cut.on("error", () => {})
          // The digest matches the bytes so far, but more were announced.
          await new Promise((resolve) => cut.write("abc", resolve))
          await new Promise((resolve) => setTimeout(resolve, 100))
          if (how === "stream") {
            cut.close(Http2.constants.NGHTTP2_CANCEL)
          } else {
            other.destroy()
          }
          await new Promise((resolve) => cut.once("close", resolve))
          await ask(session, patch(path, 0, "x"))
          assert.strictEqual(await offsetAt(session, path), 1, how)
        })
      }
    }))

  it.scopedLive("can be refused in the middle of a body, while others continue", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const session = yield* open(port, read("ca.pem"))
      yield* Effect.promise(async () => {
        const path = await createAt(session, 4 * 1024 * 1024)
        const other = await createAt(session, 1)
        const body = Buffer.alloc(16 * 1024 * 1024)
        for (const [offset, status] of [[7, 409], [0, 413]] as const) {
          const refused = await ask(session, patch(path, offset, body))
          assert.strictEqual(refused.status, status)
          assert.match(refused.text, /^[^\n]{10,}\n$/)
          assert.strictEqual(await offsetAt(session, other), 0)
        }
        assert.strictEqual(await offsetAt(session, path), 4 * 1024 * 1024)
      })
    }))

  it.scopedLive("shares one connection with many others, also with one that hangs", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const session = yield* open(port, read("ca.pem"))
      yield* Effect.promise(async () => {
        const hung = session.request(headersOf(patch(await createAt(session, 10), 0, "")))
        hung.on("error", () => {}).write("abc")
        const sizes = Array.from({ length: 40 }, (_, i) => i * 10_000)
        const answers = await Promise.all(sizes.map(async (size) => {
          const path = await createAt(session, size)
          await ask(session, patch(path, 0, Buffer.alloc(size)))
          return await offsetAt(session, path)
        }))
        deepStrictEqual(answers, sizes)
        hung.close()
      })
    }))

  it.scopedLive("is buffered little if the store accepts no more", () =>
    Effect.gen(function*() {
      // Each request pulls once and then never again.
      const { port } = yield* Effect.provide(
        NodeTusServer.NodeTusServer,
        yield* Layer.build(
          NodeTusServer.layerHttp({
            port: 0,
            shutdownTimeout: 0,
            tls: { cert: read("server.pem"), key: read("server.key") }
          }).pipe(
            Layer.provide(Layer.succeed(TusServer.TusServer, {
              handle: (_command, { body }) => Effect.zipRight(Effect.ignore(body.pull), Effect.never),
              inFlight: InFlight.make(),
              finishPending: () => Effect.void,
              locate: () => Effect.succeedNone
            }))
          )
        )
      )
      const session = yield* open(port, read("ca.pem"))
      yield* Effect.promise(async () => {
        const path = `/files/${"a".repeat(32)}`
        const request = session.request(headersOf(patch(path, 0, "")))
        request.on("error", () => {}).write(Buffer.alloc(16 * 1024 * 1024))
        const sent = () => Number(session.socket.bytesWritten)
        for (let before = -1; before < sent();) {
          before = sent()
          await new Promise((resolve) => setTimeout(resolve, 200))
        }
        // One flow-control window, and 1 MiB that the body buffers.
        assert.isAtLeast(sent(), 1024 * 1024)
        assert.isBelow(sent(), 3 * 1024 * 1024)
      })
    }))

  it.scopedLive("is cut off when it is idle, committed and answered", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ idleTimeout: "200 millis" })
      const session = yield* open(port, read("ca.pem"))
      yield* Effect.promise(async () => {
        const path = await createAt(session, 1000)
        const answer = await ask(session, patch(path, 0, "x".repeat(123)), "never ends")
        assert.strictEqual(answer.status, 503)
        assert.match(answer.text, /stands at 123/)
      })
    }))

  it.scopedLive("is committed and answered when the server stops", () =>
    Effect.gen(function*() {
      const { port, stop } = yield* start()
      const session = yield* open(port, read("ca.pem"))
      const path = yield* Effect.promise(() => createAt(session, 1000))
      const answer = yield* Effect.fork(
        Effect.promise(() => ask(session, patch(path, 0, "x".repeat(321)), "never ends"))
      )
      yield* Effect.sleep("200 millis")
      let isToldToGo = false
      session.once("goaway", () => isToldToGo = true)
      yield* Effect.timeout(stop, "5 seconds")
      const { status, text } = yield* answer
      assert.isTrue(isToldToGo)
      assert.strictEqual(status, 503)
      assert.match(text, /stands at 321/)
    }))
})

needs("openssl", "curl")("an upload with curl over HTTP/2", () => {
  it.scopedLive("works, if curl supports it", () =>
    Effect.gen(function*() {
      const { stored, url } = yield* start()
      const run = promisify(execFile)
      const { stdout: version } = yield* Effect.promise(() => run("curl", ["--version"]))
      const wanted = /\bHTTP2\b/.test(version) ? "--http2" : "--http1.1"
      const { stdout } = yield* Effect.promise(() =>
        run("sh", [
          "-c",
          `curl -sS -i ${wanted} --cacert ${path("ca.pem")} ${url} -H 'Tus-Resumable: 1.0.0' -H 'Upload-Length: 5' \
            -H 'Content-Type: application/offset+octet-stream' --data-binary hello`
        ])
      )
      assert.match(stdout, wanted === "--http1.1" ? /^HTTP\/1\.1 201/ : /^HTTP\/2 201/)
      const [, location = ""] = /^location: (\S+)/im.exec(stdout) ?? []
      assert.strictEqual(Buffer.from(yield* stored(new URL(location, url).href)).toString(), "hello")
    }))
})

/** The whole response to these bytes, until the server closes the connection. */
const told = (port: number, ca: Buffer, text: string) =>
  new Promise<string>((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", ca, ALPNProtocols: ["http/1.1"] }, () => socket.write(text))
    let received = ""
    socket.setEncoding("latin1").on("data", (piece: string) => received += piece)
    socket.on("error", () => {}).on("close", () => resolve(received))
  })

const open = (port: number, ca: Buffer) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<Http2.ClientHttp2Session>((resolve, reject) => {
        // A body that is written at once counts as a whole.
        const session = Http2.connect(`https://127.0.0.1:${port}`, { ca, maxSessionMemory: 100 })
        session.once("connect", () => resolve(session)).on("error", reject)
      })
    ),
    (session) => Effect.sync(() => session.destroy())
  )

const headersOf = ({ headers, method, path }: Request) => ({ ":method": method, ":path": path, ...headers })

const ask = (session: Http2.ClientHttp2Session, request: Request, ending: "ends" | "never ends" = "ends") =>
  new Promise<Answer>((resolve, reject) => {
    const { body, trailers } = request
    const stream = session.request(headersOf(request), {
      endStream: body === undefined,
      waitForTrailers: trailers !== undefined
    })
    let answer: Http2.IncomingHttpHeaders = {}
    let text = ""
    stream.setEncoding("utf8")
      .on("response", (headers) => answer = headers)
      .on("data", (piece: string) => text += piece)
      .on("wantTrailers", () => stream.sendTrailers({ ...trailers }))
      .on("end", () => resolve({ status: Number(answer[":status"]), headers: answer as Answer["headers"], text }))
      .on("error", reject)
    if (body !== undefined) {
      void (ending === "ends" ? stream.end(body) : stream.write(body))
    }
  })

const createAt = async (session: Http2.ClientHttp2Session, length: number) =>
  locationOf(await ask(session, create(length)))

const offsetAt = async (session: Http2.ClientHttp2Session, path: string) => offsetOf(await ask(session, head(path)))
