/**
 * An application with its own CORS middleware in front of the uploads: what works, what does not, and the workaround.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import { TusHttp, type TusPolicy } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Http from "node:http"
import { create, locationOf, patch } from "../support/exchange.js"
import * as Raw from "../support/raw.js"
import { server } from "./doors.js"

const origin = "https://example.org"

const cors = HttpMiddleware.cors({ allowedOrigins: [origin, "https://b.c"], credentials: true })

/** Uploads and another route, behind one middleware. */
const application = (middleware: typeof cors, policy?: TusPolicy.Options) =>
  Effect.gen(function*() {
    const routes = Layer.mergeAll(
      HttpLayerRouter.middleware(middleware, { global: true }),
      TusHttp.layer({ path: "/files" }),
      HttpLayerRouter.add("GET", "/hello", HttpServerResponse.text("hello"))
    )
    const context = yield* Layer.build(
      HttpLayerRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provide(server(policy)),
        Layer.provideMerge(NodeHttpServer.layer(Http.createServer, { port: 0, host: "127.0.0.1" }))
      )
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    return Raw.ask(address._tag === "TcpAddress" ? address.port : 0)
  })

const preflight = (method: string, headers: string, path = "/files") => ({
  method: "OPTIONS",
  path,
  headers: { origin, "access-control-request-method": method, "access-control-request-headers": headers }
})

describe("HttpMiddleware.cors in front of uploads", () => {
  it.scopedLive("lets pages upload: preflights are answered, and responses and refusals can be read", () =>
    Effect.gen(function*() {
      const ask = yield* application(cors)
      yield* Effect.promise(async () => {
        const asked = await ask(preflight("PATCH", "tus-resumable,upload-offset"))
        assert.strictEqual(asked.headers["access-control-allow-origin"], origin)
        assert.match(asked.headers["access-control-allow-methods"] ?? "", /PATCH/)
        assert.strictEqual(asked.headers["access-control-allow-headers"], "tus-resumable,upload-offset")

        const created = await ask(create(3, { origin }))
        assert.strictEqual(created.status, 201)
        const append = patch(locationOf(created), 0, "abc", { origin })
        const appended = await ask(append)
        const refused = await ask(append)
        assert.strictEqual(appended.status, 204)
        assert.strictEqual(refused.status, 409)
        for (const { headers } of [created, appended, refused]) {
          assert.strictEqual(headers["access-control-allow-origin"], origin)
          assert.strictEqual(headers["access-control-allow-credentials"], "true")
          assert.match(headers["access-control-expose-headers"] ?? "", /Location.*Upload-Offset/)
          assert.match(headers["vary"] ?? "", /Origin/)
        }
      })
    }))

  it.scopedLive("hides the capabilities of the server from OPTIONS, but not from a POST with X-HTTP-Method-Override", () =>
    Effect.gen(function*() {
      const ask = yield* application(cors)
      yield* Effect.promise(async () => {
        const hidden = await ask({ method: "OPTIONS", path: "/files", headers: { origin } })
        assert.strictEqual(hidden.status, 204)
        assert.isUndefined(hidden.headers["tus-version"])
        const headers = { origin, "x-http-method-override": "OPTIONS" }
        const told = await ask({ method: "POST", path: "/files", headers })
        assert.strictEqual(told.headers["tus-version"], "1.0.0")
        assert.strictEqual(told.headers["access-control-allow-origin"], origin)
      })
    }))

  it.scopedLive("hides nothing with TusHttp.except, and serves other paths as before", () =>
    Effect.gen(function*() {
      const ask = yield* application(TusHttp.except("/files", cors), {
        cors: { origins: ["https://uploads.example.org"] }
      })
      yield* Effect.promise(async () => {
        for (const path of ["/files", "/files/", "/files?a", "/files/a"]) {
          const { headers } = await ask({ method: "OPTIONS", path, headers: { origin: "https://uploads.example.org" } })
          assert.strictEqual(headers["tus-version"], "1.0.0", path)
          assert.strictEqual(headers["access-control-allow-origin"], "https://uploads.example.org", path)
        }
        const other = await ask({ method: "OPTIONS", path: "/files", headers: { origin } })
        assert.isUndefined(other.headers["access-control-allow-origin"])
        for (const path of ["/hello", "/filesystem", "/"]) {
          const { headers } = await ask(preflight("GET", "x", path))
          assert.strictEqual(headers["access-control-allow-origin"], origin, path)
          assert.isUndefined(headers["tus-version"], path)
        }
        const hello = await ask({ method: "GET", path: "/hello", headers: { origin } })
        assert.strictEqual(hello.text, "hello")
        assert.strictEqual(hello.headers["access-control-allow-origin"], origin)
      })
    }))
})
