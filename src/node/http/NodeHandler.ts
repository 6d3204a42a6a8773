/**
 * The fast door: a plain Node request listener, for `http.createServer`, Express, Fastify, Nest, and whatever else
 * hands on an `IncomingMessage` that nobody has read. Trailers come through.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { RawResponse } from "../../protocol/Reply.js"
import type * as UploadBody from "../../server/body/UploadBody.js"
import * as TusDoor from "../../server/doors/TusDoor.js"
import * as LogText from "../../server/policy/LogText.js"
import type { TusServer } from "../../server/TusServer.js"
import * as NodeBody from "./NodeBody.js"
import * as NodeDownload from "./NodeDownload.js"
import * as NodeRequest from "./NodeRequest.js"

/** The path of the collection, what bodies may cost, and what becomes of GET. */
export interface Options extends TusDoor.Options, UploadBody.Options {
  /**
   * Bytes that all bodies together keep waiting in memory, 16 MiB by default. Above it each upload reads on only when
   * the store has taken what it read last.
   */
  readonly bufferLimit?: number | undefined
  /**
   * Answers GET, which tus does not know, and HEAD where it says nothing of tus, with a page or whatever else there is,
   * but not below `path`, where uploads are. 405 by default.
   */
  readonly get?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
}

/** What is given to a server of Node, and how its end is made an orderly one. */
export interface NodeHandler {
  readonly listener: (request: IncomingMessage, response: ServerResponse) => void
  /** The same for `server.on("checkContinue", ...)`: a client that asks first is refused before it sends a byte. */
  readonly checkContinue: (request: IncomingMessage, response: ServerResponse) => void
  /**
   * Cuts off every body in flight, and those to come, of all doors of this server. Returns when all are committed and
   * answered. Interrupting it interrupts the requests, except for what they are writing.
   */
  readonly drain: Effect.Effect<void>
}

/**
 * A handler that runs in the runtime in which it is made.
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
 * // An upload may take any time; the head of a request may not.
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
      const fiber = runFork(
        Effect.flatMap(respond({ request: raw, body, trailers: true }), (answer) =>
          answer.content === undefined
            ? send(request, response, answer, body, { draining: inFlight.isDraining(), idleMillis })
            : download(request, response, answer, answer.content, idleMillis))
      )
      const leave = inFlight.enter({ body, fiber })
      fiber.addObserver(() => {
        leave()
        body.discard()
      })
    }

    const answer = (request: IncomingMessage, response: ServerResponse, begin: () => void) =>
      NodeRequest.enter(request, () => {
        // Over HTTP/2 it may have been given up before its turn.
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

/** What the application answers by itself. Where it fails, that is a bug of its own, and costs nobody else anything. */
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

/** One that does not stand for another method. */
const isForPage = ({ headers, method }: IncomingMessage) =>
  (method === "GET" || (method === "HEAD" && headers["tus-resumable"] === undefined)) &&
  headers["x-http-method-override"] === undefined

/** Where the path of the collection is not known, nothing is. */
const isUpload = (request: IncomingMessage, path: string | undefined) =>
  path !== undefined && urlOf(request).startsWith(`${path}/`)

type Headers = Readonly<Record<string, string | undefined>>

/** The target as the client sees it, also where a framework has cut off the path it is mounted on. */
const urlOf = (request: IncomingMessage & { readonly originalUrl?: string }) => request.originalUrl ?? request.url ?? ""

/**
 * The answer. Where the client still sends, it is written at once and the connection is closed a moment later: closing
 * it on unread bytes would reset it, and the client would never see the answer.
 */
const send = (
  request: IncomingMessage,
  response: ServerResponse,
  { body, headers, status }: RawResponse,
  { isUnread, rest }: NodeBody.NodeBody,
  { draining, idleMillis }: { readonly draining: boolean; readonly idleMillis: number }
) =>
  Effect.suspend(() => {
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
      // The answer ends its stream only; the connection is that of other requests, too.
      end(body)
      return Effect.tap(rest, () => Effect.sync(() => NodeRequest.hangUp(stream, idleMillis)))
    }
    if (body === undefined) {
      response.flushHeaders()
    } else {
      response.write(body)
    }
    return Effect.tap(rest, () => Effect.sync(() => end()))
  })

/** What goes wrong on the way is told to the log: the client has its head already. */
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
