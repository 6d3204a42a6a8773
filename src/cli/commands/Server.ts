/**
 * The server of `effect-tus serve`, with pages for an operator. Loaded on demand, since `effect-tus
 * upload` does not need it.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeTusServer from "../../node/NodeTusServer.js"
import * as Prometheus from "../../server/operations/Prometheus.js"
import * as TusHealth from "../../server/operations/TusHealth.js"
import * as TusMetrics from "../../server/operations/TusMetrics.js"
import type { Store } from "../options/Store.js"
import * as ServerStore from "./ServerStore.js"

export { NodeTusServer } from "../../node/NodeTusServer.js"
export { UploadEvents } from "../../server/hooks/UploadEvents.js"

export interface Options extends Omit<NodeTusServer.Options, "get"> {
  readonly path: `/${string}`
  readonly store: Store
  /** Whether to answer GET /metrics. Everybody who reaches the server can read it. */
  readonly metrics: boolean
}

export const layer = ({ metrics, store, ...options }: Options) =>
  Layer.unwrapEffect(
    Effect.map(
      NodeHttpServer.makeHandler(
        HttpRouter.get(metrics ? HttpRouter.get(pages, "/metrics", Prometheus.app) : pages, options.path, collection)
      ),
      (get) => NodeTusServer.layerHttp({ ...options, get })
    )
  ).pipe(
    Layer.provide(ServerStore.layer(store, options)),
    Layer.provide(metrics ? TusMetrics.layer : Layer.empty)
  )

/** For a person who opens the URL of the collection in a browser. */
const collection = HttpServerResponse.text("this URL is for tus clients, such as effect-tus upload\n", {
  status: 405,
  headers: { allow: "OPTIONS, POST" }
})

const pages = HttpRouter.empty.pipe(
  HttpRouter.get("/health/live", TusHealth.live),
  HttpRouter.get("/health/ready", TusHealth.ready({ showProblems: false })),
  HttpRouter.get("*", HttpServerResponse.text("this server is for uploads, and has no such page\n", { status: 404 }))
)
