/**
 * The doors of a server in memory. Each answers one exchange.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import { ByteStore, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import { NodeHashFunctions, NodeTusServer } from "effect-tus/node"
import { TusHttp, TusPolicy, TusServer, TusWeb } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Http from "node:http"
import type { Ask } from "../support/exchange.js"
import * as Raw from "../support/raw.js"

type Bytes = Layer.Layer<ByteStore.ByteStore>

const over = (bytes: Bytes) =>
  Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
    Layer.provideMerge(UploadRegistry.layerMemory),
    Layer.provideMerge(bytes)
  )

export const memory = over(ByteStore.layerMemory)

export const server = (policy: TusPolicy.Options = {}, bytes: Bytes = ByteStore.layerMemory) =>
  TusServer.layer.pipe(
    Layer.provideMerge(over(bytes)),
    Layer.provideMerge(NodeHashFunctions.layer),
    Layer.provideMerge(Layer.succeed(TusPolicy.TusPolicy, policy))
  )

export interface Opened {
  readonly ask: Ask
  /** Undefined for a door without a socket. */
  readonly port?: number
  readonly trailers: boolean
}

const build = <A, E, R>(opened: Effect.Effect<Opened, never, A>, layer: Layer.Layer<A, E, R>) =>
  Effect.flatMap(Layer.build(layer), (context) => Effect.provide(opened, context))

const port = (
  { address }: (typeof HttpServer.HttpServer)["Service"]
) => (address._tag === "TcpAddress" ? address.port : 0)

const effectServer = Effect.map(HttpServer.HttpServer, (server) => ({
  ask: Raw.ask(port(server)),
  port: port(server),
  trailers: false
}))

const nodeServer = Effect.map(NodeTusServer.NodeTusServer, ({ port }) => ({ ask: Raw.ask(port), port, trailers: true }))

export const askWeb =
  (handler: (request: Request) => Promise<Response>): Ask => async ({ body, chunked, headers, method, path }) => {
    const length = body !== undefined && chunked !== true ? { "content-length": Buffer.byteLength(body) } : {}
    const stream = body === undefined || method === "HEAD"
      ? {}
      : { body: new Blob([body as BlobPart]).stream(), duplex: "half" }
    const response = await handler(
      new Request(`http://localhost${path}`, { method, headers: { ...headers, ...length }, ...stream } as RequestInit)
    )
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
  }

const webHandler = Effect.map(
  TusWeb.make({ path: "/files" }),
  (handler): Opened => ({ trailers: false, ask: askWeb(handler) })
)

/** Each door on a fresh server, open as long as the scope. */
export const doors = {
  "the Node listener": (policy?: TusPolicy.Options, bytes?: Bytes) =>
    build(nodeServer, NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(server(policy, bytes)))),
  "an HttpLayerRouter": (policy?: TusPolicy.Options, bytes?: Bytes) =>
    build(
      effectServer,
      HttpLayerRouter.serve(TusHttp.layer({ path: "/files" }), { disableLogger: true, disableListenLog: true }).pipe(
        Layer.provide(server(policy, bytes)),
        Layer.provideMerge(NodeHttpServer.layer(Http.createServer, { port: 0, host: "127.0.0.1" }))
      )
    ),
  "an HttpRouter": (policy?: TusPolicy.Options, bytes?: Bytes) =>
    build(
      effectServer,
      HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.mountApp("/files", TusHttp.app))).pipe(
        Layer.provide(server(policy, bytes)),
        Layer.provideMerge(NodeHttpServer.layer(Http.createServer, { port: 0, host: "127.0.0.1" }))
      )
    ),
  "an HttpApi": (policy?: TusPolicy.Options, bytes?: Bytes) =>
    build(
      effectServer,
      HttpApiBuilder.serve().pipe(
        Layer.provide(Layer.merge(TusHttp.layerApi({ path: "/files" }), HttpApiBuilder.api(HttpApi.make("api")))),
        Layer.provide(server(policy, bytes)),
        Layer.provideMerge(NodeHttpServer.layer(Http.createServer, { port: 0, host: "127.0.0.1" }))
      )
    ),
  "the web handler": (policy?: TusPolicy.Options, bytes?: Bytes) => build(webHandler, server(policy, bytes))
}
