/**
 * The door for Effect applications: an `HttpApp` for any path of an `HttpRouter`, an `HttpLayerRouter` or an `HttpApi`.
 * Mount it for all methods. Trailers do not come through `HttpServerRequest`, so `checksum-trailer` is not offered
 * here.
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

/** The path of the collection, and how long a body may be silent. What clients may do is in `TusPolicy`. */
export interface Options extends TusDoor.Options, UploadBody.Options {}

/** The same for a router, which has to be told the path. */
export interface MountOptions extends Options {
  /** Of the collection, such as `/files`; uploads lie below it. */
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
 * Answers one request, with the server, the policy and the observers that there are at that time. It never fails: a
 * refusal is a response, a store that fails is logged and a 500, or a 507 where it is full. Dies of an `OptionError`
 * where `publicUrl`, `trustedProxies` or `cors` of the policy means nothing; `layer` and `layerApi` do so when they are
 * built.
 */
export const make = (options: Options = {}): HttpApp.Default<never, TusServer | Scope.Scope> =>
  Effect.flatten(open(options))

/**
 * Mounted anywhere: the collection is whatever is posted to.
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
 * A middleware for all requests but those to `path` and below it, which are served as if it were not there. One that
 * answers OPTIONS itself, such as `HttpMiddleware.cors`, would hide from clients what the server can do, which has CORS
 * of its own: `TusPolicy`'s `cors`.
 */
export const except = (path: `/${string}`, middleware: Middleware): Middleware => (app) =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    ({ url }) => url === path || ["/", "?"].some((next) => url.startsWith(path + next)) ? app : middleware(app)
  )

type Middleware = <E, R>(app: HttpApp.Default<E, R>) => HttpApp.Default<E, R>

/**
 * Of the connection itself, where the platform tells it: `HttpMiddleware.xForwardedHeaders` would have put there what
 * anybody says.
 */
const remoteAddressOf = ({ remoteAddress, source }: HttpServerRequest.HttpServerRequest) =>
  (source as { readonly socket?: { readonly remoteAddress?: string } }).socket?.remoteAddress
    ?? Option.getOrUndefined(remoteAddress)

/**
 * The body, opened by the first pull. The platform resets the connection where a body is closed before its end, so it
 * is closed last of all: when the response has been handed over, and its rest read.
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
