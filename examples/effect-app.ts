/**
 * Uploads in an Effect HTTP application with other routes. The layers of the server are provided like any other.
 */
import { HttpLayerRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Layer } from "effect"
import { EmbeddedServer } from "effect-tus/node"
import { TusHttp } from "effect-tus/server"
import { createServer } from "node:http"

const config = Config.all({
  port: Config.integer("PORT").pipe(Config.withDefault(3000)),
  directory: Config.nonEmptyString("UPLOAD_DIR").pipe(Config.withDefault("./uploads"))
})

const echo = HttpLayerRouter.add(
  "POST",
  "/echo",
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ json }) => Effect.flatMap(json, HttpServerResponse.json))
)

const uploads = (directory: string) =>
  TusHttp.layer({ path: "/api/uploads" }).pipe(
    Layer.provide(EmbeddedServer.layer({ directory, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" }))
  )

const announce = Layer.effectDiscard(HttpServer.addressFormattedWith((address) => Console.log(`listens at ${address}`)))

const main = Effect.map(
  config,
  ({ directory, port }) =>
    announce.pipe(
      // First the routes: a server without them would accept a request and never answer it.
      Layer.provide(HttpLayerRouter.serve(Layer.merge(echo, uploads(directory)))),
      // An upload may take any time, but its head may not.
      Layer.provide(
        NodeHttpServer.layer(() => createServer({ requestTimeout: 0, headersTimeout: 60_000 }), {
          port,
          host: "127.0.0.1"
        })
      )
    )
)

main.pipe(Layer.unwrapEffect, Layer.launch, NodeRuntime.runMain)
