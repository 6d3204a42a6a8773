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
import type { Exchange } from "./exchanges.js"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

export interface Asked extends Omit<Exchange, "status" | "expect" | "text" | "save"> {
  readonly path: string
}

export type Ask = (asked: Asked) => Promise<Answer>

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

/** Sends bytes through a real socket, unchanged. */
export const askPort = (port: number): Ask => ({ body, chunked, headers, method, path, trailers }) =>
  new Promise((resolve, reject) => {
    const request = Http.request({ port, method, path, agent: false, headers: { ...headers } }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          text: Buffer.concat(chunks).toString()
        }))
    })
    request.on("error", reject)
    if (body !== undefined && chunked !== true) {
      request.setHeader("content-length", Buffer.byteLength(body))
    }
    if (chunked === true) {
      request.setHeader("transfer-encoding", "chunked")
      request.flushHeaders()
      if (body !== undefined && body !== "") {
        request.write(body)
      }
      if (trailers !== undefined) {
        request.addTrailers(trailers)
      }
      request.end()
    } else {
      request.end(body)
    }
  })

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
  ask: askPort(port(server)),
  port: port(server),
  trailers: false
}))

const nodeServer = Effect.map(NodeTusServer.NodeTusServer, ({ port }) => ({ ask: askPort(port), port, trailers: true }))

const webHandler = Effect.map(TusWeb.make({ path: "/files" }), (handler): Opened => ({
  trailers: false,
  ask: async ({ body, chunked, headers, method, path }) => {
    const length = body !== undefined && chunked !== true ? { "content-length": String(Buffer.byteLength(body)) } : {}
    const stream = body === undefined || method === "HEAD" ? {} : { body: new Blob([body]).stream(), duplex: "half" }
    const response = await handler(
      new Request(`http://localhost${path}`, { method, headers: { ...headers, ...length }, ...stream } as RequestInit)
    )
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
  }
}))

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
