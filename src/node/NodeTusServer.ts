/**
 * A whole server in one line: the embedded server and its door on `node:http` or `node:https`. Wiring only.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { type AddressInfo, Socket } from "node:net"
import * as DoorPolicy from "../server/policy/DoorPolicy.js"
import * as OptionError from "../server/policy/OptionError.js"
import { TusPolicy } from "../server/policy/TusPolicy.js"
import type { TusServer } from "../server/TusServer.js"
import { dialect } from "../wire/tus/TusDialect.js"
import * as EmbeddedServer from "./EmbeddedServer.js"
import * as HttpListener from "./http/HttpListener.js"
import * as MalformedRequest from "./http/MalformedRequest.js"
import * as NodeHandler from "./http/NodeHandler.js"
import * as NodeRequest from "./http/NodeRequest.js"
import * as Pipelining from "./http/Pipelining.js"
import * as ServerTls from "./http/ServerTls.js"

export { TlsError } from "./http/ServerTls.js"

/** Address, timeouts and TLS. */
export interface HttpOptions extends NodeHandler.Options {
  /** 1080 by default; 0 takes any free port. */
  readonly port?: number | undefined
  /** The address to listen on, 127.0.0.1 by default. */
  readonly host?: string | undefined
  /** How long the head of a request, also the first one of a connection, may take to arrive. 60 seconds by default. */
  readonly headersTimeout?: Duration.DurationInput | undefined
  /** How long requests in flight may take to commit when the server stops. 10 seconds by default. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
  /** A certificate and its key, for https. */
  readonly tls?: ServerTls.Options | undefined
}

/**
 * All options of a whole server in one record: listener, door, policy, store and background work.
 */
export interface Options extends HttpOptions, EmbeddedServer.Options {}

/** The server cannot listen, for example because the port is in use. */
export class ListenError extends Schema.TaggedError<ListenError>("effect-tus/ListenError")("ListenError", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect
}) {
  override get message(): string {
    return `cannot listen on ${this.host}:${this.port}: ${
      this.cause instanceof Error ? this.cause.message : this.cause
    }`
  }
}

/** A server that is listening. */
export class NodeTusServer extends Context.Tag("effect-tus/NodeTusServer")<NodeTusServer, {
  /** The URL of the collection, to which uploads are posted. */
  readonly url: string
  readonly port: number
}>() {}

/** Listens, and logs where. At its end it stops accepting, lets requests in flight commit, and closes. */
export const layerHttp = (
  options: HttpOptions = {}
): Layer.Layer<NodeTusServer, ListenError | OptionError.OptionError | ServerTls.TlsError, TusServer> =>
  Layer.scoped(
    NodeTusServer,
    Effect.gen(function*() {
      yield* check(options)
      const { host = "127.0.0.1", path = "/files", port = 1080, shutdownTimeout = "10 seconds" } = options
      const headersMillis = Duration.toMillis(options.headersTimeout ?? "60 seconds")
      const { cors } = yield* Effect.orDie(DoorPolicy.make(yield* TusPolicy, dialect.fields))
      const runFork = Runtime.runFork(yield* Effect.runtime())
      const handler = yield* NodeHandler.make({ ...options, path })
      const { inTurn, last, latest } = Pipelining.make()
      const secure = options.tls === undefined
        ? undefined
        : { tls: yield* ServerTls.make(options.tls), http2: options.tls.http2 ?? true }
      const { server } = yield* Effect.acquireRelease(
        listen(HttpListener.make(headersMillis, secure), host, port),
        (listener) =>
          Effect.async<void>((resume) => {
            listener.server.close(() => resume(Effect.void))
            listener.closeIdle()
          }).pipe(
            Effect.zipLeft(close(listener, handler, shutdownTimeout), { concurrent: true })
          )
      )
      server
        .on("request", inTurn(handler.listener))
        .on("checkContinue", inTurn(handler.checkContinue))
        .on("checkExpectation", inTurn(handler.listener))
        .on("clientError", ({ code }: NodeJS.ErrnoException, socket) => {
          const refuse = () =>
            last(socket, () => runFork(MalformedRequest.refuse(socket, code, { headersMillis, cors })))
          const before = latest(socket)
          if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
            NodeRequest.judge(() => latest(socket) === before && refuse())
          } else {
            refuse()
          }
        })
        // An idle keep-alive connection.
        .on("timeout", (connection: unknown) => {
          if (connection instanceof Socket) {
            NodeRequest.judge(() => latest(connection) === undefined && connection.destroy())
          }
        })
      const actual = (server.address() as AddressInfo).port
      const scheme = secure === undefined ? "http" : "https"
      const url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${actual}${path}`
      yield* Effect.logInfo(`effect-tus listens at ${url}`)
      return { url, port: actual }
    })
  )

const check = OptionError.check(Schema.Struct({
  port: Schema.optional(OptionError.whole(0, 65535)),
  host: Schema.optional(OptionError.text),
  path: Schema.optional(OptionError.path),
  headersTimeout: Schema.optional(OptionError.timeout),
  idleTimeout: Schema.optional(OptionError.timeout),
  shutdownTimeout: Schema.optional(OptionError.duration),
  bufferLimit: Schema.optional(OptionError.whole(0))
}))

const listen = (listener: HttpListener.HttpListener, host: string, port: number) =>
  Effect.async<HttpListener.HttpListener, ListenError>((resume) => {
    listener.server.once("error", (cause) => resume(new ListenError({ host, port, cause })))
    listener.server.listen(port, host, () => resume(Effect.succeed(listener)))
  })

const close = (
  { closeAll }: HttpListener.HttpListener,
  { drain }: NodeHandler.NodeHandler,
  deadline: Duration.DurationInput
) =>
  drain.pipe(
    Effect.interruptible,
    Effect.timeout(deadline),
    Effect.ignore,
    Effect.zipRight(Effect.sync(closeAll))
  )

/** The services of a whole server. */
export type Services = EmbeddedServer.Services | NodeTusServer

/** The errors with which a whole server cannot start. */
export type Failure = EmbeddedServer.Failure | ListenError | ServerTls.TlsError

/**
 * A server on its embedded store. Provide hooks and events to it like any Reference.
 *
 * @example
 * ```ts
 * import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
 * import { Layer } from "effect"
 * import { NodeTusServer } from "effect-tus/node"
 *
 * NodeTusServer.layer({ port: 1080, directory: "./uploads", expiresAfter: "1 day" }).pipe(
 *   Layer.launch,
 *   NodeRuntime.runMain
 * )
 * ```
 */
export const layer = (options: Options): Layer.Layer<Services, Failure> =>
  Layer.provideMerge(layerHttp(options), EmbeddedServer.layer(options))
