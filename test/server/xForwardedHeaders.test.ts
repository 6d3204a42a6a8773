/**
 * Effect's middleware for these headers trusts every client. It must not turn a client into a trusted proxy.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import { TusHttp } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Http from "node:http"
import * as Exchange from "../support/exchange.js"
import * as Raw from "../support/raw.js"
import { server } from "./doors.js"

const create = (trustedProxies: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const app = HttpMiddleware.xForwardedHeaders(TusHttp.make({ path: "/files" }))
    const context = yield* Layer.build(
      HttpServer.serve(app).pipe(
        Layer.provide(server({ trustedProxies })),
        Layer.provideMerge(NodeHttpServer.layer(Http.createServer, { port: 0, host: "127.0.0.1" }))
      )
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    const ask = Raw.ask(address._tag === "TcpAddress" ? address.port : 0)
    const claims = {
      "x-forwarded-for": "192.0.2.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "example.org"
    }
    return Exchange.locationOf(yield* Effect.promise(() => ask(Exchange.create(1, claims))))
  })

describe("HttpMiddleware.xForwardedHeaders in front", () => {
  it.scopedLive("does not make a client a trusted proxy", () =>
    Effect.gen(function*() {
      assert.match(yield* create(["192.0.2.1"]), /^\/files\//)
    }))

  it.scopedLive("does not hide the headers of a trusted proxy", () =>
    Effect.gen(function*() {
      assert.match(yield* create(["127.0.0.1"]), /^https:\/\/example\.org\/files\//)
    }))
})
