import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import { type TusPolicy, UploadHooks } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Server } from "node:http"
import type { Socket } from "node:net"
import { server } from "../server/doors.js"
import * as Exchange from "../support/exchange.js"
import { ask, headOf, open, patch, request, statusesOf } from "../support/raw.js"

const start = (
  options: NodeTusServer.HttpOptions = {},
  policy: TusPolicy.Options = {},
  hooks: Layer.Layer<never> = Layer.empty
) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0, idleTimeout: "1 hour", ...options }).pipe(
        Layer.provide(server(policy)),
        Layer.provide(hooks)
      )
    )
    const { port } = yield* Effect.provide(NodeTusServer.NodeTusServer, context)
    /** The whole response to these bytes, until the server closes the connection. */
    const told = async (bytes: string) => {
      const client = await open(port)
      await client.send(bytes)
      const text = await client.closed
      client.destroy()
      return text
    }
    const create = async (length: number) => Exchange.locationOf(await ask(port)(Exchange.create(length)))
    const offsetOf = async (path: string) => Exchange.offsetOf(await ask(port)(Exchange.head(path)))
    return { create, offsetOf, port, told }
  })

const chunkedPatch = (path: string) => headOf({ ...Exchange.patch(path, 0, ""), chunked: true })

/** Simulates full buffers on the way to the client: the real ones are too large to fill here. */
const clog = (message: unknown) => {
  Object.assign((message as { readonly socket: Socket }).socket, { _write: () => {}, _writev: null })
}

describe("NodeTusServer", () => {
  it.scopedLive("logs where it listens, once", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel.label} ${String(message)}`))
      const { port } = yield* Effect.provide(start(), Logger.replace(Logger.defaultLogger, logger))
      deepStrictEqual(logged, [`INFO effect-tus listens at http://127.0.0.1:${port}/files`])
    }))

  it.scopedLive("a head that does not arrive in time is refused, and so is a connection without a byte", () =>
    Effect.gen(function*() {
      const { told } = yield* start({ headersTimeout: "100 millis" })
      for (const part of ["", "\r\n", "PATCH /fi", "PATCH /files/a HTTP/1.1\r\nHost: localhost\r\nX-A: "]) {
        const text = yield* Effect.promise(() => told(part))
        deepStrictEqual(statusesOf(text), [408], part)
        assert.match(text, /\r\n\r\nexpected the headers of a request within 0.1 seconds\n$/)
      }
    }))

  it.scopedLive("a client that ends its side of the connection after its request gets a response, and the connection ends", () =>
    Effect.gen(function*() {
      const latch = yield* Effect.makeLatch()
      const hooks = Layer.succeed(UploadHooks.UploadHooks, { onComplete: () => latch.await })
      const { create, offsetOf, port } = yield* start({}, {}, hooks)
      const path = yield* Effect.promise(() => create(5))
      const client = yield* Effect.promise(() => open(port))
      yield* Effect.promise(() =>
        new Promise<void>((resolve) => client.socket.end(`${patch(path, 0, 5)}hello`, resolve))
      )
      // Requests are read in the order of their arrival: once this one is answered, the end of the other connection has
      // been read.
      yield* Effect.promise(() => create(1))
      yield* latch.open
      deepStrictEqual(statusesOf(yield* Effect.promise(() => client.closed)), [204])
      assert.strictEqual(yield* Effect.promise(() => offsetOf(path)), 5)
    }))

  it.scopedLive("a client that ends its side in the middle of a body leaves the bytes that have arrived", () =>
    Effect.gen(function*() {
      const { create, offsetOf, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(5)
        const client = await open(port)
        client.socket.end(`${patch(path, 0, 5)}he`)
        await client.closed
        assert.strictEqual(await offsetOf(path), 2)
      })
    }))

  for (
    const [title, options, expected] of [
      ["a head has a minute by default", {}, 60_000],
      ["a head has no time limit with headersTimeout: Infinity", { headersTimeout: Infinity }, 0]
    ] as const
  ) {
    it.scopedLive(title, () =>
      Effect.gen(function*() {
        const servers: Array<Server> = []
        const onStart = (message: unknown) => servers.push((message as { readonly server: Server }).server)
        subscribe("http.server.request.start", onStart)
        const { create } = yield* start(options)
        yield* Effect.promise(() => create(1))
        unsubscribe("http.server.request.start", onStart)
        deepStrictEqual(servers.map(({ headersTimeout }) => headersTimeout), [expected])
      }))
  }

  it.scopedLive("a body may take longer than a head may", () =>
    Effect.gen(function*() {
      const { create, offsetOf, port } = yield* start({ headersTimeout: "50 millis" })
      yield* Effect.promise(async () => {
        const path = await create(6)
        const slow = await open(port)
        await slow.send(patch(path, 0, 6) + "abc")
        // An idle connection that was opened later is closed: so the time limit is over.
        const idle = await open(port)
        await idle.closed
        await slow.send("def")
        await slow.received(/^HTTP\/1.1 204 /)
        assert.strictEqual(await offsetOf(path), 6)
        slow.destroy()
      })
    }))

  it.scopedLive("a body may rest for ever with idleTimeout: Infinity", () =>
    Effect.gen(function*() {
      const { create, offsetOf, port } = yield* start({ idleTimeout: Infinity })
      yield* Effect.promise(async () => {
        const path = await create(6)
        const client = await open(port)
        await client.send(patch(path, 0, 6) + "abc")
        await client.send("def")
        await client.received(/^HTTP\/1.1 204 /)
        assert.strictEqual(await offsetOf(path), 6)
        client.destroy()
      })
    }))

  it.scopedLive("a malformed request is refused with a sentence, and with all headers of a refusal", () =>
    Effect.gen(function*() {
      const { told } = yield* start()
      for (
        const [bytes, status] of [
          ["garbage\r\n\r\n", 400],
          ["\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", 400],
          [`HEAD /files/${"a".repeat(100_000)} HTTP/1.1\r\n`, 431],
          [request("HEAD", "/files/a", [`X-A: ${"a".repeat(60 * 1024)}`]), 431]
        ] as const
      ) {
        const text = yield* Effect.promise(() => told(bytes))
        deepStrictEqual(statusesOf(text), [status])
        assert.match(text, /\r\ntus-resumable: 1.0.0\r\n/)
        assert.match(text, /\r\naccess-control-allow-origin: \*\r\n/)
        assert.match(text, /\r\nconnection: close\r\n/)
        const [head = "", body = ""] = text.split("\r\n\r\n")
        assert.match(body, /^expected [^\n]+\n$/)
        assert.include(head, `content-length: ${body.length}`)
      }
    }))

  it.scopedLive("a malformed request reveals nothing to pages of other origins", () =>
    Effect.gen(function*() {
      const { told } = yield* start({}, { cors: { origins: ["https://example.org"] } })
      assert.notMatch(yield* Effect.promise(() => told("garbage\r\n\r\n")), /access-control/)
    }))

  it.scopedLive("a client that still sends sees the response", () =>
    Effect.gen(function*() {
      const { told } = yield* start()
      const text = yield* Effect.promise(() => told(`HEAD /files/${"a".repeat(8 * 1024 * 1024)}`))
      deepStrictEqual(statusesOf(text), [431])
    }))

  it.scopedLive("garbage after a request does not hide its response", () =>
    Effect.gen(function*() {
      const { create, offsetOf, told } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(3)
        deepStrictEqual(statusesOf(await told(`${patch(path, 0, 3)}abc\0\0\0\r\n\r\n`)), [204, 400])
        assert.strictEqual(await offsetOf(path), 3)
      })
    }))

  it.scopedLive("a body with broken framing counts as cut off: its bytes are kept, and the response has the offset", () =>
    Effect.gen(function*() {
      const { create, offsetOf, told } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(100)
        const text = await told(`${chunkedPatch(path)}3\r\nabc\r\nzz\r\n`)
        deepStrictEqual(statusesOf(text), [503])
        assert.match(text, /stands at 3/)
        assert.strictEqual(await offsetOf(path), 3)
      })
    }))

  it.scopedLive("a client that has ended its side in the middle of a body gets a response with the offset", () =>
    Effect.gen(function*() {
      const { create, offsetOf, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(100)
        const client = await open(port)
        client.socket.end(`${patch(path, 0, 100)}abc`)
        assert.match(await client.closed, /^HTTP\/1.1 503 [^]*stands at 3/)
        assert.strictEqual(await offsetOf(path), 3)
      })
    }))

  it.scopedLive("requests on one connection are performed in order", () =>
    Effect.gen(function*() {
      const { create, told } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(6)
        const text = await told([
          `${patch(path, 0, 3)}abc`,
          request("HEAD", path),
          `${patch(path, 3, 3)}def`,
          request("HEAD", path),
          request("DELETE", path),
          request("HEAD", path, ["Connection: close"])
        ].join(""))
        deepStrictEqual(statusesOf(text), [204, 200, 204, 200, 204, 404])
        deepStrictEqual(
          Array.from(text.matchAll(/upload-offset: (\d)/g), ([, offset]) => Number(offset)),
          [3, 3, 6, 6]
        )
      })
    }))

  it.scopedLive("a client that pipelines very many requests without reading is cut off", () =>
    Effect.gen(function*() {
      const { port, told } = yield* start()
      yield* Effect.promise(async () => {
        const eight = request("OPTIONS", "/files").repeat(8)
        deepStrictEqual(statusesOf(await told(eight + request("HEAD", "/", ["Connection: close"]))), [
          ...Array<number>(8).fill(204),
          404
        ])
        const client = await open(port)
        client.send(request("POST", "/files", ["Upload-Length: 1"]).repeat(10_000)).catch(() => {})
        assert.isBelow(statusesOf(await client.closed).length, 100)
      })
    }))

  it.scopedLive("a client that does not read its responses is disconnected", () =>
    Effect.gen(function*() {
      const { told } = yield* start({ idleTimeout: "100 millis" })
      yield* Effect.promise(async () => {
        subscribe("http.server.request.start", clog)
        assert.strictEqual(await told(request("OPTIONS", "/files")), "")
        unsubscribe("http.server.request.start", clog)
      })
    }))

  it.scopedLive("no header is dropped because there are many", () =>
    Effect.gen(function*() {
      const { create, offsetOf, told } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(3)
        const many = Array<string>(2000).fill("a:b")
        const text = await told(
          `${patch(path, 0, 3, [...many, `Upload-Checksum: ${Exchange.digest("other")}`, "Connection: close"])}abc`
        )
        deepStrictEqual(statusesOf(text), [460])
        assert.strictEqual(await offsetOf(path), 0)
      })
    }))

  it.scopedLive("two lines of one header are one list, also of headers that Node treats as unique", () =>
    Effect.gen(function*() {
      const { create, told } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(3)
        const text = await told(`${patch(path, 0, 3, ["Content-Type: text/plain", "Connection: close"])}abc`)
        deepStrictEqual(statusesOf(text), [415])
      })
    }))

  it.scopedLive("an unknown expectation is ignored", () =>
    Effect.gen(function*() {
      const { create, told } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(3)
        const text = await told(`${patch(path, 0, 3, ["Expect: the unexpected", "Connection: close"])}abc`)
        deepStrictEqual(statusesOf(text), [204])
      })
    }))
})
