import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Refusal } from "effect-tus"
import {
  HttpTransport,
  StreamSource,
  TusClient,
  type TusError,
  TusTransport,
  TusUpload,
  UploadJournal,
  type UploadOptions,
  UploadSource
} from "effect-tus/client"
import { FileSource, NodeTransport, NodeTusClient } from "effect-tus/node-client"
import { UploadHooks } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as tus from "tus-js-client"
import * as Process from "../cli/process.js"
import { relay } from "../interop/relay.js"
import * as Servers from "../node-client/servers.js"
import { directory } from "../support/directory.js"
import { eventually } from "../support/eventually.js"
import { client, serve, shared, stored, text, upload } from "./setting.js"
import { rowsOf, suite } from "./tables.js"

const serving = shared(serve())

/** The server, with the requests that it receives from now on. */
const server = Effect.map(serving, ({ directory, head, seen, url: endpoint }) => {
  seen.splice(0)
  return {
    endpoint,
    head: (url: string) => head(new URL(url).pathname),
    stored: (url: string) => stored(directory, url),
    seen,
    methods: () => seen.map(({ method }) => method).join(" "),
    /** The values of a header in the requests of a method. */
    said: (method: string, header: string) =>
      seen.filter((request) => request.method === method).map(({ headers }) => headers[header])
  }
})

const all = "abcdefghij"

/** The bytes of the tests. The source has a name, so that an unfinished upload is found again. */
const source = text(all, "letters")

/** Sends three bytes with each request. */
const slowly = { source, createWithUpload: 0, chunkSize: 3 }

/** Uploads with a client that has these options. */
const uploadWith = <E>(layer: Layer.Layer<TusClient.TusClient, E>, endpoint: string) =>
  Effect.provide(TusUpload.run({ ...slowly, endpoint, retry: Schedule.recurs(1) }), layer)

const progressOf = (options: UploadOptions.UploadOptions) =>
  TusUpload.upload(options).pipe(
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray),
    Effect.provide(client)
  )

/** The error of an upload to a server that always answers with this status. */
const refused = (status: number, retry: Schedule.Schedule<unknown, TusError.TusError>) =>
  Effect.gen(function*() {
    const { url } = yield* Servers.http((_, response) => void response.writeHead(status).end())
    const error = yield* Effect.flip(upload({ endpoint: url, source, retry }))
    return error._tag === "Refused" ? error : assert.fail(error.message)
  })

/** An upload that was interrupted while the network held its bytes back. */
const held = Effect.fnUntraced(function*(options: Partial<UploadOptions.UploadOptions>) {
  const { endpoint, head, seen } = yield* server
  // More bytes than the sockets on the way can buffer.
  const bytes = "x".repeat(16_000_000)
  const network = yield* relay(endpoint, [{ up: 200_000, happens: "hold" }])
  const uploading = upload({ endpoint: network.url, source: text(bytes, "many"), createWithUpload: 0, ...options })
  const running = yield* Effect.fork(uploading)
  yield* eventually(() => network.held() > 0)
  const url = new URL(seen.find(({ method }) => method === "PATCH")?.url ?? "", network.url).href
  yield* Fiber.interrupt(running)
  return { bytes, head, network, uploading, url }
})

const remembering = Effect.provide(UploadJournal.layerMemory)

suite("From tus-js-client", {
  "endpoint": Effect.gen(function*() {
    const { endpoint, stored } = yield* server
    const { url } = yield* upload({ endpoint, source })
    assert.isTrue(url.startsWith(`${endpoint}/`))
    assert.strictEqual(stored(url), all)
  }),

  "uploadUrl": Effect.gen(function*() {
    const { endpoint, said, stored } = yield* server
    const { url } = yield* upload({ endpoint, source, stopAt: 3 })
    assert.strictEqual((yield* upload({ endpoint, source, url })).url, url)
    assert.strictEqual(stored(url), all)
    yield* Effect.provide(TusUpload.terminate(url), client)
    const error = yield* Effect.flip(upload({ endpoint, source, url }))
    assert.propertyVal(error, "status", 404)
    assert.lengthOf(said("POST", "upload-length"), 1)
  }),

  "metadata": Effect.gen(function*() {
    const { endpoint, head } = yield* server
    const { url } = yield* upload({ endpoint, source, metadata: { filename: "wörld", raw: new Uint8Array([1, 255]) } })
    assert.strictEqual((yield* head(url)).headers["upload-metadata"], "filename d8O2cmxk,raw Af8=")
  }),

  "metadataForPartialUploads": Effect.gen(function*() {
    const { endpoint, said } = yield* server
    yield* upload({ endpoint, source, parallel: 2, metadata: { filename: "a" } })
    deepStrictEqual(said("POST", "upload-metadata"), [undefined, undefined, "filename YQ=="])
  }),

  "fingerprint": remembering(Effect.gen(function*() {
    const { endpoint, stored } = yield* server
    const first = yield* upload({ endpoint, source, stopAt: 3 })
    const other = yield* upload({ endpoint, source: text("ABCDEFGHIJ", "letters") })
    assert.notStrictEqual(other.url, first.url)
    assert.strictEqual(stored(other.url), "ABCDEFGHIJ")
    assert.strictEqual((yield* upload({ endpoint, source: text(all, "letters") })).url, first.url)
    const unnamed = yield* upload({ endpoint, source: text(all), stopAt: 3 })
    assert.notStrictEqual((yield* upload({ endpoint, source: text(all) })).url, unnamed.url)
  })),

  "uploadSize": Effect.gen(function*() {
    const { endpoint, said, stored } = yield* server
    const bytes = Stream.make(new TextEncoder().encode(all))
    const { url } = yield* upload({ endpoint, source: yield* StreamSource.make(bytes, { length: 10 }) })
    assert.strictEqual(stored(url), all)
    deepStrictEqual(said("POST", "upload-length"), ["10"])
    const long = yield* StreamSource.make(bytes, { length: 11 })
    assert.propertyVal(yield* Effect.flip(upload({ endpoint, source: long })), "reason", "TooShort")
  }),

  "onProgress": Effect.gen(function*() {
    const { endpoint } = yield* server
    const progress = yield* progressOf({ ...slowly, endpoint })
    const sent = progress.map(({ sent }) => sent)
    deepStrictEqual(sent, sent.toSorted((a, b) => a - b))
    assert.includeMembers(sent, [0, 3, 6, 9, 10])
    deepStrictEqual(progress.map(({ total }) => total), progress.map(() => Option.some(10)))
    assert.strictEqual(typeof progress.at(-1)?.rate, "number")
    assert.isTrue(Option.isSome(progress.at(-1)?.eta ?? Option.none()))
  }),

  "onChunkComplete": Effect.gen(function*() {
    const { endpoint } = yield* server
    const progress = yield* progressOf({ ...slowly, endpoint })
    const accepted = progress.filter(({ event }) => event === "Acknowledged").map(({ acknowledged }) => acknowledged)
    deepStrictEqual(accepted, [3, 6, 9, 10])
  }),

  "onSuccess": Effect.gen(function*() {
    const { endpoint } = yield* server
    const { answer, bytes, complete, url } = yield* upload({ endpoint, source })
    deepStrictEqual([bytes, complete, url.startsWith(endpoint)], [10, true, true])
    assert.strictEqual(Option.getOrThrow(answer).headers["upload-offset"], "10")
    const progress = yield* progressOf({ endpoint, source })
    assert.strictEqual(progress.at(-1)?.event, "Complete")
  }),

  "onError": Effect.gen(function*() {
    const { url } = yield* serve(
      {},
      Layer.succeed(UploadHooks.UploadHooks, {
        onCreate: () => new Refusal.Denied({ status: 402, reason: "first you pay" })
      })
    )
    const said = yield* upload({ endpoint: url, source }).pipe(
      Effect.as("nothing"),
      Effect.catchTag("Refused", ({ status, text }) => Effect.succeed(`${status} ${text}`))
    )
    assert.strictEqual(said, "402 first you pay\n")
  }),

  "onShouldRetry": Effect.gen(function*() {
    const twice = Schedule.recurs(2)
    const unlessMissing = Schedule.whileInput(
      twice,
      (error: TusError.TusError) => error._tag !== "Refused" || error.status !== 501
    )
    assert.strictEqual((yield* refused(500, unlessMissing)).attempts, 3)
    assert.strictEqual((yield* refused(501, unlessMissing)).attempts, 1)
    assert.strictEqual((yield* refused(403, twice)).attempts, 1)
  }),

  "onUploadUrlAvailable": remembering(Effect.gen(function*() {
    const { endpoint } = yield* server
    const [first] = yield* progressOf({ ...slowly, endpoint, stopAt: 3 })
    const [second] = yield* progressOf({ ...slowly, endpoint })
    deepStrictEqual([first?.event, second?.event], ["Created", "Resumed"])
    assert.isTrue(Option.isSome(first?.url ?? Option.none()))
    deepStrictEqual(second?.url, first?.url)
  })),

  "overridePatchMethod": Effect.gen(function*() {
    const { endpoint, said } = yield* server
    const layer = NodeTusClient.layer({ proxy: false, methodOverride: true })
    const { url } = yield* uploadWith(layer, endpoint)
    yield* Effect.provide(TusUpload.terminate(url), layer)
    const asked = [undefined, "PATCH", "PATCH", "PATCH", "PATCH", "DELETE"]
    deepStrictEqual(said("POST", "x-http-method-override"), asked)
  }),

  "headers": Effect.gen(function*() {
    const tokens: Array<string> = []
    const { seen, url } = yield* serve(
      {},
      Layer.succeed(UploadHooks.UploadHooks, {
        authorize: (_, __, { headers: { authorization } }) =>
          authorization === "new" ? Effect.void : new Refusal.Denied({ status: 401, reason: "expected another token" })
      })
    )
    const headers: NonNullable<NodeTusClient.Options["headers"]> = ({ refresh }) =>
      Effect.sync(() => {
        tokens.push(refresh || tokens.includes("new") ? "new" : "old")
        return { authorization: `${tokens.at(-1)}` }
      })
    assert.isTrue((yield* uploadWith(NodeTusClient.layer({ proxy: false, headers }), url)).complete)
    deepStrictEqual(seen.map(({ headers }) => headers["authorization"]), tokens)
    assert.includeMembers(tokens, ["old", "new"])
  }),

  "addRequestId": Effect.gen(function*() {
    const { endpoint, seen } = yield* server
    yield* uploadWith(NodeTusClient.layer({ proxy: false, requestId: true }), endpoint)
    const ids = seen.map(({ headers }) => headers["x-request-id"] ?? assert.fail("no id"))
    assert.strictEqual(new Set(ids).size, 5)
  }),

  "onBeforeRequest": Effect.gen(function*() {
    const { endpoint, seen } = yield* server
    const layer = NodeTusClient.layer({
      proxy: false,
      headers: ({ method, url }) => Effect.succeed({ "x-before": `${method} ${new URL(url).pathname}` })
    })
    yield* uploadWith(layer, endpoint)
    assert.lengthOf(seen, 5)
    deepStrictEqual(seen.map(({ headers }) => headers["x-before"]), seen.map(({ method, url }) => `${method} ${url}`))
  }),

  "onAfterResponse": Effect.gen(function*() {
    const { endpoint } = yield* server
    const statuses: Array<number> = []
    const listening = Layer.effect(
      TusTransport.TusTransport,
      Effect.map(TusTransport.TusTransport, (transport) => ({
        ...transport,
        send: (request) => Effect.tap(transport.send(request), ({ status }) => Effect.sync(() => statuses.push(status)))
      }))
    )
    const transport = Layer.provide(listening, NodeTransport.layer({ proxy: false }))
    yield* uploadWith(Layer.provide(TusClient.layer(), transport), endpoint)
    deepStrictEqual(statuses, [201, 204, 204, 204, 204])
  }),

  "chunkSize": Effect.gen(function*() {
    const { endpoint, said } = yield* server
    yield* upload({ ...slowly, endpoint, chunkSize: 4 })
    yield* upload({ ...slowly, endpoint, chunkSize: { max: 7, multipleOf: 3 } })
    deepStrictEqual(said("PATCH", "content-length"), ["4", "4", "2", "6", "4"])
  }),

  "retryDelays": Effect.gen(function*() {
    assert.strictEqual((yield* refused(500, Schedule.fromDelays(0, 1, 3, 5))).attempts, 5)
  }),

  "parallelUploads": Effect.gen(function*() {
    const { endpoint, said, stored } = yield* server
    const { url } = yield* upload({ endpoint, source, parallel: 2 })
    assert.strictEqual(stored(url), all)
    assert.match(said("POST", "upload-concat").join(), /^partial,partial,final;/)
    const { listener, requests } = Process.tus()
    const other = yield* Servers.http(listener)
    assert.isTrue((yield* upload({ endpoint: other.url, source, parallel: 2 })).complete)
    deepStrictEqual(requests.map(({ method }) => method), ["OPTIONS", "POST", "PATCH"])
  }),

  "parallelUploadBoundaries": Effect.gen(function*() {
    const { endpoint, said } = yield* server
    yield* upload({ endpoint, source, parallel: 3 })
    deepStrictEqual(said("POST", "upload-length").toSorted(), ["3", "3", "4", undefined])
  }),

  "storeFingerprintForResuming": Effect.gen(function*() {
    const { endpoint } = yield* server
    const twice = Effect.gen(function*() {
      const { url } = yield* upload({ endpoint, source, stopAt: 3 })
      return (yield* upload({ endpoint, source })).url === url
    })
    const journal = UploadJournal.layerFileSystem(yield* directory).pipe(
      Layer.provide([NodeFileSystem.layer, NodePath.layer])
    )
    deepStrictEqual([yield* twice, yield* Effect.provide(twice, journal)], [false, true])
  }),

  "removeFingerprintOnSuccess": remembering(Effect.gen(function*() {
    const { endpoint } = yield* server
    const { url } = yield* upload({ endpoint, source })
    deepStrictEqual(yield* TusUpload.findPrevious({ endpoint, source }), [])
    assert.notStrictEqual((yield* upload({ endpoint, source })).url, url)
  })),

  "uploadLengthDeferred": Effect.gen(function*() {
    const { endpoint, said, stored } = yield* server
    const letters = yield* StreamSource.make(Stream.make(new TextEncoder().encode(all)))
    const { url } = yield* upload({ ...slowly, endpoint, source: letters, chunkSize: 5 })
    deepStrictEqual(said("POST", "upload-defer-length"), ["1"])
    assert.strictEqual(said("PATCH", "upload-length").join(""), "10")
    assert.strictEqual(stored(url), all)
  }),

  "uploadDataDuringCreation": Effect.gen(function*() {
    const { endpoint, methods } = yield* server
    yield* upload({ endpoint, source })
    yield* upload({ endpoint, source, createWithUpload: 0 })
    yield* upload({ endpoint, source: text("x".repeat(1024 * 1024 + 1)) })
    assert.strictEqual(methods(), "OPTIONS POST POST PATCH OPTIONS POST PATCH")
  }),

  "urlStorage": Effect.gen(function*() {
    const { endpoint } = yield* server
    const entries = new Map<string, string>()
    const store = KeyValueStore.makeStringOnly({
      get: (key) => Effect.sync(() => Option.fromNullable(entries.get(key))),
      set: (key, value) => Effect.sync(() => entries.set(key, value)),
      remove: (key) => Effect.sync(() => entries.delete(key)),
      clear: Effect.sync(() => entries.clear()),
      size: Effect.sync(() => entries.size)
    })
    const journal = UploadJournal.make(store, Effect.sync(() => [...entries.keys()]))
    const { url } = yield* Effect.provideService(
      upload({ endpoint, source, stopAt: 3 }),
      UploadJournal.UploadJournal,
      journal
    )
    assert.include([...entries.values()].join(), url)
    yield* Effect.provideService(upload({ endpoint, source }), UploadJournal.UploadJournal, journal)
    assert.strictEqual(entries.size, 0)
  }),

  "fileReader": Effect.gen(function*() {
    const { endpoint, stored } = yield* server
    const path = join(yield* directory, "letters")
    writeFileSync(path, all)
    const bytes = new TextEncoder().encode(all)
    const read = (start: number, end: number) => Stream.make(bytes.subarray(start, end))
    const sources = [
      UploadSource.fromRange({ name: "rows", length: 10, read }),
      UploadSource.fromBlob(new Blob([all])),
      UploadSource.fromBytes(bytes),
      yield* FileSource.make(path),
      yield* StreamSource.make(Stream.make(bytes)),
      { ...source, name: "mine" }
    ]
    const results = yield* Effect.forEach(sources, (source) => upload({ endpoint, source }))
    deepStrictEqual(results.map(({ url }) => stored(url)), sources.map(() => all))
  }),

  "httpStack": Effect.gen(function*() {
    const { endpoint, seen } = yield* server
    const own = Layer.succeed(TusTransport.TusTransport, {
      trailers: false,
      bodyLimit: Infinity,
      send: () => Effect.succeed({ status: 418, headers: {}, body: "a teapot" })
    })
    const error = yield* Effect.flip(uploadWith(Layer.provide(TusClient.layer(), own), endpoint))
    assert.propertyVal(error, "text", "a teapot")
    assert.lengthOf(seen, 0)
    const fetching = Layer.provide(HttpTransport.layer, FetchHttpClient.layer)
    assert.isTrue((yield* uploadWith(Layer.provide(TusClient.layer(), fetching), endpoint)).complete)
  }),

  "protocol": Effect.gen(function*() {
    const { endpoint, seen } = yield* server
    yield* upload({ ...slowly, endpoint })
    deepStrictEqual(seen.map(({ headers }) => headers["tus-resumable"]), Array(5).fill("1.0.0"))
    assert.notMatch(seen.flatMap(({ headers }) => Object.keys(headers)).join(), /upload-draft|upload-complete/)
  }),

  "new Upload(file, options), upload.start()": Effect.gen(function*() {
    const { endpoint, methods, stored } = yield* server
    const uploading = upload({ endpoint, source })
    yield* Effect.sleep("20 millis")
    assert.strictEqual(methods(), "")
    const { url } = yield* uploading
    assert.strictEqual(methods(), "OPTIONS POST")
    assert.strictEqual(stored(url), all)
  }),

  "upload.url": Effect.gen(function*() {
    const { endpoint } = yield* server
    assert.isTrue((yield* upload({ endpoint, source })).url.startsWith(`${endpoint}/`))
    const progress = yield* progressOf({ ...slowly, endpoint })
    const urls = new Set(progress.map(({ url }) => Option.getOrThrow(url)))
    assert.strictEqual(urls.size, 1)
  }),

  "upload.abort()": remembering(Effect.gen(function*() {
    const { bytes, head, network, uploading, url } = yield* held({})
    network.open()
    yield* eventually(() => network.sockets.size === 0)
    assert.isBelow(network.up(), bytes.length)
    assert.isBelow(Number((yield* head(url)).headers["upload-offset"]), bytes.length)
    const result = yield* uploading
    deepStrictEqual([result.url, result.complete], [url, true])
  })),

  "upload.abort(true)": Effect.gen(function*() {
    const { head, url } = yield* held({ terminateOnInterrupt: true })
    assert.strictEqual((yield* head(url)).status, 404)
  }),

  "upload.findPreviousUploads()": remembering(Effect.gen(function*() {
    const { endpoint } = yield* server
    deepStrictEqual(yield* TusUpload.findPrevious({ endpoint, source }), [])
    const { url } = yield* upload({ endpoint, source, stopAt: 3 })
    const found = yield* TusUpload.findPrevious({ endpoint, source })
    deepStrictEqual(found.map(({ acknowledged, url }) => [acknowledged, url]), [[3, url]])
  })),

  "upload.resumeFromPreviousUpload(previous)": remembering(Effect.gen(function*() {
    const { endpoint, said, stored } = yield* server
    const { url } = yield* upload({ endpoint, source, stopAt: 3 })
    assert.strictEqual((yield* upload({ endpoint, source })).url, url)
    deepStrictEqual(said("PATCH", "upload-offset"), ["0", "3"])
    assert.strictEqual(stored(url), all)
  })),

  "Upload.terminate(url)": Effect.gen(function*() {
    const { endpoint, head } = yield* server
    const { url } = yield* upload({ endpoint, source })
    yield* Effect.provide(TusUpload.terminate(url), client)
    assert.strictEqual((yield* head(url)).status, 404)
  })
})

describe("From tus-js-client", () => {
  const rows = rowsOf("From tus-js-client").flatMap((row) => row.split(/(?<=\)), /))

  it("has a row for every option", () => {
    assert.includeMembers(rows, Object.keys(tus.defaultOptions))
  })

  it("has a row for every method", () => {
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(tus.Upload.prototype))
      .filter((name) => !/^_|^constructor$/.test(name))
    assert.includeMembers(methods, ["start", "abort"])
    assert.includeMembers(rows.map((row) => row.replace(/\(.*/, "")), methods.map((name) => `upload.${name}`))
  })
})
