/**
 * A body that something in front of the door has already read: the log tells the operator what is wrong, and nothing is
 * stored.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { NodeHandler } from "effect-tus/node"
import { TusHttp, type TusServer, TusWeb } from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { Scope } from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { type Ask, create, head, locationOf, offsetOf, patch, post } from "../support/exchange.js"
import * as Raw from "../support/raw.js"
import { askWeb, server } from "./doors.js"

type Reader = (request: Http.IncomingMessage) => Promise<unknown>

const nodeServer = (read: Reader) =>
  Effect.flatMap(NodeHandler.make({ path: "/files" }), ({ listener }) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const server = Http.createServer((request, response) => {
          read(request).then(() => listener(request, response))
        })
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
        return server
      }),
      (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
    )).pipe(Effect.map((server) => Raw.ask((server.address() as AddressInfo).port)))

const effectServer = Effect.gen(function*() {
  const reading = HttpMiddleware.make((app) =>
    Effect.zipRight(Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => Effect.orDie(text)), app)
  )
  const http = yield* Layer.build(NodeHttpServer.layer(Http.createServer, { port: 0, host: "127.0.0.1" }))
  yield* Effect.provide(HttpServer.serveEffect(TusHttp.make({ path: "/files" }), reading), http)
  const { address } = yield* Effect.provide(HttpServer.HttpServer, http)
  return Raw.ask(address._tag === "TcpAddress" ? address.port : 0)
})

const webHandler = (read: (request: Request) => unknown) =>
  Effect.map(TusWeb.make({ path: "/files" }), (handler) =>
    askWeb(async (request) => {
      if (request.body !== null) {
        await read(request)
      }
      return await handler(request)
    }))

const doors: Readonly<Record<string, Effect.Effect<Ask, unknown, TusServer.TusServer | Scope>>> = {
  "the Node listener": nodeServer(text),
  "the Node listener, while another reader has the body": nodeServer(async (request) => request.on("data", () => {})),
  "an HttpApp": effectServer,
  "the web handler": webHandler((request) => request.text()),
  "the web handler, while another reader has the body": webHandler((request) => request.body?.getReader())
}

describe("a body that has already been read", () => {
  for (const [name, open] of Object.entries(doors)) {
    it.scopedLive(`is a clear 500 at ${name}, and nothing is stored`, () => {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause }) => logged.push(Cause.pretty(cause)))
      return Effect.gen(function*() {
        const ask = yield* open
        yield* Effect.promise(async () => {
          const path = locationOf(await ask(create(3)))
          const answers = [
            await ask(patch(path, 0, "abc")),
            await ask(post({ "upload-length": 3 }, "abc"))
          ]
          for (const { headers, status, text } of answers) {
            assert.strictEqual(status, 500)
            assert.match(text, /has read the body .* no body parser/)
            assert.isUndefined(headers.location)
          }
          assert.strictEqual(logged.filter((line) => /has read the body .* no body parser/.test(line)).length, 2)
          assert.strictEqual(offsetOf(await ask(head(path))), 0)
        })
      }).pipe(Effect.provide(Layer.merge(server(), Logger.replace(Logger.defaultLogger, logger))))
    })
  }
})
