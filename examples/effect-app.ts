/**
 * Uploads in an Effect HTTP application that has routes of its own: the server's layers are provided like any other.
 */
import { HttpLayerRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Layer } from "effect"
import { EmbeddedStore, NodeDigests } from "effect-tus/node"
import { TusHttp, TusPolicy, TusServer, TusSweeper, TusSyncer } from "effect-tus/server"
import { createServer } from "node:http"

const config = Config.all({
  port: Config.integer("PORT").pipe(Config.withDefault(3000)),
  directory: Config.nonEmptyString("UPLOAD_DIR").pipe(Config.withDefault("./uploads"))
})

const hello = HttpLayerRouter.add("GET", "/hello", HttpServerResponse.text("hello"))

const uploads = (directory: string) =>
  Layer.mergeAll(TusHttp.layer({ path: "/api/uploads" }), TusSweeper.layer(), TusSyncer.layer()).pipe(
    Layer.provide(TusServer.layer),
    Layer.provide(EmbeddedStore.layer({ directory })),
    Layer.provide(NodeDigests.layer),
    Layer.provide(Layer.succeed(TusPolicy.TusPolicy, { maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" }))
  )

const announce = Layer.effectDiscard(HttpServer.addressFormattedWith((address) => Console.log(`listens at ${address}`)))

const main = Effect.map(
  config,
  ({ directory, port }) =>
    announce.pipe(
      // Before its routes are there, the server would take a request and never answer it.
      Layer.provide(HttpLayerRouter.serve(Layer.mergeAll(hello, uploads(directory)))),
      // A long upload is not a hung request.
      Layer.provide(NodeHttpServer.layer(() => createServer({ requestTimeout: 0 }), { port, host: "127.0.0.1" }))
    )
)

main.pipe(Layer.unwrapEffect, Layer.launch, NodeRuntime.runMain)
