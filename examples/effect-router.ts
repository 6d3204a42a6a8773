/**
 * Uploads in an Effect `HttpRouter`. For an `HttpLayerRouter` see `effect-app.ts`.
 */
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { EmbeddedServer } from "effect-tus/node"
import { TusHttp } from "effect-tus/server"
import { createServer } from "node:http"

const config = Config.all({
  port: Config.integer("PORT").pipe(Config.withDefault(3000)),
  directory: Config.nonEmptyString("UPLOAD_DIR").pipe(Config.withDefault("./uploads"))
})

const router = HttpRouter.empty.pipe(
  HttpRouter.mountApp("/files", TusHttp.app),
  HttpRouter.post(
    "/echo",
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ json }) => Effect.flatMap(json, HttpServerResponse.json))
  )
)

const announce = Layer.effectDiscard(HttpServer.addressFormattedWith((address) => Console.log(`listens at ${address}`)))

const main = Effect.map(config, ({ directory, port }) =>
  announce.pipe(
    Layer.provide(HttpServer.serve(router)),
    Layer.provide(EmbeddedServer.layer({ directory, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" })),
    // An upload may take any time, but its head may not.
    Layer.provide(
      NodeHttpServer.layer(() => createServer({ requestTimeout: 0, headersTimeout: 60_000 }), {
        port,
        host: "127.0.0.1"
      })
    )
  ))

main.pipe(Layer.unwrapEffect, Layer.launch, NodeRuntime.runMain)
