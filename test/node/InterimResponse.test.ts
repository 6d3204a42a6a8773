import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeHandler } from "effect-tus/node"
import { type Exchange, TusObserver } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http"
import * as Http2 from "node:http2"
import type { AddressInfo, Server } from "node:net"
import { server } from "../server/doors.js"
import { octets } from "../support/exchange.js"
import { headOf, open } from "../support/raw.js"

const interim = (location: string) => ({ status: 104, headers: { location, "upload-limit": "max-age=60" } })

/** A server that informs about each request twice, and once more when it is answered. */
const start = (listen: (listener: (request: IncomingMessage, response: ServerResponse) => void) => Server) =>
  Effect.gen(function*() {
    const seen: Array<Exchange.Exchange["inform"]> = []
    const observer: TusObserver.Observer = (exchange, answer) => {
      seen.push(exchange.inform)
      exchange.inform?.(interim("/files/1"))
      exchange.inform?.(interim("/files/2"))
      return answer(exchange)
    }
    const context = yield* Layer.build(TusObserver.layer(Effect.succeed(observer)).pipe(Layer.provideMerge(server())))
    const { listener } = yield* Effect.provide(NodeHandler.make({ path: "/files", idleTimeout: "1 hour" }), context)
    const http = yield* Effect.acquireRelease(
      Effect.async<Server>((resume) => {
        const http = listen((request, response) => {
          const index = seen.length
          const end = response.end.bind(response) as (...args: ReadonlyArray<unknown>) => ServerResponse
          response.end = (...args: ReadonlyArray<unknown>) => {
            const ended = end(...args)
            seen[index]?.(interim("/files/late"))
            return ended
          }
          listener(request, response)
        })
        http.listen(0, "127.0.0.1", () => resume(Effect.succeed(http)))
      }),
      (http) => Effect.async<void>((resume) => void http.close(() => resume(Effect.void)))
    )
    return { port: (http.address() as AddressInfo).port, seen }
  })

const creation = { ...octets, "upload-length": 3, "content-length": 3 }

const post = (version: string) =>
  `${headOf({ method: "POST", path: "/files", headers: creation }).replace("HTTP/1.1", `HTTP/${version}`)}abc`

describe("an interim response", () => {
  it.scopedLive("is sent before the response, any number of times, and never after it", () =>
    Effect.gen(function*() {
      const { port } = yield* start(createServer)
      const told = yield* Effect.promise(() =>
        new Promise<ReadonlyArray<unknown>>((resolve, reject) => {
          const told: Array<unknown> = []
          const sent = request(
            { port, method: "POST", path: "/files", headers: creation, agent: false },
            (response) => {
              told.push(response.statusCode)
              response.resume().on("end", () => resolve(told))
            }
          )
          sent.on("information", ({ headers, statusCode }) => told.push([statusCode, headers["location"]]))
          sent.on("error", reject).end("abc")
        })
      )
      deepStrictEqual(told, [[104, "/files/1"], [104, "/files/2"], 201])
    }))

  it.scopedLive("waits for the responses to earlier requests of its connection", () =>
    Effect.gen(function*() {
      const { port } = yield* start(createServer)
      yield* Effect.promise(async () => {
        const client = await open(port)
        await client.send(post("1.1") + post("1.1"))
        const [text] = await client.received(/^(?:HTTP\/1\.1 \d+ [^]*?\r\n\r\n){6}/)
        deepStrictEqual(Array.from(text.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status), [
          "104",
          "104",
          "201",
          "104",
          "104",
          "201"
        ])
        client.destroy()
      })
    }))

  it.scopedLive("is not sent over HTTP/1.0, nor for a request without a body", () =>
    Effect.gen(function*() {
      const { port, seen } = yield* start(createServer)
      yield* Effect.promise(async () => {
        const client = await open(port)
        await client.send(post("1.0"))
        assert.match(await client.closed, /^HTTP\/1\.1 201 /)
        const other = await open(port)
        await other.send("OPTIONS /files HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert.match(await other.closed, /^HTTP\/1\.1 204 /)
      })
      deepStrictEqual(seen, [undefined, undefined])
    }))

  it.scopedLive("is a block of headers of its own over HTTP/2", () =>
    Effect.gen(function*() {
      const { port } = yield* start((listener) =>
        Http2.createServer((request, response) =>
          listener(request as unknown as IncomingMessage, response as unknown as ServerResponse)
        )
      )
      const told = yield* Effect.promise(() =>
        new Promise<ReadonlyArray<unknown>>((resolve, reject) => {
          const session = Http2.connect(`http://127.0.0.1:${port}`).on("error", reject)
          const told: Array<unknown> = []
          const stream = session.request({ ":method": "POST", ":path": "/files", ...creation })
          stream.on("headers", (headers) => told.push([headers[":status"], headers["location"]]))
          stream.on("response", (headers) => told.push(headers[":status"]))
          stream.resume().on("error", reject).on("end", () => session.close(() => resolve(told))).end("abc")
        })
      )
      deepStrictEqual(told, [[104, "/files/1"], [104, "/files/2"], 201])
    }))

  it.scopedLive("is dropped if the client does not read, so that memory stays bounded", () =>
    Effect.gen(function*() {
      let waiting = 0
      const { port, seen } = yield* start((listener) =>
        createServer((request, response) => {
          response.socket?.cork()
          listener(request, response)
          for (let count = 0; count < 1000; count++) {
            seen.at(-1)?.(interim("/files/again"))
          }
          waiting = response.writableLength
          response.socket?.uncork()
        })
      )
      yield* Effect.promise(async () => {
        const client = await open(port)
        await client.send(post("1.1"))
        await client.received(/HTTP\/1\.1 201 /)
        client.destroy()
      })
      assert.isAtLeast(waiting, 10_000)
      assert.isAtMost(waiting, 20_000)
    }))

  it.scopedLive("cannot contain a line break in a field", () =>
    Effect.gen(function*() {
      const { port, seen } = yield* start(createServer)
      yield* Effect.promise(async () => {
        const client = await open(port)
        await client.send(post("1.1").slice(0, -1))
        await client.received(/HTTP\/1\.1 104 [^]*\/files\/2/)
        assert.throws(() => seen.at(-1)?.(interim("/files/3\r\nx-a: b")), /Invalid character in header content/)
        await client.send("c")
        await client.received(/HTTP\/1\.1 201 /)
        client.destroy()
      })
    }))
})
