/**
 * Shared by the proofs: servers on their embedded store, single requests, and the client.
 */
import { afterAll, assert } from "@effect/vitest"
import { ByteStore, type Message, Pull, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import { TusUpload, type UploadOptions, UploadSource } from "effect-tus/client"
import { NodeTusServer } from "effect-tus/node"
import { NodeTusClient } from "effect-tus/node-client"
import { TusObserver, type TusPolicy, TusServer, UploadEvents } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { fileOf } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { eventually } from "../support/eventually.js"
import * as Raw from "../support/raw.js"
import { asking } from "../support/raw.js"
import { idOf } from "../support/uploads.js"

/** Made once for all proofs of a file, by the first that asks for it. */
export const shared = <A, E>(make: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> => {
  const scope = Effect.runSync(Scope.make())
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  return Effect.runSync(Effect.cached(Scope.extend(make, scope)))
}

/** A server on files and SQLite, with the layers of `beside`. It records its requests and its events for the test. */
export const serve = Effect.fnUntraced(function*(
  options: Partial<NodeTusServer.Options> = {},
  beside: Layer.Layer<never, unknown> = Layer.empty
) {
  const at = options.directory ?? (yield* directory)
  const seen: Array<Message.RawRequest> = []
  const told: Array<UploadEvents.Event> = []
  let arrived = 0
  const observer: TusObserver.Observer = (exchange, answer) =>
    Effect.suspend(() => {
      seen.push(exchange.request)
      const { body } = exchange
      const pull = Effect.tap(body.pull, (batch) => Effect.sync(() => arrived += Pull.sizeOf(batch)))
      return answer({ ...exchange, body: { ...body, pull } })
    })
  const watching = Layer.merge(
    TusObserver.layer(Effect.succeed(observer)),
    Layer.succeed(UploadEvents.UploadEvents, { publish: (event) => Effect.sync(() => void told.push(event)) })
  )
  const context = yield* Layer.build(
    // Without a sync each file is there before the answer.
    NodeTusServer.layer({ port: 0, durability: "process", ...options, directory: at }).pipe(
      Layer.provideMerge(Layer.provideMerge(beside, watching))
    )
  )
  const { port, url } = Context.get(context, NodeTusServer.NodeTusServer)
  return { url, port, directory: at, context, seen, told, arrived: () => arrived, ...asking(port, options.path) }
})

/** The CORS headers that a page of `origin` receives: those of a preflight, and those of another response. */
export const cors = Effect.fnUntraced(
  function*(cors: TusPolicy.Options["cors"], origin = "https://example.org") {
    const { ask } = yield* serve({ cors })
    const preflight = yield* ask("OPTIONS", "/files", { origin, "access-control-request-method": "POST" })
    const { headers } = yield* ask("OPTIONS", "/files", { origin })
    return {
      methods: listOf(preflight.headers["access-control-allow-methods"]),
      allowed: listOf(preflight.headers["access-control-allow-headers"]),
      maxAge: preflight.headers["access-control-max-age"],
      exposed: listOf(headers["access-control-expose-headers"]),
      credentials: headers["access-control-allow-credentials"],
      origin: headers["access-control-allow-origin"]
    }
  }
)

const listOf = (list = "") => list.split(", ")

/** A server on other layers than its embedded ones. */
export const serveOver = Effect.fnUntraced(function*({
  bytes = ByteStore.layerMemory,
  lock = UploadLock.layerMemory,
  registry = UploadRegistry.layerMemory
}: {
  readonly bytes?: Layer.Layer<ByteStore.ByteStore, unknown>
  readonly lock?: Layer.Layer<UploadLock.UploadLock, unknown, UploadRegistry.UploadRegistry>
  readonly registry?: Layer.Layer<UploadRegistry.UploadRegistry, unknown>
}) {
  const context = yield* Layer.build(
    NodeTusServer.layerHttp({ port: 0 }).pipe(
      Layer.provide(TusServer.layer),
      Layer.provide(Layer.mergeAll(UploadStore.layer, lock)),
      Layer.provideMerge(Layer.mergeAll(registry, bytes))
    )
  )
  const { port, url } = Context.get(context, NodeTusServer.NodeTusServer)
  const { read } = Context.get(context, ByteStore.ByteStore)
  return {
    url,
    registry: Context.get(context, UploadRegistry.UploadRegistry),
    textOf: (url: string, end: number) => read(idOf(url), { start: 0, end }).pipe(Stream.decodeText(), Stream.mkString),
    ...asking(port)
  }
})

/** The file of an upload, as text. */
export const stored = (directory: string, url: string) => readFileSync(fileOf(directory, url), "utf8")

export const text = (text: string, name?: string) => UploadSource.fromBytes(new TextEncoder().encode(text), { name })

export const client = NodeTusClient.layer({ proxy: false })

/** Uploads with the client of this package. */
export const upload = <R = never>(options: UploadOptions.UploadOptions<R>) =>
  Effect.provide(TusUpload.run(options), client)

/** The events of the feed, from now on and up to the first of this kind. */
export const heard = Effect.fnUntraced(function*(context: Context.Context<never>, last: UploadEvents.Event["_tag"]) {
  const feed = Context.unsafeGet(context, UploadEvents.UploadFeed)
  const listening = yield* Effect.fork(Stream.runCollect(Stream.takeUntil(feed, ({ _tag }) => _tag === last)))
  yield* Effect.sleep("20 millis")
  return Effect.map(Fiber.join(listening), Chunk.toReadonlyArray)
})

/** A PATCH of six bytes that sends three of them, and then nothing. */
export const hanging = Effect.fnUntraced(
  function*({ arrived, port }: Effect.Effect.Success<ReturnType<typeof serve>>, path: string) {
    const before = arrived()
    const socket = yield* Effect.acquireRelease(
      Effect.promise(() => Raw.open(port)),
      ({ destroy }) => Effect.sync(destroy)
    )
    yield* Effect.promise(() => socket.send(`${Raw.patch(path, 0, 6)}abc`))
    yield* eventually(() => arrived() > before)
    return socket
  }
)

/** A new request takes the upload over from one that hangs, and the bytes of that one are kept. */
export const takesOver = Effect.gen(function*() {
  const server = yield* serve()
  const path = yield* server.create(6)
  const { closed } = yield* hanging(server, path)
  // The new request does not know of the three bytes.
  assert.strictEqual((yield* server.patch(path, 0, "xyz")).status, 409)
  assert.match(yield* Effect.promise(() => closed), /^HTTP\/1.1 423 [^]*stands at 3/)
  assert.strictEqual((yield* server.patch(path, 3, "def")).status, 204)
  assert.strictEqual(stored(server.directory, path), "abcdef")
})

/** A server that stops commits what running requests have received, and answers them. */
export const endsWell = Effect.gen(function*() {
  const scope = yield* Scope.make()
  const server = yield* Scope.extend(serve({ shutdownTimeout: "5 seconds" }), scope)
  const { closed } = yield* hanging(server, yield* server.create(6))
  yield* Scope.close(scope, Exit.void)
  assert.match(yield* Effect.promise(() => closed), /^HTTP\/1.1 503 [^]*stands at 3/)
})
