import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import { NodeHandler, NodeTusServer } from "effect-tus/node"
import { InFlight, TusServer } from "effect-tus/server"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { server } from "../server/doors.js"
import * as Exchange from "../support/exchange.js"
import * as Raw from "../support/raw.js"
import { open, patch } from "../support/raw.js"

const mebibyte = 1024 * 1024

const start = (options: NodeTusServer.HttpOptions = {}) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0, idleTimeout: "1 hour", ...options }).pipe(Layer.provideMerge(server()))
    )
    return yield* Effect.provide(clientOf, context)
  })

const clientOf = Effect.gen(function*() {
  const { port } = yield* NodeTusServer.NodeTusServer
  const bytes = yield* ByteStore.ByteStore
  const ask = Raw.ask(port)
  const create = async (length: number) => Exchange.locationOf(await ask(Exchange.create(length)))
  const offsetOf = async (path: string) => Exchange.offsetOf(await ask(Exchange.head(path)))
  const append = (path: string, offset: number, body: string) => ask(Exchange.patch(path, offset, body))
  /** Waits until the server has written so many bytes of an upload, committed or not. */
  const arrived = async (path: string, count: number) => {
    const id = (path.split("/").at(-1) ?? "") as never
    while ((await Effect.runPromise(Effect.map(bytes.size(id), Option.getOrElse(() => 0)))) < count) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { append, arrived, ask, create, offsetOf, port }
})

describe("NodeHandler", () => {
  it.scopedLive("a new PATCH takes the upload over from one that hangs, whose bytes are kept", () =>
    Effect.gen(function*() {
      const { append, arrived, create, offsetOf, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(1000)
        const hung = await open(port)
        await hung.send(patch(path, 0, 1000) + "x".repeat(300))
        await arrived(path, 300)
        const taken = await append(path, 300, "y".repeat(700))
        assert.strictEqual(taken.status, 204, taken.text)
        assert.strictEqual(taken.headers["upload-offset"], "1000")
        const answer = await hung.closed
        assert.match(answer, /^HTTP\/1.1 423 .*\r\n[^]*connection: close[^]*stands at 300/i)
        assert.strictEqual(await offsetOf(path), 1000)
      })
    }))

  it.scopedLive("DELETE takes the upload over, too", () =>
    Effect.gen(function*() {
      const { arrived, ask, create, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(1000)
        const hung = await open(port)
        await hung.send(patch(path, 0, 1000) + "x".repeat(300))
        await arrived(path, 300)
        assert.strictEqual((await ask(Exchange.terminate(path))).status, 204)
        assert.match(await hung.closed, /^HTTP\/1.1 423 /)
        assert.strictEqual((await ask(Exchange.head(path))).status, 404)
      })
    }))

  it.scopedLive("a listener without a path creates Location on the host of the request, for every target", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(server())
      const { listener } = yield* Effect.provide(NodeHandler.make({}), context)
      const http = yield* Effect.acquireRelease(
        Effect.async<Server>((resume) => {
          const http = createServer(listener).listen(0, "127.0.0.1", () => resume(Effect.succeed(http)))
        }),
        (http) => Effect.async<void>((resume) => void http.close(() => resume(Effect.void)))
      )
      const ask = Raw.ask((http.address() as AddressInfo).port)
      yield* Effect.promise(async () => {
        for (const path of ["//evil.example/x", "/\\evil.example/x", "http://a//evil.example/x", "*", "/\\"]) {
          const created = await ask(Exchange.request("POST", path, { "upload-length": 1 }))
          const { location = "" } = created.headers
          assert.strictEqual(created.status, 201, created.text)
          assert.strictEqual(new URL(location, "http://here.example").host, "here.example", location)
          assert.strictEqual((await ask(Exchange.head(location))).status, 200, location)
        }
      })
    }))

  it.scopedLive("many concurrent requests for one upload are served in order, and each byte counts once", () =>
    Effect.gen(function*() {
      const { append, create, offsetOf, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(1000)
        const hung = await open(port)
        await hung.send(patch(path, 0, 1000))
        const answers = await Promise.all(Array.from({ length: 20 }, () => append(path, 0, "x".repeat(1000))))
        deepStrictEqual(answers.map(({ status }) => status).toSorted(), [204, ...Array(19).fill(409)])
        assert.strictEqual(await offsetOf(path), 1000)
        hung.destroy()
      })
    }))

  it.scopedLive("a connection survives a response that comes at once", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      yield* Effect.promise(async () => {
        const client = await open(port)
        await client.send("OPTIONS /files HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await client.received(/^HTTP\/1.1 204 [^]*\r\n\r\n$/)
        await client.send("PUT /files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        await client.received(/HTTP\/1.1 405 [^]*\n$/)
        await client.send("HEAD /files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert.match(await client.closed, /HTTP\/1.1 412 /)
      })
    }))

  it.scopedLive("GET is 405, or answered by the application in its turn, unless X-HTTP-Method-Override names another method", () =>
    Effect.gen(function*() {
      const plain = yield* start()
      assert.strictEqual((yield* Effect.promise(() => plain.ask({ method: "GET", path: "/" }))).status, 405)
      const { ask, create, offsetOf, port } = yield* start({
        get: ({ url }, response) => void response.end(`a page at ${url}`)
      })
      yield* Effect.promise(async () => {
        assert.strictEqual((await ask({ method: "GET", path: "/a?b" })).text, "a page at /a?b")
        assert.strictEqual((await ask({ method: "HEAD", path: "/a" })).status, 200)
        assert.strictEqual((await ask(Exchange.head("/a"))).status, 404)
        assert.strictEqual((await ask({ method: "GET", path: "/files" })).text, "a page at /files")
        const path = await create(3)
        assert.strictEqual((await ask({ method: "GET", path })).status, 405)
        const overridden = await ask(Exchange.request("GET", path, { "x-http-method-override": "HEAD" }))
        assert.strictEqual(overridden.headers["upload-offset"], "0")
        const client = await open(port)
        await client.send(`${patch(path, 0, 3)}abcGET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
        assert.match(await client.closed, /^HTTP\/1.1 204 [^]*HTTP\/1.1 200 [^]*a page at \//)
        assert.strictEqual(await offsetOf(path), 3)
      })
    }))

  it.scopedLive("HEAD neither waits for a running PATCH nor disturbs it", () =>
    Effect.gen(function*() {
      const { arrived, create, offsetOf, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(10)
        const slow = await open(port)
        await slow.send(patch(path, 0, 10) + "abc")
        await arrived(path, 3)
        for (let i = 0; i < 10; i++) {
          assert.isAtMost(await offsetOf(path), 3)
        }
        await slow.send("defghij")
        await slow.received(/^HTTP\/1.1 204 /)
        assert.strictEqual(await offsetOf(path), 10)
        slow.destroy()
      })
    }))

  it.scopedLive("a holder whose body has arrived may finish", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const slowBytes = Layer.effect(
        ByteStore.ByteStore,
        Effect.map(ByteStore.ByteStore, (store) => ({
          ...store,
          append: (id, at, pull, onWritten) =>
            store.append(
              id,
              at,
              Effect.tap(pull, () => Effect.zipRight(Deferred.succeed(reached, undefined), Deferred.await(gate))),
              onWritten
            )
        } satisfies ByteStore.ByteStore["Type"]))
      ).pipe(Layer.provide(ByteStore.layerMemory))
      const context = yield* Layer.build(
        NodeTusServer.layerHttp({ port: 0 }).pipe(
          Layer.provide(TusServer.layer),
          Layer.provide(Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory)),
          Layer.provideMerge(Layer.mergeAll(UploadRegistry.layerMemory, slowBytes))
        )
      )
      const { append, create } = yield* Effect.provide(clientOf, context)
      const path = yield* Effect.promise(() => create(6))
      const first = append(path, 0, "abc")
      yield* Deferred.await(reached)
      const second = append(path, 3, "def")
      yield* Effect.sleep("50 millis")
      yield* Deferred.succeed(gate, undefined)
      const answers = yield* Effect.promise(() => Promise.all([first, second]))
      deepStrictEqual(answers.map(({ headers }) => headers["upload-offset"]), ["3", "6"])
    }))

  it.scopedLive("a body of which no bytes arrive is cut off, and the bytes before are kept", () =>
    Effect.gen(function*() {
      const { create, offsetOf, port } = yield* start({ idleTimeout: "100 millis" })
      yield* Effect.promise(async () => {
        const path = await create(1000)
        const idle = await open(port)
        await idle.send(patch(path, 0, 1000) + "x".repeat(123))
        assert.match(await idle.closed, /^HTTP\/1.1 503 .*\r\n[^]*retry-after[^]*stands at 123/i)
        assert.strictEqual(await offsetOf(path), 123)
      })
    }))

  for (
    const [title, options, expected] of [
      ["all bodies together buffer 16 MiB by default", {}, 16],
      ["all bodies together buffer as much as bufferLimit says", { bufferLimit: 4 * mebibyte }, 4]
    ] as const
  ) {
    it.scopedLive(title, () =>
      Effect.gen(function*() {
        const requests: Array<IncomingMessage> = []
        const onStart = (message: unknown) => requests.push((message as { readonly request: IncomingMessage }).request)
        subscribe("http.server.request.start", onStart)
        // Each request pulls once and then never again.
        const { port } = yield* Effect.provide(
          NodeTusServer.NodeTusServer,
          yield* Layer.build(
            NodeTusServer.layerHttp({ port: 0, shutdownTimeout: 0, ...options }).pipe(
              Layer.provide(Layer.succeed(TusServer.TusServer, {
                handle: (_command, { body }) => Effect.zipRight(Effect.ignore(body.pull), Effect.never),
                inFlight: InFlight.make(),
                finishPending: () => Effect.void,
                locate: () => Effect.succeedNone
              }))
            )
          )
        )
        yield* Effect.promise(async () => {
          const clients = await Promise.all(Array.from({ length: 24 }, () => open(port)))
          const body = Buffer.alloc(2 * mebibyte)
          clients.forEach((client) => {
            void client.send(patch(`/files/${"a".repeat(32)}`, 0, body.length))
            void client.send(body)
          })
          while (requests.length < clients.length || !requests.every((request) => request.isPaused())) {
            await new Promise((resolve) => setImmediate(resolve))
          }
          const read = requests.reduce((sum, { socket }) => sum + socket.bytesRead, 0)
          assert.isAtLeast(read, expected * mebibyte)
          // Each body has handed over its first bytes, and Node buffers a little more.
          assert.isBelow(read, (expected + 6) * mebibyte)
          clients.forEach((client) => client.destroy())
        })
        unsubscribe("http.server.request.start", onStart)
      }))
  }

  it.scopedLive("a refusal in the middle of a body arrives as a response, not as a reset", () =>
    Effect.gen(function*() {
      const { create, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(4 * 1024 * 1024)
        const size = 32 * 1024 * 1024
        for (const head of [patch(path, 7, size), patch(path, 0, size)]) {
          const client = await open(port)
          client.send(head + "x".repeat(size)).catch(() => {})
          const [, status] = await client.received(/^HTTP\/1.1 (\d+) [^]*\r\n\r\n[^\n]+\n/)
          assert.include(["409", "413"], status)
          client.destroy()
        }
      })
    }))

  it.scopedLive("a long upload is not ended by Node's limit of five minutes for a request", () =>
    Effect.gen(function*() {
      const servers: Array<Server> = []
      const onStart = (message: unknown) => servers.push((message as { readonly server: Server }).server)
      subscribe("http.server.request.start", onStart)
      const { create } = yield* start()
      yield* Effect.promise(() => create(1))
      unsubscribe("http.server.request.start", onStart)
      deepStrictEqual(servers.map(({ requestTimeout }) => requestTimeout), [0])
    }))

  it.scopedLive("two lines of one numeric header are 400, even if they are equal", () =>
    Effect.gen(function*() {
      const { create, offsetOf, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(3)
        for (const twice of ["Upload-Offset: 0", "Upload-Length: 3\r\nUpload-Length: 3", "Content-Length: 3"]) {
          const client = await open(port)
          await client.send(patch(path, 0, 3, [twice]) + "abc")
          assert.strictEqual((await client.received(/^HTTP\/1.1 (\d+) /))[1], "400", twice)
          client.destroy()
        }
        assert.strictEqual(await offsetOf(path), 0)
      })
    }))

  it.scopedLive("a client that sends Expect: 100-continue is refused before it sends a byte", () =>
    Effect.gen(function*() {
      const { create, port } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(10)
        const refused = await open(port)
        await refused.send(patch(path, 7, 3, ["Expect: 100-continue"]))
        assert.match((await refused.received(/^HTTP\/1.1 (\d+) /))[1] ?? "", /409/)
        refused.destroy()
        const welcome = await open(port)
        await welcome.send(patch(path, 0, 10, ["Expect: 100-continue"]))
        await welcome.received(/^HTTP\/1.1 100 Continue\r\n\r\n/)
        await welcome.send("0123456789")
        await welcome.received(/HTTP\/1.1 204 /)
        welcome.destroy()
      })
    }))

  it.scopedLive("a server that stops cuts running bodies off, commits them and responds", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(server())
      const { closed, path } = yield* Effect.scoped(
        Effect.gen(function*() {
          const http = yield* Layer.build(NodeTusServer.layerHttp({ port: 0, idleTimeout: "1 hour" }))
          const { arrived, create, port } = yield* Effect.provide(clientOf, http)
          return yield* Effect.promise(async () => {
            const path = await create(1000)
            const running = await open(port)
            await running.send(patch(path, 0, 1000) + "x".repeat(321))
            await arrived(path, 321)
            return { path, closed: running.closed }
          })
        })
      ).pipe(Effect.provide(context))
      assert.match(yield* Effect.promise(() => closed), /^HTTP\/1.1 503 .*\r\n[^]*stands at 321/i)
      const again = yield* Layer.build(NodeTusServer.layerHttp({ port: 0 })).pipe(Effect.provide(context))
      const { offsetOf } = yield* Effect.provide(clientOf, again).pipe(Effect.provide(context))
      assert.strictEqual(yield* Effect.promise(() => offsetOf(path)), 321)
    }))

  it.scopedLive("sockets that are cut at any byte lose no acknowledged byte and leave nothing behind", () =>
    Effect.gen(function*() {
      const { append, create, offsetOf, port } = yield* start()
      const rejections: Array<unknown> = []
      const onRejection = (reason: unknown) => rejections.push(reason)
      process.on("unhandledRejection", onRejection)
      yield* Effect.promise(async () => {
        const size = 2000
        const whole = Array.from({ length: size }, (_, i) => String.fromCharCode(97 + (i % 26))).join("")
        const path = await create(size)
        const request = patch(path, 0, size) + whole
        let acknowledged = 0
        for (let round = 0; round < 200 && acknowledged < size - 1; round++) {
          const at = await offsetOf(path)
          assert.isAtLeast(at, acknowledged)
          acknowledged = at
          const text = patch(path, at, size - at) + whole.slice(at)
          const client = await open(port)
          await client.send(text.slice(0, Math.floor((round * 7919) % Math.min(text.length - 1, request.length))))
          client.destroy()
          await client.closed
        }
        const at = await offsetOf(path)
        const last = await append(path, at, whole.slice(at))
        // The last of the cut requests may still have been running when the offset was read.
        const rest = last.status === 409
          ? await append(path, await offsetOf(path), whole.slice(await offsetOf(path)))
          : last
        assert.strictEqual(rest.status, 204, rest.text)
        assert.strictEqual(await offsetOf(path), size)
      })
      process.off("unhandledRejection", onRejection)
      deepStrictEqual(rejections, [])
    }))
})
