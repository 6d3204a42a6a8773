/**
 * Shared by the proofs: servers in directories of their own, behind real sockets, and clients.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert } from "@effect/vitest"
import { type Progress, type TusError, TusUpload, UploadJournal, type UploadOptions } from "effect-tus/client"
import { EmbeddedServer, NodeHandler, NodeTusServer } from "effect-tus/node"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import type * as Http from "node:http"
import { join } from "node:path"
import { fileOf } from "../../interop/server.js"
import { http } from "../../node-client/servers.js"
import { read } from "../../node/certificates.js"
import { directory } from "../../support/directory.js"
import type { Headers } from "../../support/exchange.js"
import { asking, open } from "../../support/raw.js"

export const bytes = Uint8Array.from(randomBytes(300_000))

/** Requests to a port, exactly as given. */
export const requests = (port: number) => {
  const { ask, ...rest } = asking(port)
  return {
    ask,
    ...rest,
    /** The status of a response. */
    told: (...asked: Parameters<typeof ask>) => Effect.map(ask(...asked), ({ status }) => status),
    /** A connection that sends any bytes. */
    connection: Effect.acquireRelease(
      Effect.promise(() => open(port)),
      (client) => Effect.sync(client.destroy)
    )
  }
}

/** A whole server. `context` has its services. */
export const serve = Effect.fnUntraced(function*(
  options: Partial<NodeTusServer.Options> = {},
  beneath: Layer.Layer<never> = Layer.empty
) {
  const at = options.directory ?? (yield* directory)
  const context = yield* Layer.build(
    Layer.provide(
      NodeTusServer.layer({ port: 0, durability: "process", ...options, directory: at }),
      beneath
    )
  )
  const { port, url } = Context.get(context, NodeTusServer.NodeTusServer)
  return { ...requests(port), context, directory: at, port, stored: stored(at), url }
})

/** Reads the file of an upload. */
const stored = (directory: string) => (url: string): Uint8Array => readFileSync(fileOf(directory, url))

/** Compares as buffers: a failure of deepStrictEqual would list every difference. */
export const same = (actual: Uint8Array, expected: Uint8Array = bytes) =>
  assert.strictEqual(Buffer.compare(actual, expected), 0, "the bytes are others")

/** A response in place of the server's. */
export interface Scripted {
  readonly status: number
  readonly headers?: Headers
  readonly text?: string
}

/** A server that records its requests. `answer` may respond in its place; `nth` counts the requests of the method. */
export const watched = Effect.fnUntraced(function*(
  answer: (request: Http.IncomingMessage, nth: number) => Scripted | undefined = () => undefined
) {
  const at = yield* directory
  const context = yield* Layer.build(EmbeddedServer.layer({ directory: at, durability: "process" }))
  const { listener } = yield* Effect.provide(NodeHandler.make({ path: "/files" }), context)
  const seen: Array<Http.IncomingMessage> = []
  const of = (method: string) => seen.filter((request) => request.method === method)
  const { port, sockets, url } = yield* http((request, response) => {
    seen.push(request)
    const scripted = answer(request, of(request.method ?? "").length)
    if (scripted === undefined) {
      return listener(request, response)
    }
    request.resume()
    response.writeHead(scripted.status, { ...scripted.headers }).end(scripted.text)
  })
  return {
    ...requests(port),
    stored: stored(at),
    url,
    sockets,
    /** All requests so far, those of one method, and their methods in order. */
    seen,
    of,
    methods: () => seen.map(({ method }) => method).join(" ")
  }
})

/** A file in a directory of its own. */
export const file = (contents: Uint8Array = bytes) =>
  Effect.map(directory, (directory) => {
    const path = join(directory, "file")
    writeFileSync(path, contents)
    return path
  })

export const source = Effect.flatMap(file(), FileSource.make)

export const client = (options: NodeTusClient.Options = {}) =>
  Layer.orDie(NodeTusClient.layer({ proxy: false, ...options }))

export const run = (options: UploadOptions.UploadOptions, connected?: NodeTusClient.Options) =>
  Effect.provide(TusUpload.run(options), client(connected))

/** The error with which the upload fails. */
export const failing = (
  options: UploadOptions.UploadOptions,
  connected?: NodeTusClient.Options
): Effect.Effect<TusError.TusError> => Effect.orDieWith(Effect.flip(run(options, connected)), () => "it succeeded")

/** Polls until it is true. */
export const until = (is: Effect.Effect<boolean>) => Effect.repeat(Effect.delay(is, "10 millis"), { until: (is) => is })

/** Collects log messages with their annotations, and keeps them from the console. */
export const logged = <A, E, R>(effect: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  return Effect.provide(
    effect(lines),
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, message }) => {
        const line = `${message} ${JSON.stringify(Object.fromEntries(HashMap.toEntries(annotations)))}`
        if (!line.startsWith("effect-tus listens at ")) {
          lines.push(line)
        }
      })
    )
  )
}

/** A certificate of the test's authority. */
export const certified = () => ({ cert: read("server.pem"), key: read("server.key") })

/** Sends 300,000 bytes in three requests, so that the offsets show where each ends. */
export const chunked = { chunkSize: 100_000, createWithUpload: 0 }

/** A journal in files, and the names of its entries. */
export const journal = Effect.map(directory, (parent) => {
  const path = join(parent, "journal")
  return {
    path,
    entries: () => (existsSync(path) ? readdirSync(path) : []),
    layer: Layer.provide(UploadJournal.layerFileSystem(path), Layer.merge(NodeFileSystem.layer, NodePath.layer))
  }
})

/** All progress of an upload, from its beginning to its end. */
export const told = (options: UploadOptions.UploadOptions) =>
  Effect.map(
    Effect.provide(Stream.runCollect(TusUpload.upload(options)), client()),
    (all): ReadonlyArray<Progress.Progress> => Chunk.toReadonlyArray(all)
  )

/** An uploader that sends a file step by step, in three requests. */
export const uploading = Effect.gen(function*() {
  const { url: endpoint } = yield* serve()
  return yield* Effect.provide(
    TusUpload.uploader({ endpoint, source: yield* source, ...chunked }),
    yield* Layer.build(client())
  )
})

/** The fields of a progress report that the tests compare. */
export const endOf = ({ acknowledged, chunks, event }: Progress.Progress) => [event, acknowledged, chunks]

/** A server with other responses to a method. `is` chooses which requests of it, all by default. */
export const answering = (method: string, scripted: Scripted, is: (nth: number) => boolean = () => true) =>
  watched((request, nth) => (request.method === method && is(nth) ? scripted : undefined))

export const authorized: NodeTusClient.Options = { headers: () => Effect.succeed({ authorization: "a" }) }
