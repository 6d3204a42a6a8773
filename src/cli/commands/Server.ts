/**
 * The server of `effect-tus serve`: the embedded one, and beside its uploads what an operator asks it. Loaded only when
 * it is asked for, since it is more than an upload needs.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EmbeddedServer from "../../node/EmbeddedServer.js"
import * as NodeTusServer from "../../node/NodeTusServer.js"
import * as Prometheus from "../../server/operations/Prometheus.js"
import * as TusHealth from "../../server/operations/TusHealth.js"
import * as TusMetrics from "../../server/operations/TusMetrics.js"

export { NodeTusServer } from "../../node/NodeTusServer.js"
export { UploadEvents } from "../../server/hooks/UploadEvents.js"

export interface Options extends Omit<NodeTusServer.Options, "get"> {
  readonly path: `/${string}`
  /** Whether `/metrics` tells what the server does; whoever reaches the server reads it. */
  readonly metrics: boolean
}

export const layer = ({ metrics, ...options }: Options) =>
  Layer.unwrapEffect(
    Effect.map(
      NodeHttpServer.makeHandler(
        HttpRouter.get(metrics ? HttpRouter.get(pages, "/metrics", Prometheus.app) : pages, options.path, collection)
      ),
      (get) => NodeTusServer.layerHttp({ ...options, get })
    )
  ).pipe(
    Layer.provide(EmbeddedServer.layer(options)),
    Layer.provide(metrics ? TusMetrics.layer : Layer.empty)
  )

/** For a person who has opened the address at which uploads are made. */
const collection = HttpServerResponse.text("uploads are made here, by clients of tus, such as effect-tus upload\n", {
  status: 405,
  headers: { allow: "OPTIONS, POST" }
})

const pages = HttpRouter.empty.pipe(
  HttpRouter.get("/health/live", TusHealth.live),
  HttpRouter.get("/health/ready", TusHealth.ready({ showProblems: false })),
  HttpRouter.get("*", HttpServerResponse.text("this server takes uploads, and has no such page\n", { status: 404 }))
)
