/**
 * Uploads beside the endpoints of an Effect `HttpApi`. tus is a protocol of its own, so it is an app that is mounted,
 * and no endpoint.
 */
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Schema } from "effect"
import { EmbeddedServer } from "effect-tus/node"
import { TusHttp } from "effect-tus/server"
import { createServer } from "node:http"

const config = Config.all({
  port: Config.integer("PORT").pipe(Config.withDefault(3000)),
  directory: Config.nonEmptyString("UPLOAD_DIR").pipe(Config.withDefault("./uploads"))
})

const Greeting = Schema.Struct({ hello: Schema.String })

const api = HttpApi.make("api").add(
  HttpApiGroup.make("greetings", { topLevel: true }).add(
    HttpApiEndpoint.post("echo", "/echo").setPayload(Greeting).addSuccess(Greeting)
  )
)

const greetings = HttpApiBuilder.group(
  api,
  "greetings",
  (group) => group.handle("echo", ({ payload }) => Effect.succeed(payload))
)

const announce = Layer.effectDiscard(HttpServer.addressFormattedWith((address) => Console.log(`listens at ${address}`)))

const main = Effect.map(config, ({ directory, port }) =>
  announce.pipe(
    Layer.provide(HttpApiBuilder.serve()),
    Layer.provide(Layer.merge(TusHttp.layerApi({ path: "/files" }), HttpApiBuilder.api(api))),
    Layer.provide(greetings),
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
