/**
 * The fast door: a plain Node request listener for `http.createServer`, Express, Fastify, Nest, and any framework that
 * hands over an `IncomingMessage` whose body is unread. It supports trailers.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as UploadBody from "../../server/body/UploadBody.js"
import * as TusDoor from "../../server/doors/TusDoor.js"
import * as LogText from "../../server/policy/LogText.js"
import type { TusServer } from "../../server/TusServer.js"
import * as Known from "../../time/Known.js"
import type { Headers, RawResponse } from "../../wire/Message.js"
import * as InterimResponse from "./InterimResponse.js"
import * as NodeBody from "./NodeBody.js"
import * as NodeDownload from "./NodeDownload.js"
import * as NodeRequest from "./NodeRequest.js"

/** The path of the collection, limits for bodies, and an answer to GET. */
export interface Options extends TusDoor.Options, UploadBody.Options {
  /**
   * Bytes that all bodies together may keep in memory, 16 MiB by default. Above it each upload reads on only after
   * the store has taken its last bytes.
   */
  readonly bufferLimit?: number | undefined
  /**
   * Answers GET and HEAD requests that are not tus, for example with a page. Not called below `path`, where the uploads
   * are. Such a GET is answered with 405 by default.
   */
  readonly get?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
}

/** The listeners for a Node server, and its orderly shutdown. */
export interface NodeHandler {
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void
  /**
   * For `server.on("checkContinue", ...)`: a client that sends `Expect: 100-continue` is refused before it sends a
   * byte.
   */
  readonly checkContinue: (request: IncomingMessage, response: ServerResponse) => void
  /**
   * Cuts off every body in flight, and later ones, of all doors of this server. Returns when all are committed and
   * answered. An interruption interrupts the requests, except for running writes.
   */
  readonly drain: Effect.Effect<void>
}

/**
 * Makes a handler. Requests run in the runtime in which it is made.
 *
 * @example
 * ```ts
 * import { ManagedRuntime } from "effect"
 * import { EmbeddedServer, NodeHandler } from "effect-tus/node"
 * import { createServer } from "node:http"
 *
 * const tus = ManagedRuntime.make(EmbeddedServer.layer({ directory: "./uploads" }))
 * const uploads = await tus.runPromise(NodeHandler.make({ path: "/files" }))
 *
 * // An upload may take any time, its headers may not.
 * const server = createServer({ requestTimeout: 0, headersTimeout: 60_000, joinDuplicateHeaders: true })
 * server.maxHeadersCount = 0
 * server.on("request", uploads.listener).on("checkContinue", uploads.checkContinue).listen(1080)
 * ```
 */
export const make = (options: Options = {}): Effect.Effect<NodeHandler, never, TusServer> =>
  Effect.zipWith(Effect.runtime(), TusDoor.open({ path: options.path }), (runtime, { inFlight, respond }) => {
    const runFork = Runtime.runFork(runtime)
    const budget: NodeBody.Budget = { limit: options.bufferLimit ?? 16 * 1024 * 1024, used: 0 }
    const idleMillis = NodeBody.idleMillisOf(options)

    const handle = (request: IncomingMessage, response: ServerResponse, begin: () => void) => {
      response.on("error", ignore)
      if (options.get !== undefined && isForPage(request) && !isUpload(request, options.path)) {
        NodeRequest.expectTaken(request, response, idleMillis)
        runFork(page(options.get, request, response))
        return
      }
      const body = NodeBody.make(request, idleMillis, budget, begin)
      const raw = {
        method: request.method ?? "",
        url: urlOf(request),
        headers: request.headers as Headers,
        remoteAddress: request.socket.remoteAddress
      }
      const inform = InterimResponse.informer(request, response)
      /** Runs what is not known, in flight until its end, and then `next`. */
      const run = <A>(self: Effect.Effect<A>, next: (exit: Exit.Exit<A>) => void) => {
        const known = Known.exit(self)
        if (known !== undefined && Exit.isSuccess(known)) {
          return next(known)
        }
        const fiber = runFork(self)
        const leave = inFlight.enter({ body, fiber })
        fiber.addObserver((exit) => {
          next(exit)
          leave()
        })
      }
      const answered = Known.suspend(() => respond({ request: raw, body, trailers: true, inform }))
      run(answered, (exit) => {
        const sent = Known.suspend(() =>
          Known.flatMap(exit, (answer) =>
            answer.content === undefined
              ? send(request, response, answer, body, { draining: inFlight.isDraining(), idleMillis })
              : download(request, response, answer, answer.content, idleMillis))
        )
        run(sent, body.discard)
      })
    }

    const answer = (request: IncomingMessage, response: ServerResponse, begin: () => void) =>
      NodeRequest.enter(request, () => {
        // An HTTP/2 request may be cancelled before its turn.
        if (!NodeRequest.isGone(request, response)) {
          handle(request, response, begin)
        }
      })

    return {
      listener: (request, response) => answer(request, response, () => {}),
      checkContinue: (request, response) => answer(request, response, () => response.writeContinue()),
      drain: Effect.onInterrupt(inFlight.drain, () => inFlight.interrupt)
    }
  })

/** A GET that the application answers. If it fails, the client gets a 500 and the log the cause. */
const page = (get: NonNullable<Options["get"]>, request: IncomingMessage, response: ServerResponse) =>
  Effect.tryPromise(async () => get(request, response)).pipe(
    Effect.catchAll(({ error }) =>
      Effect.zipRight(
        failed(request, error),
        Effect.sync(() => {
          if (response.headersSent) {
            NodeRequest.abort(request, response)
          } else {
            response.writeHead(500, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" })
            response.end("the server failed, try again\n")
          }
        })
      )
    )
  )

const failed = (request: IncomingMessage, error: unknown) => {
  const raw = { method: request.method ?? "", url: urlOf(request), headers: request.headers as Headers }
  return Effect.logError(`${LogText.nameOf(raw)} failed`, Cause.die(LogText.errorOf(raw, error)))
}

/** GET and HEAD without a tus header or a method override. */
const isForPage = ({ headers, method }: IncomingMessage) =>
  (method === "GET" || (method === "HEAD" && headers["tus-resumable"] === undefined)) &&
  headers["x-http-method-override"] === undefined

/** False if the path of the collection is not known. */
const isUpload = (request: IncomingMessage, path: string | undefined) =>
  path !== undefined && urlOf(request).startsWith(`${path}/`)

/** The request target as the client sent it, even if a framework has cut off its mount path. */
const urlOf = (request: IncomingMessage & { readonly originalUrl?: string }) => request.originalUrl ?? request.url ?? ""

/**
 * Sends the answer at once. If the client still sends a body, the connection is closed a moment later: closing it at
 * once would reset it, and the client would never see the answer.
 */
const send = (
  request: IncomingMessage,
  response: ServerResponse,
  { body, headers, status }: RawResponse,
  { isUnread, rest }: NodeBody.NodeBody,
  { draining, idleMillis }: { readonly draining: boolean; readonly idleMillis: number }
): Effect.Effect<void> => {
  if (NodeRequest.isGone(request, response)) {
    return Effect.void
  }
  const unread = isUnread()
  const end = (body?: string) => NodeRequest.end(request, response, body, idleMillis)
  const stream = NodeRequest.streamOf(request)
  response.writeHead(status, {
    ...headers,
    ...(status === 204 || request.method === "HEAD" ? {} : { "content-length": Buffer.byteLength(body ?? "") }),
    ...((unread || draining) && stream === undefined ? { connection: "close" } : {})
  })
  if (!unread) {
    end(body)
    return Effect.void
  }
  if (stream !== undefined) {
    // Only the stream is ended: the connection serves other requests, too.
    end(body)
    return Effect.tap(rest, () => Effect.sync(() => NodeRequest.hangUp(stream, idleMillis)))
  }
  if (body === undefined) {
    response.flushHeaders()
  } else {
    response.write(body)
  }
  return Effect.tap(rest, () => Effect.sync(() => end()))
}

/** A failure is logged: the client has its headers already. */
const download = (
  request: IncomingMessage,
  response: ServerResponse,
  { headers, status }: RawResponse,
  content: NonNullable<TusDoor.Response["content"]>,
  idleMillis: number
) =>
  Effect.suspend(() => {
    response.writeHead(status, headers)
    return Effect.ignoreLogged(NodeDownload.pipe(request, response, content, idleMillis))
  })

const ignore = () => {}
