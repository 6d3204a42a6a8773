/**
 * The door for Effect applications: an `HttpApp` for any path of an `HttpRouter`, an `HttpLayerRouter` or an `HttpApi`.
 * Mount it for all methods. `HttpServerRequest` has no trailers, so this door does not offer `checksum-trailer`.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as UploadBody from "../body/UploadBody.js"
import type { TusServer } from "../TusServer.js"
import * as TusDoor from "./TusDoor.js"

/** The path of the collection, and how long a body may be silent. Limits for clients are in `TusPolicy`. */
export interface Options extends TusDoor.Options, UploadBody.Options {}

/** The same for a router, where the path is required. */
export interface MountOptions extends Options {
  /** The path of the collection, such as `/files`. Uploads are below it. */
  readonly path: `/${string}`
}

/** Answers with the server that there is now. */
const open = (options: Options) =>
  Effect.map(
    TusDoor.make({ path: options.path }),
    (respond): HttpApp.Default<never, Scope.Scope> =>
      Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const raw = {
          method: request.method,
          url: request.originalUrl,
          headers: request.headers,
          remoteAddress: remoteAddressOf(request)
        }
        const body = yield* bodyOf(request, options)
        return toResponse(yield* respond({ request: raw, body, trailers: false }))
      })
  )

/**
 * Answers one request with the server, the policy and the observers of its context. It never fails: a refusal is a
 * response; a store error is logged and answered 500, or 507 if the store is full. Dies with an `OptionError` if
 * `publicUrl`, `trustedProxies` or `cors` of the policy make no sense; `layer` and `layerApi` do so when they are
 * built.
 */
export const make = (options: Options = {}): HttpApp.Default<never, TusServer | Scope.Scope> =>
  Effect.flatten(open(options))

/**
 * For any mount point: the collection is the path that is posted to.
 *
 * @example
 * ```ts
 * import { HttpRouter } from "@effect/platform"
 * import { TusHttp } from "effect-tus/server"
 *
 * export const router = HttpRouter.empty.pipe(HttpRouter.mountApp("/files", TusHttp.app))
 * ```
 */
export const app: HttpApp.Default<never, TusServer | Scope.Scope> = make()

/**
 * Mounted on an `HttpLayerRouter`, under `path`.
 *
 * @example
 * ```ts
 * import { HttpLayerRouter } from "@effect/platform"
 * import { Layer } from "effect"
 * import { EmbeddedServer } from "effect-tus/node"
 * import { TusHttp } from "effect-tus/server"
 *
 * export const server = HttpLayerRouter.serve(TusHttp.layer({ path: "/files" })).pipe(
 *   Layer.provide(EmbeddedServer.layer({ directory: "./uploads" }))
 * )
 * ```
 */
export const layer = (
  options: MountOptions
): Layer.Layer<never, never, HttpLayerRouter.HttpRouter | TusServer> =>
  HttpLayerRouter.use((router) =>
    Effect.flatMap(
      open(options),
      (app) => Effect.zipRight(router.add("*", options.path, app), router.add("*", `${options.path}/*`, app))
    )
  )

/** Mounted beside the endpoints of an `HttpApi`, under `path`. */
export const layerApi = (options: MountOptions): Layer.Layer<never, never, TusServer> =>
  HttpApiBuilder.Router.use((router) =>
    Effect.flatMap(open(options), (app) => router.mountApp(options.path, app as HttpApp.Default))
  )

/**
 * Applies a middleware to all requests except those to `path` and below. A middleware that answers OPTIONS itself, such
 * as `HttpMiddleware.cors`, would hide from clients what the server can do. The server has CORS of its own:
 * `TusPolicy`'s `cors`.
 */
export const except = (path: `/${string}`, middleware: Middleware): Middleware => (app) =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    ({ url }) => url === path || ["/", "?"].some((next) => url.startsWith(path + next)) ? app : middleware(app)
  )

type Middleware = <E, R>(app: HttpApp.Default<E, R>) => HttpApp.Default<E, R>

/**
 * The address of the connection itself, if the platform has it: `HttpMiddleware.xForwardedHeaders` would replace it by
 * a header that any client can send.
 */
const remoteAddressOf = ({ remoteAddress, source }: HttpServerRequest.HttpServerRequest) =>
  (source as { readonly socket?: { readonly remoteAddress?: string } }).socket?.remoteAddress
    ?? Option.getOrUndefined(remoteAddress)

/**
 * The body, opened by the first pull. The platform resets the connection if a body is closed before its end, so it is
 * closed last: after the response has been handed over and the rest has been read.
 */
const bodyOf = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest, options: Options) {
  if (request.source instanceof Request && request.source.body === null) {
    return UploadBody.empty
  }
  if (UploadBody.isConsumed(request.source)) {
    return UploadBody.consumed
  }
  const scope = yield* Effect.acquireRelease(Scope.make(), Scope.close)
  const open = yield* Effect.cached(Scope.extend(Stream.toPull(request.stream), scope))
  const body = UploadBody.fromPull(Effect.flatten(open), options)
  yield* Effect.addFinalizer(() => body.rest)
  return body
})

const toResponse = ({ body, content, headers, status }: TusDoor.Response) =>
  content !== undefined
    ? HttpServerResponse.stream(content, { status, headers, contentType: headers["content-type"] })
    : body === undefined
    ? HttpServerResponse.empty({ status, headers })
    : HttpServerResponse.text(body, { status, headers, contentType: headers["content-type"] })
