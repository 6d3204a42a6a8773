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
import { type Ask, askPort, server } from "./doors.js"

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
    )).pipe(Effect.map((server) => askPort((server.address() as AddressInfo).port)))

const effectServer = Effect.gen(function*() {
  const reading = HttpMiddleware.make((app) =>
    Effect.zipRight(Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => Effect.orDie(text)), app)
  )
  const http = yield* Layer.build(NodeHttpServer.layer(Http.createServer, { port: 0, host: "127.0.0.1" }))
  yield* Effect.provide(HttpServer.serveEffect(TusHttp.make({ path: "/files" }), reading), http)
  const { address } = yield* Effect.provide(HttpServer.HttpServer, http)
  return askPort(address._tag === "TcpAddress" ? address.port : 0)
})

const webHandler = (read: (request: Request) => unknown) =>
  Effect.map(TusWeb.make({ path: "/files" }), (handler): Ask => async ({ body, headers, method, path }) => {
    const request = new Request(`http://localhost${path}`, {
      method,
      headers: { ...headers },
      ...(body === undefined ? {} : { body })
    })
    if (request.body !== null) {
      await read(request)
    }
    const response = await handler(request)
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
  })

const doors: Readonly<Record<string, Effect.Effect<Ask, unknown, TusServer.TusServer | Scope>>> = {
  "the Node listener": nodeServer(text),
  "the Node listener, while another reader has the body": nodeServer(async (request) => request.on("data", () => {})),
  "an HttpApp": effectServer,
  "the web handler": webHandler((request) => request.text()),
  "the web handler, while another reader has the body": webHandler((request) => request.body?.getReader())
}

const tus = { "tus-resumable": "1.0.0" }
const stream = { ...tus, "content-type": "application/offset+octet-stream" }

describe("a body that has already been read", () => {
  for (const [name, open] of Object.entries(doors)) {
    it.scopedLive(`is a clear 500 at ${name}, and nothing is stored`, () => {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause }) => logged.push(Cause.pretty(cause)))
      return Effect.gen(function*() {
        const ask = yield* open
        yield* Effect.promise(async () => {
          const created = { method: "POST", path: "/files", headers: { ...tus, "upload-length": "3" } }
          const path = (await ask(created)).headers.location ?? ""
          const answers = [
            await ask({ method: "PATCH", path, headers: { ...stream, "upload-offset": "0" }, body: "abc" }),
            await ask({ ...created, headers: { ...created.headers, ...stream }, body: "abc" })
          ]
          for (const { headers, status, text } of answers) {
            assert.strictEqual(status, 500)
            assert.match(text, /has read the body .* no body parser/)
            assert.isUndefined(headers.location)
          }
          assert.strictEqual(logged.filter((line) => /has read the body .* no body parser/.test(line)).length, 2)
          assert.strictEqual((await ask({ method: "HEAD", path, headers: tus })).headers["upload-offset"], "0")
        })
      }).pipe(Effect.provide(Layer.merge(server(), Logger.replace(Logger.defaultLogger, logger))))
    })
  }
})
