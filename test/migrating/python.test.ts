/**
 * What `examples/migrating.md` says to those who come from the Python package `resumable-upload`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, Metadata, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import {
  type Progress,
  StreamSource,
  TusClient,
  TusUpload,
  UploadJournal,
  UploadOptions,
  UploadSource
} from "effect-tus/client"
import { EmbeddedServer, EmbeddedStore, FileByteStore, NodeTusServer } from "effect-tus/node"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import { AccessLog, TusAdmin, TusServer, TusSweeper, TusWeb, UploadEvents, UploadIds } from "effect-tus/server"
import { SqlUploadRegistry } from "effect-tus/sql"
import { ByteStoreSuite, UploadRegistrySuite } from "effect-tus/testing"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash, randomUUID } from "node:crypto"
import { existsSync, readdirSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { relay } from "../interop/relay.js"
import { certificate, raw } from "../node-client/servers.js"
import { read } from "../node/certificates.js"
import {
  bytes,
  client,
  directory,
  failing,
  file,
  fileOf,
  headOf,
  idOf,
  logged,
  requests,
  run,
  same,
  type Scripted,
  serve,
  source,
  stream,
  until,
  watched
} from "./pythonSetting.js"
import { suite } from "./tables.js"

const server = { cert: read("server.pem"), key: read("server.key") }

const sha1 = (text: string) => `sha1 ${createHash("sha1").update(text).digest("base64")}`

/** So that it shows where bytes end: 300,000 of them in three requests. */
const chunked = { chunkSize: 100_000, createWithUpload: 0 }

/** A journal in files, and what is left in it. */
const journal = Effect.map(directory, (parent) => {
  const path = join(parent, "journal")
  return {
    path,
    entries: () => (existsSync(path) ? readdirSync(path) : []),
    layer: Layer.provide(UploadJournal.layerFileSystem(path), Layer.merge(NodeFileSystem.layer, NodePath.layer))
  }
})

/** The upload from the beginning to the end, and all that was told of it. */
const told = (options: UploadOptions.UploadOptions) =>
  Effect.map(
    Effect.provide(Stream.runCollect(TusUpload.upload(options)), client()),
    (all): ReadonlyArray<Progress.Progress> => Chunk.toReadonlyArray(all)
  )

/** A file in three requests, one by one. */
const uploading = Effect.gen(function*() {
  const { url: endpoint } = yield* serve()
  return yield* Effect.provide(
    TusUpload.uploader({ endpoint, source: yield* source, ...chunked }),
    yield* Layer.build(client())
  )
})

const endOf = ({ acknowledged, chunks, event }: Progress.Progress) => [event, acknowledged, chunks]

suite("From resumable-upload (Python)", {
  TusServer: Effect.gen(function*() {
    const at = yield* directory
    const scope = yield* Scope.make()
    const first = yield* Scope.extend(serve({ directory: at }), scope)
    const path = yield* first.create(6)
    const { closed, received, send } = yield* first.connection
    yield* Effect.promise(async () => {
      await send(headOf(path, 0, 6, ["Expect: 100-continue"]))
      await received(/ 100 Continue/)
      await send("abc")
    })
    yield* first.ask("OPTIONS", "/files")
    yield* Scope.close(scope, Exit.void)
    assert.match(yield* Effect.promise(() => closed), /HTTP\/1.1 503 /)
    const second = yield* serve({ directory: at })
    assert.strictEqual(yield* second.offsetOf(path), 3)
  }),
  storage: Effect.gen(function*() {
    const memory = Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
      Layer.provideMerge(UploadRegistry.layerMemory),
      Layer.provideMerge(ByteStore.layerMemory)
    )
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(TusServer.layer), Layer.provideMerge(memory))
    )
    const { create, offsetOf } = requests(Context.get(context, NodeTusServer.NodeTusServer).port)
    const path = yield* create(6, stream, "abc")
    assert.strictEqual(yield* offsetOf(path), 3)
    deepStrictEqual(yield* Context.get(context, ByteStore.ByteStore).size(idOf(path)), Option.some(3))

    const { create: createInFiles, directory: at } = yield* serve()
    assert.isTrue(existsSync(fileOf(at, yield* createInFiles(6, stream, "abc"))))
  }),
  base_path: Effect.gen(function*() {
    const { ask, told } = yield* serve({ path: "/up" })
    for (const path of ["/up", "/up/", "/up?a"]) {
      const { headers, status } = yield* ask("POST", path, { "upload-length": "1" })
      assert.strictEqual(status, 201)
      assert.match(headers["location"] ?? "", /^\/up\/\w+$/)
    }
    assert.strictEqual(yield* told("POST", "/files", { "upload-length": "1" }), 404)
    const error = yield* Effect.flip(serve({ path: "/up/" }))
    assert.strictEqual(error._tag === "OptionError" && error.option, "path")
    assert.match((yield* serve()).url, /\/files$/)
  }),
  max_size: Effect.gen(function*() {
    const { ask, create, patch, told } = yield* serve({ maxSize: 3 })
    assert.strictEqual((yield* ask("OPTIONS", "/files")).headers["tus-max-size"], "3")
    assert.strictEqual(yield* told("POST", "/files", { "upload-length": "4" }), 413)
    assert.strictEqual(yield* told("POST", "/files", { "upload-defer-length": "1", ...stream }, "abcd"), 413)
    const { headers } = yield* ask("POST", "/files", { "upload-defer-length": "1" })
    assert.strictEqual((yield* patch(headers["location"] ?? "", 0, "abcd")).status, 413)
    assert.strictEqual((yield* patch(yield* create(3), 0, "abc")).status, 204)

    const nothing = yield* serve({ maxSize: 0 })
    assert.strictEqual(yield* nothing.told("POST", "/files", { "upload-length": "1" }), 413)
    assert.strictEqual(yield* nothing.told("POST", "/files", { "upload-length": "0" }), 201)
    const all = yield* serve()
    assert.strictEqual(yield* all.told("POST", "/files", { "upload-length": String(2 ** 50) }), 201)
  }),
  upload_expiry: Effect.gen(function*() {
    const brief = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.recurs(0) })
    const left = yield* brief.create(6, stream, "abc")
    const complete = yield* brief.create(3, stream, "abc")
    yield* Effect.sleep("10 millis")
    deepStrictEqual([yield* brief.told("HEAD", left), yield* brief.told("HEAD", complete)], [410, 200])

    const { context, create, patch } = yield* serve({ expiresAfter: "1 hour" })
    const path = yield* create(6)
    const expiry = Effect.map(
      Context.get(context, UploadRegistry.UploadRegistry).get(idOf(path)),
      Option.flatMap(({ upload }) => upload.expiresAt)
    )
    const before = Option.getOrThrow(yield* expiry)
    yield* Effect.sleep("10 millis")
    yield* patch(path, 0, "abc")
    assert.isTrue(DateTime.greaterThan(Option.getOrThrow(yield* expiry), before))
  }),
  cors_allow_origins: Effect.gen(function*() {
    const allowed = (origins: "*" | ReadonlyArray<string | RegExp> | ((origin: string) => boolean) | undefined) =>
      Effect.gen(function*() {
        const { ask } = yield* serve(origins === undefined ? {} : { cors: { origins } })
        return yield* Effect.forEach(
          ["https://a.example", "https://b.example", "https://c.example"],
          (origin) =>
            Effect.map(ask("HEAD", "/files/none", { origin }), ({ headers, status }) => {
              assert.strictEqual(status, 404)
              return headers["access-control-allow-origin"]
            })
        )
      })
    const two = ["https://a.example", "https://b.example", undefined]
    deepStrictEqual(yield* allowed(["https://a.example", /https:\/\/b\.\w+/]), two)
    deepStrictEqual(yield* allowed((origin) => !origin.includes("c.")), two)
    deepStrictEqual(yield* allowed(undefined), ["*", "*", "*"])
    deepStrictEqual(yield* allowed([]), [undefined, undefined, undefined])
  }),
  cleanup_interval: Effect.gen(function*() {
    const events: Array<string> = []
    const { create, directory: at } = yield* serve(
      { expiresAfter: "100 millis", schedule: Schedule.spaced("20 millis") },
      Layer.succeed(UploadEvents.UploadEvents, { publish: ({ _tag }) => Effect.sync(() => events.push(_tag)) })
    )
    const path = yield* create(6, stream, "abc")
    yield* until(Effect.sync(() => events.includes("Expired")))
    assert.isFalse(existsSync(fileOf(at, path)))
  }),
  request_timeout: Effect.gen(function*() {
    const { connection, create, offsetOf } = yield* serve({ idleTimeout: "100 millis", headersTimeout: "200 millis" })
    const path = yield* create(6)
    const body = yield* connection
    yield* Effect.promise(() => body.send(`${headOf(path, 0, 6)}abc`))
    yield* Effect.promise(() => body.received(/^HTTP\/1.1 503 /))
    assert.strictEqual(yield* offsetOf(path), 3)
    const head = yield* connection
    yield* Effect.promise(() => head.send("PATCH /fi"))
    yield* Effect.promise(() => head.received(/^HTTP\/1.1 408 /))

    const patient = yield* serve({ idleTimeout: Infinity })
    const [slow, its] = [yield* patient.connection, yield* patient.create(6)]
    yield* Effect.promise(() => slow.send(`${headOf(its, 0, 6)}abc`))
    yield* Effect.sleep("200 millis")
    yield* Effect.promise(() => slow.send("def"))
    yield* Effect.promise(() => slow.received(/^HTTP\/1.1 204 /))
  }),
  handle_request: Effect.gen(function*() {
    const context = yield* Layer.build(EmbeddedServer.layer({ directory: yield* directory }))
    const handler = yield* Effect.provide(TusWeb.make({ path: "/files" }), context)
    const ask = (method: string, url: string, headers: Record<string, string>, body?: ReadableStream) =>
      Effect.promise(() =>
        handler(
          new Request(url, {
            method,
            headers: { "tus-resumable": "1.0.0", ...headers },
            ...(body === undefined ? {} : { body, duplex: "half" })
          } as RequestInit)
        )
      )
    const created = yield* ask("POST", "http://here/files", { "upload-length": "6" })
    assert.strictEqual(created.status, 201)
    const url = new URL(created.headers.get("location") ?? "", "http://here").href
    let pulls = 0
    const body = new ReadableStream({
      pull: (controller) =>
        pulls++ === 0 ? controller.enqueue(new TextEncoder().encode("abc")) : controller.error(new Error("gone"))
    })
    yield* ask("PATCH", url, { ...stream, "upload-offset": "0" }, body)
    assert.strictEqual((yield* ask("HEAD", url, {})).headers.get("upload-offset"), "3")
  }),
  "TusHTTPRequestHandler, tus_server": Effect.gen(function*() {
    const { of, sockets, told } = yield* watched()
    assert.strictEqual(yield* told("POST", "/files", { "upload-length": "1" }), 201)
    deepStrictEqual([of("POST").length, sockets.length], [1, 1])

    const { received, send } = yield* (yield* serve()).connection
    const request = (length: string) =>
      `POST /files HTTP/1.1\r\nHost: here\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 1\r\nContent-Length: ${length}\r\n\r\n`
    yield* Effect.promise(async () => {
      await send(request("0"))
      await received(/^HTTP\/1.1 201 /)
      await send(request("0"))
      await received(/ 201 [^]* 201 /)
      await send(request("many"))
      await received(/HTTP\/1.1 400 [^]*access-control-allow-origin: \*/)
    })
  }),
  "Tus-Resumable": Effect.gen(function*() {
    const { ask, told } = yield* serve()
    const { headers, status } = yield* ask("POST", "/files", { "tus-resumable": "0.2.2", "upload-length": "1" })
    deepStrictEqual([status, headers["tus-version"]], [412, "1.0.0"])
    assert.strictEqual(yield* told("OPTIONS", "/files", { "tus-resumable": "0.2.2" }), 204)
  }),
  "OPTIONS, Tus-Extension": Effect.gen(function*() {
    const { ask } = yield* serve({ expiresAfter: "1 day" })
    const { headers, status } = yield* ask("OPTIONS", "/files")
    assert.strictEqual(status, 204)
    assert.strictEqual(headers["tus-version"], "1.0.0")
    const named = (name: string) => headers[name]?.split(",").toSorted().join(" ")
    assert.strictEqual(
      named("tus-extension"),
      "checksum checksum-trailer concatenation concatenation-unfinished creation creation-defer-length "
        + "creation-with-upload expiration termination"
    )
    assert.strictEqual(named("tus-checksum-algorithm"), "crc32 crc32c md5 sha1 sha256 sha512")
  }),
  POST: Effect.gen(function*() {
    const { ask, told } = yield* serve({ expiresAfter: "1 day" })
    const post = (headers: Record<string, string>, body?: string) => told("POST", "/files", headers, body)
    const { headers, status } = yield* ask("POST", "/files", { "upload-length": "3", ...stream }, "ab")
    deepStrictEqual([status, headers["upload-offset"]], [201, "2"])
    assert.match(headers["location"] ?? "", /^\/files\//)
    assert.isDefined(headers["upload-expires"])
    for (const length of ["", "-1", "1_000", "+5"]) {
      assert.strictEqual(yield* post({ "upload-length": length }), 400)
    }
    const three = { "upload-length": "3" }
    assert.strictEqual(yield* post({ "upload-defer-length": "1" }), 201)
    assert.strictEqual(yield* post({ ...three, ...stream }, "abcd"), 413)
    assert.strictEqual(yield* post({ ...three, ...stream, "upload-checksum": sha1("other") }, "abc"), 460)
    assert.strictEqual(yield* post({ ...three, "content-type": "text/plain" }, "abc"), 415)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "binary /w==" }), 201)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "a $" }), 400)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "a".repeat(8192) }), 201)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "a".repeat(8193) }), 400)
  }),
  HEAD: Effect.gen(function*() {
    const { ask, create, told } = yield* serve({ expiresAfter: "1 day" })
    const path = yield* create(3, { "upload-metadata": "name YQ==, key,binary /w==", ...stream }, "ab")
    const { headers } = yield* ask("HEAD", path)
    deepStrictEqual(
      ["upload-offset", "upload-length", "upload-metadata", "cache-control"].map((name) => headers[name]),
      ["2", "3", "name YQ==, key,binary /w==", "no-store"]
    )
    assert.isDefined(headers["upload-expires"])
    assert.strictEqual(yield* told("HEAD", `/files/${randomUUID()}`), 404)
  }),
  PATCH: Effect.gen(function*() {
    const { connection, create, offsetOf, patch, told } = yield* serve()
    const path = yield* create(6)
    const status = (offset: number, body: string, headers = {}) =>
      Effect.map(patch(path, offset, body, headers), ({ status }) => status)
    assert.strictEqual(yield* told("PATCH", `/files/${randomUUID()}`, { ...stream, "upload-offset": "0" }), 404)
    assert.strictEqual(yield* status(0, "abc", { "content-type": "text/plain" }), 415)
    assert.strictEqual(yield* told("PATCH", path, stream, "abc"), 400)
    assert.strictEqual(yield* status(1, "abc"), 409)
    assert.strictEqual(yield* status(0, "abcdefg"), 413)
    assert.strictEqual(yield* status(0, "abc", { "upload-checksum": "xxh3 YQ==" }), 400)
    assert.strictEqual(yield* status(0, "abc", { "upload-checksum": sha1("other") }), 460)
    const { destroy, send } = yield* connection
    yield* Effect.promise(() => send(`${headOf(path, 0, 6)}abc`))
    destroy()
    yield* until(Effect.map(offsetOf(path), (offset) => offset === 3))
    assert.strictEqual(yield* status(3, "def"), 204)
    deepStrictEqual([yield* status(6, ""), yield* status(6, "g"), yield* status(0, "abc")], [204, 413, 409])
  }),
  DELETE: Effect.gen(function*() {
    const { create, directory: at, told } = yield* serve()
    const path = yield* create(6, stream, "abc")
    deepStrictEqual([yield* told("DELETE", path), yield* told("DELETE", path)], [204, 404])
    assert.isFalse(existsSync(fileOf(at, path)))
    const brief = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.recurs(0) })
    const expired = yield* brief.create(6)
    yield* Effect.sleep("10 millis")
    assert.strictEqual(yield* brief.told("DELETE", expired), 410)
  }),
  "ids: UUIDv4": Effect.gen(function*() {
    const { create, told } = yield* serve()
    assert.match(yield* create(1), /^\/files\/[0-9a-f]{32}$/)
    assert.strictEqual(yield* told("HEAD", "/files/.."), 404)
    const uuids = Layer.succeed(UploadIds.UploadIds, { next: Effect.sync(() => idOf(randomUUID())) })
    assert.match(yield* (yield* serve({}, uuids)).create(1), /^\/files\/[0-9a-f]{8}-[0-9a-f-]{27}$/)
  }),
  "logging.getLogger": logged((lines) =>
    Effect.gen(function*() {
      yield* (yield* serve()).create(1)
      deepStrictEqual(lines, [])
      const path = yield* (yield* serve({}, AccessLog.layer)).create(1)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^POST \/files 201 /)
      assert.include(lines[0], idOf(path))
    })
  ),
  Storage: Effect.gen(function*() {
    let appended = 0
    const counting = Layer.effect(
      ByteStore.ByteStore,
      Effect.map(ByteStore.ByteStore, (bytes) =>
        ByteStore.ByteStore.of({
          ...bytes,
          append: (id, at, pull, onWritten) => {
            appended++
            return bytes.append(id, at, pull, onWritten)
          }
        }))
    )
    const store = Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
      Layer.provide(UploadRegistry.layerMemory),
      Layer.provide(counting),
      Layer.provide(ByteStore.layerMemory)
    )
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(TusServer.layer), Layer.provide(store))
    )
    const { create, patch } = requests(Context.get(context, NodeTusServer.NodeTusServer).port)
    yield* patch(yield* create(3), 0, "abc")
    assert.strictEqual(appended, 1)
    deepStrictEqual([typeof UploadRegistrySuite.suite, typeof ByteStoreSuite.suite], ["function", "function"])
  }),
  create_upload: Effect.gen(function*() {
    const { context, create } = yield* serve()
    const registry = Context.get(context, UploadRegistry.UploadRegistry)
    const { upload } = Option.getOrThrow(yield* registry.get(idOf(yield* create(3))))
    const other = upload.amend({ id: idOf(randomUUID()) })
    yield* registry.create(other, { fence: 1, durable: false })
    deepStrictEqual(Option.map(yield* registry.get(other.id), ({ upload }) => upload), Option.some(other))
    const error = yield* Effect.flip(registry.create(upload, { fence: 1, durable: false }))
    assert.strictEqual(error._tag, "Superseded")
  }),
  get_upload: Effect.gen(function*() {
    const { context, create } = yield* serve()
    const { inspect } = yield* Effect.provide(TusAdmin.make, context)
    const { get } = Context.get(context, UploadRegistry.UploadRegistry)
    const id = idOf(yield* create(6, stream, "abc"))
    assert.strictEqual((yield* inspect(id)).upload.offset, 3)
    deepStrictEqual(Option.map(yield* get(id), ({ upload }) => Number(upload.offset)), Option.some(3))
    const none = idOf(randomUUID())
    deepStrictEqual(yield* get(none), Option.none())
    assert.strictEqual((yield* Effect.flip(inspect(none)))._tag, "UploadNotFound")
  }),
  "update_offset, update_offset_atomic": Effect.gen(function*() {
    const { context, create, offsetOf } = yield* serve()
    const path = yield* create(6)
    const { commit, get } = Context.get(context, UploadRegistry.UploadRegistry)
    const entry = Option.getOrThrow(yield* get(idOf(path)))
    const write = { fence: entry.fence + 1, durable: false }
    yield* commit(entry, entry.upload.grow(3, entry.upload.length, Option.none()), write)
    assert.strictEqual(yield* offsetOf(path), 3)
    const late = yield* Effect.flip(commit(entry, entry.upload.grow(1, entry.upload.length, Option.none()), write))
    assert.strictEqual(late._tag, "Superseded")
    assert.strictEqual(yield* offsetOf(path), 3)
  }),
  "delete_upload of a Storage": Effect.gen(function*() {
    const { connection, context, create, directory: at, told } = yield* serve()
    const path = yield* create(6)
    const { received, send } = yield* connection
    yield* Effect.promise(async () => {
      await send(headOf(path, 0, 6, ["Expect: 100-continue"]))
      await received(/ 100 Continue/)
    })
    const { terminate } = yield* Effect.provide(TusAdmin.make, context)
    yield* terminate(idOf(path))
    yield* Effect.promise(() => received(/HTTP\/1.1 423 /))
    assert.strictEqual(yield* told("HEAD", path), 404)
    assert.isFalse(existsSync(fileOf(at, path)))
  }),
  write_chunk: Effect.gen(function*() {
    const { connection, context, create, patch } = yield* serve()
    const store = Context.get(context, ByteStore.ByteStore)
    const own = idOf(randomUUID())
    yield* ByteStore.appendStream(store)(own, 0, Stream.make(bytes, bytes), () => Effect.void)
    deepStrictEqual(yield* store.size(own), Option.some(600_000))

    const path = yield* create(6)
    const { received, send } = yield* connection
    yield* Effect.promise(async () => {
      await send(headOf(path, 0, 6, ["Expect: 100-continue"]))
      await received(/ 100 Continue/)
    })
    assert.strictEqual((yield* patch(path, 0, "abcdef")).status, 204)
    yield* Effect.promise(() => received(/HTTP\/1.1 423 /))
  }),
  read_file: Effect.gen(function*() {
    const { ask, context, create } = yield* serve({ downloads: true })
    const path = yield* create(6, stream, "abcdef")
    const read = Context.get(context, ByteStore.ByteStore).read(idOf(path), { start: 1, end: 4 })
    assert.strictEqual(yield* Stream.mkString(Stream.decodeText(read)), "bcd")
    const { status, text } = yield* ask("GET", path, { range: "bytes=2-" })
    deepStrictEqual([status, text], [206, "cdef"])
    const other = yield* serve()
    assert.strictEqual(yield* other.told("GET", yield* other.create(3, stream, "abc")), 405)
  }),
  get_file_path: Effect.gen(function*() {
    const told: Array<string> = []
    const { context, create, directory: at } = yield* serve(
      {},
      Layer.succeed(UploadEvents.UploadEvents, {
        publish: (event) =>
          Effect.sync(() => {
            if (event._tag === "Completed") {
              told.push(Option.getOrThrow(event.location))
            }
          })
      })
    )
    const path = yield* create(3, stream, "abc")
    const file = fileOf(at, path)
    deepStrictEqual(Context.get(context, ByteStore.ByteStore).locate(idOf(path)), Option.some(file))
    deepStrictEqual(told, [file])
  }),
  get_expired_uploads: Effect.gen(function*() {
    const { context, create } = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.recurs(0) })
    const paths = yield* Effect.forEach([1, 2, 3], () => create(6, stream, "abc"))
    yield* create(3, stream, "abc")
    const { expired } = Context.get(context, UploadRegistry.UploadRegistry)
    const now = DateTime.add(yield* DateTime.now, { hours: 1 })
    const first = yield* expired(now, { limit: 2 })
    const rest = yield* expired(now, { limit: 2, after: first[1] })
    deepStrictEqual([...first, ...rest].map(({ id }) => id).toSorted(), paths.map(idOf).toSorted())
    deepStrictEqual([first.length, rest.length], [2, 1])
  }),
  cleanup_expired_uploads: Effect.gen(function*() {
    const expired: Array<string> = []
    const events = Layer.succeed(UploadEvents.UploadEvents, {
      publish: ({ _tag, upload }) => Effect.sync(() => _tag === "Expired" && expired.push(upload.id))
    })
    const { context, create, told } = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.recurs(0) })
    const left = yield* create(6, stream, "abc")
    const complete = yield* create(3, stream, "abc")
    yield* Effect.sleep("10 millis")
    const { sweep } = yield* TusSweeper.make.pipe(Effect.provide(context), Effect.provide(events))
    yield* sweep()
    deepStrictEqual([yield* told("HEAD", left), yield* told("HEAD", complete)], [404, 200])
    deepStrictEqual(expired, [idOf(left)])
  }),
  SQLiteStorage: Effect.gen(function*() {
    const at = yield* directory
    const context = yield* Layer.build(EmbeddedStore.layer({ directory: at }))
    deepStrictEqual(yield* Context.get(context, UploadRegistry.UploadRegistry).usage, { uploads: 0, bytes: 0 })
    deepStrictEqual(readdirSync(at).filter((name) => name === "uploads.sqlite"), ["uploads.sqlite"])
    const error = yield* Effect.flip(Layer.build(EmbeddedStore.layer({ directory: at })))
    assert.match(error.message, /another server may be using/)
  }),
  "db_path, upload_dir": Effect.gen(function*() {
    const [states, files] = [yield* directory, join(yield* directory, "made", "here")]
    const store = Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
      Layer.provide(SqlUploadRegistry.layer),
      Layer.provide(SqliteClient.layer({ filename: join(states, "states.db") })),
      Layer.provide(FileByteStore.layer({ directory: files }))
    )
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(TusServer.layer), Layer.provide(store))
    )
    const { create } = requests(Context.get(context, NodeTusServer.NodeTusServer).port)
    assert.isTrue(existsSync(fileOf(files, yield* create(3, stream, "abc"))))
    assert.isTrue(existsSync(join(states, "states.db")))
    const missing = join(yield* directory, "both")
    yield* serve({ directory: missing })
    assert.include(readdirSync(missing), "uploads.sqlite")
  }),
  "upload_id, upload_length, offset, metadata, created_at, completed, expires_at": Effect.gen(function*() {
    const at = yield* directory
    writeFileSync(join(at, "uploads.db"), "what another library has left")
    const { upload } = yield* Effect.scoped(Effect.gen(function*() {
      const { context, create } = yield* serve({ directory: at, expiresAfter: "1 day" })
      const path = yield* create(6, { "upload-metadata": "a YQ==", ...stream }, "abc")
      return Option.getOrThrow(yield* Context.get(context, UploadRegistry.UploadRegistry).get(idOf(path)))
    }))
    deepStrictEqual([Number(upload.offset), upload.length, upload.metadata, upload.completion._tag], [
      3,
      Option.some(6),
      Option.some("a YQ=="),
      "Open"
    ])
    assert.isTrue(DateTime.lessThan(upload.createdAt, Option.getOrThrow(upload.expiresAt)))
    const rows = yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT id FROM effect_tus_uploads`).pipe(
      Effect.provide(SqliteClient.layer({ filename: join(at, "uploads.sqlite") }))
    )
    deepStrictEqual(rows.map((row) => ({ ...row })), [{ id: upload.id }])
  }),
  TusClient: Effect.gen(function*() {
    const { sockets, stored, url: endpoint } = yield* watched()
    const twice = Effect.replicateEffect(TusUpload.run({ endpoint, source: yield* source }), 2)
    const results = yield* Effect.provide(twice, client())
    results.forEach(({ url }) => same(stored(url)))
    assert.strictEqual(sockets.length, 1)
  }),
  url: Effect.gen(function*() {
    const { of, stored, url } = yield* watched()
    const result = yield* run({ endpoint: `${url}/`, source: yield* source })
    assert.strictEqual(of("POST")[0]?.url, "/files/")
    same(stored(result.url))
  }),
  chunk_size: Effect.gen(function*() {
    let tooLarge: Scripted | undefined
    const { of, url: endpoint } = yield* watched(({ method }) => {
      const answer = method === "PATCH" ? tooLarge : undefined
      tooLarge = method === "PATCH" ? undefined : tooLarge
      return answer
    })
    const sizes = () => of("PATCH").map(({ headers }) => headers["content-length"]).join(" ")
    const options = { endpoint, source: UploadSource.fromBytes(bytes), createWithUpload: 0 }
    yield* run({ ...options, chunkSize: 100_000 })
    assert.strictEqual(sizes(), "100000 100000 100000")
    yield* run(options)
    assert.strictEqual(sizes(), "100000 100000 100000 300000")
    tooLarge = { status: 413 }
    yield* run(options)
    assert.strictEqual(sizes(), "100000 100000 100000 300000 300000 150000 150000")
    const error = yield* failing({ ...options, chunkSize: 1.5 })
    assert.strictEqual(error._tag === "InvalidOption" && error.option, "chunkSize")
  }),
  checksum: Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched()
    const options = { endpoint, source: yield* source, createWithUpload: 0 }
    for (const checksum of [undefined, "sha1", "md5", "sha256", "sha512", "crc32", "crc32c"] as const) {
      yield* run({ ...options, checksum })
      assert.strictEqual(of("PATCH").at(-1)?.headers.trailer, checksum && "Upload-Checksum")
    }
    assert.match(of("PATCH")[1]?.trailers["upload-checksum"] ?? "", /^sha1 /)
    const without = yield* watched(({ method }) =>
      method === "OPTIONS"
        ? { status: 204, headers: { "tus-version": "1.0.0", "tus-extension": "creation" } }
        : undefined
    )
    const error = yield* failing({ ...options, endpoint: without.url, checksum: "sha1" })
    assert.strictEqual(error._tag, "Unsupported")
    assert.strictEqual(without.methods(), "OPTIONS")
  }),
  verify_tls_cert: logged((lines) =>
    Effect.gen(function*() {
      const { stored, url: endpoint } = yield* serve({ tls: server })
      const options = { endpoint, source: yield* source }
      const error = yield* failing(options)
      assert.strictEqual(error._tag === "Unanswered" && error.reason, "Tls")
      same(stored((yield* run(options, { ca: read("ca.pem") })).url))
      deepStrictEqual(lines, [])
      same(stored((yield* run(options, { insecure: true })).url))
      assert.match(lines.join(), /certificates are not verified/)
    })
  ),
  metadata_encoding: Effect.gen(function*() {
    const { ask, url: endpoint } = yield* serve()
    const metadata = { name: "é", raw: Uint8Array.of(0xe9) }
    const { url } = yield* run({ endpoint, source: yield* source, metadata })
    assert.strictEqual((yield* ask("HEAD", new URL(url).pathname)).headers["upload-metadata"], "name w6k=,raw 6Q==")
  }),
  "store_url, url_storage": Effect.gen(function*() {
    const { stored, told: asked, url: endpoint } = yield* serve()
    const { entries, layer } = yield* journal
    const options = { endpoint, source: yield* source }
    const begin = Effect.provide(run({ ...options, stopAt: 100_000 }), layer)
    const first = yield* begin
    assert.strictEqual(entries().length, 1)
    assert.strictEqual((yield* Effect.provide(run(options), layer)).url, first.url)
    same(stored(first.url))
    deepStrictEqual(entries(), [])

    const second = yield* begin
    assert.strictEqual(yield* asked("DELETE", new URL(second.url).pathname), 204)
    const third = yield* Effect.provide(run(options), layer)
    assert.notStrictEqual(third.url, second.url)
    same(stored(third.url))
    deepStrictEqual(entries(), [])
  }),
  fingerprinter: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const named = Effect.fnUntraced(function*(contents: Uint8Array, name: string) {
      const source = yield* FileSource.make(yield* file(contents))
      return {
        endpoint,
        source: {
          ...source,
          identity: Option.some({ name, size: contents.length, modified: Option.none<number>() })
        }
      }
    })
    yield* Effect.gen(function*() {
      const { url } = yield* run({ ...(yield* named(bytes, "a")), stopAt: 100_000 })
      const left = (contents: Uint8Array, name: string) =>
        Effect.map(Effect.flatMap(named(contents, name), TusUpload.findPrevious), (left) => left.map(({ url }) => url))
      deepStrictEqual(yield* left(bytes, "a"), [url])
      deepStrictEqual(yield* left(bytes, "b"), [])
      deepStrictEqual(yield* left(bytes.toReversed(), "a"), [])
    }).pipe(Effect.provide(UploadJournal.layerMemory))
  }),
  headers: Effect.gen(function*() {
    const { seen, url: endpoint } = yield* watched()
    let asked = 0
    yield* run({ endpoint, source: yield* source, ...chunked }, {
      headers: () => Effect.sync(() => ({ authorization: `Bearer ${asked++}`, "Upload-Offset": "7" }))
    })
    deepStrictEqual(
      seen.map(({ headers, method }) => `${method} ${headers.authorization}`),
      ["OPTIONS", "POST", "PATCH", "PATCH", "PATCH"].map((method, i) => `${method} Bearer ${i}`)
    )
    deepStrictEqual(seen.slice(2).map(({ headers }) => headers["upload-offset"]), ["0", "100000", "200000"])
  }),
  "max_retries, retry_delay": Effect.gen(function*() {
    const retry = Schedule.intersect(Schedule.exponential("1 millis"), Schedule.recurs(3))
    const fails = (method: string, status: number, is: (nth: number) => boolean) =>
      watched((request, nth) => request.method === method && is(nth) ? { status } : undefined)
    const options = { source: yield* source, ...chunked, retry }
    const creation = yield* fails("POST", 503, (nth) => nth < 4)
    yield* run({ ...options, endpoint: creation.url })
    assert.strictEqual(creation.of("POST").length, 4)
    const always = yield* fails("PATCH", 500, () => true)
    const error = yield* failing({ ...options, endpoint: always.url })
    assert.strictEqual(always.of("PATCH").length, 4)
    assert.strictEqual(error._tag === "Refused" && error.attempts, 4)
    // Three before each of three chunks.
    const often = yield* fails("PATCH", 500, (nth) => nth % 4 !== 0)
    yield* run({ ...options, endpoint: often.url })
    assert.strictEqual(often.of("PATCH").length, 12)
    const no = yield* fails("POST", 403, () => true)
    yield* failing({ ...options, endpoint: no.url })
    assert.strictEqual(no.of("POST").length, 1)
  }),
  timeout: Effect.gen(function*() {
    const { url: endpoint } = yield* raw((socket) => socket.resume())
    const error = yield* failing({ endpoint, source: yield* source, retry: Schedule.stop }, {
      stallTimeout: "50 millis",
      connectTimeout: "1 minute"
    })
    assert.strictEqual(error._tag === "Unanswered" && error.reason, "Stalled")
    const handshake = { endpoint: endpoint.replace("http:", "https:"), source: yield* source, retry: Schedule.stop }
    const unconnected = yield* failing(handshake, { connectTimeout: "50 millis" })
    assert.strictEqual(unconnected._tag === "Unanswered" && unconnected.reason, "Unreachable")
    // Together the pauses are longer than bytes may stay away, and none of them is.
    const { stored, url } = yield* serve()
    const slow = UploadSource.fromRange({
      name: "slow",
      length: 4,
      read: (start, end) =>
        Stream.range(start, end - 1).pipe(
          Stream.mapEffect((i) => Effect.delay(Effect.succeed(bytes.slice(i, i + 1)), "150 millis"))
        )
    })
    const result = yield* run({ endpoint: url, source: slow, retry: Schedule.stop }, { stallTimeout: "400 millis" })
    same(stored(result.url), bytes.slice(0, 4))
  }),
  upload_file: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    const result = yield* run({ endpoint, source: yield* source, ...chunked })
    same(stored(result.url))
    deepStrictEqual([result.bytes, result.complete, result.attempts], [300_000, true, 3])
    assert.isAbove(result.seconds, 0)
  }),
  file_path: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    const path = yield* file()
    const before = yield* FileSource.make(path)
    same(stored((yield* run({ endpoint, source: before })).url))
    writeFileSync(path, "more", { flag: "a" })
    const error = yield* failing({ endpoint, source: before })
    assert.strictEqual(error._tag === "SourceError" && error.reason, "Changed")
  }),
  file_stream: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    const source = yield* StreamSource.make(Stream.make(bytes.slice(0, 1000), bytes.slice(1000)))
    deepStrictEqual([source.length, source.seekable], [Option.none(), false])
    same(stored((yield* run({ endpoint, source, ...chunked })).url))
  }),
  "metadata, filename": Effect.gen(function*() {
    const { ask, url: endpoint } = yield* serve()
    const metadataOf = (metadata: Record<string, string>) =>
      Effect.gen(function*() {
        const { url } = yield* run({ endpoint, source: yield* source, metadata })
        return (yield* ask("HEAD", new URL(url).pathname)).headers["upload-metadata"]
      })
    const metadata = {}
    assert.strictEqual(yield* metadataOf(metadata), undefined)
    deepStrictEqual(metadata, {})
    assert.strictEqual(yield* metadataOf({ filename: "a" }), "filename YQ==")
  }),
  progress_callback: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, ...chunked })
    deepStrictEqual(
      events.filter(({ event }) => event !== "Sent").map(({ acknowledged, event }) => `${event} ${acknowledged}`),
      ["Created 0", "Acknowledged 100000", "Acknowledged 200000", "Acknowledged 300000", "Complete 300000"]
    )
  }),
  stop_at: Effect.gen(function*() {
    const { offsetOf, url: endpoint } = yield* serve()
    const { bytes, complete, url } = yield* run({ endpoint, source: yield* source, stopAt: 150_000 })
    deepStrictEqual([bytes, complete], [150_000, false])
    assert.strictEqual(yield* offsetOf(new URL(url).pathname), 150_000)
    assert.isTrue((yield* run({ endpoint, source: yield* source, stopAt: 400_000 })).complete)
  }),
  "resume_upload, upload_url": Effect.gen(function*() {
    const { methods, stored, url: endpoint } = yield* watched()
    const options = { endpoint, source: yield* source }
    const { url } = yield* run({ ...options, stopAt: 100_000, createWithUpload: 0 })
    const before = methods()
    assert.strictEqual((yield* run({ ...options, url })).url, url)
    assert.strictEqual(methods().slice(before.length), " HEAD PATCH")
    same(stored(url))
  }),
  delete_upload: Effect.gen(function*() {
    const { told, url: endpoint } = yield* serve()
    const { url } = yield* run({ endpoint, source: yield* source })
    const terminate = (url: string) => Effect.provide(TusUpload.terminate(url), client())
    yield* terminate(url)
    assert.strictEqual(yield* told("HEAD", new URL(url).pathname), 404)
    yield* terminate(url)
    const gone = yield* watched(({ method }) => (method === "DELETE" ? { status: 410 } : undefined))
    yield* terminate(`${gone.url}/a`)
    assert.strictEqual(gone.methods(), "DELETE")
  }),
  encode_metadata: Effect.gen(function*() {
    const header = Schema.encodeSync(Metadata.FromHeader)(new Map([["a", new TextEncoder().encode("b")]]))
    assert.strictEqual(header, "a Yg==")
    const { seen, url: endpoint } = yield* watched()
    for (const key of ["", "a b", "a,b"]) {
      const error = yield* failing({ endpoint, source: yield* source, metadata: { [key]: "" } })
      assert.strictEqual(error._tag === "InvalidOption" && error.option, "metadata")
    }
    assert.strictEqual(seen.length, 0)
  }),
  "get_file_size, get_file_stream": Effect.gen(function*() {
    const { length, ...rest } = yield* source
    deepStrictEqual(length, Option.some(300_000))
    const pieces: Array<Uint8Array> = []
    yield* UploadSource.forEach({ length, ...rest }, 1000, 10, (piece) => pieces.push(piece.slice()))
    same(Buffer.concat(pieces), bytes.slice(1000, 1010))
  }),
  "update_headers, get_headers": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched(({ headers }) =>
      headers.authorization === "new" ? undefined : { status: 401 }
    )
    const token = yield* Ref.make("old")
    yield* run({ endpoint, source: yield* source, retry: Schedule.stop }, {
      headers: ({ refresh }) =>
        Effect.map(
          Effect.zipRight(Effect.when(Ref.set(token, "new"), () => refresh), Ref.get(token)),
          (authorization) => ({ authorization })
        )
    })
    deepStrictEqual(of("OPTIONS").map(({ headers }) => headers.authorization), ["old", "new"])
  }),
  get_metadata: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const metadata = { name: "é", size: "7" }
    const { url } = yield* run({ endpoint, source: yield* source, metadata })
    const header = Option.getOrThrow((yield* Effect.provide(TusUpload.info(url), client())).metadata)
    deepStrictEqual(Object.entries(Schema.decodeSync(Metadata.TextFromHeader)(header)), Object.entries(metadata))
    const typed = Metadata.schema(Schema.Struct({ name: Schema.String, size: Schema.NumberFromString }))
    deepStrictEqual(Schema.decodeSync(typed)(header), { name: "é", size: 7 })
    deepStrictEqual(Schema.decodeSync(Metadata.FromHeader)("raw 6Q==").get("raw"), Uint8Array.of(0xe9))
    assert.throws(() => Schema.decodeSync(Metadata.TextFromHeader)("raw 6Q=="))
  }),
  "get_upload_info, offset, length, complete, metadata": Effect.gen(function*() {
    const { url: endpoint } = yield* serve({ expiresAfter: "1 day" })
    const options = { endpoint, source: yield* source }
    const at = (stopAt: number) =>
      Effect.flatMap(run({ ...options, stopAt }), ({ url }) => Effect.provide(TusUpload.info(url), client()))
    const some = yield* at(1000)
    deepStrictEqual([some.offset.pipe(Option.map(Number)), some.length.pipe(Option.map(Number))], [
      Option.some(1000),
      Option.some(300_000)
    ])
    deepStrictEqual([Option.isSome(some.expires), some.metadata], [true, Option.none()])
    const complete = yield* at(300_000)
    deepStrictEqual(complete.offset, complete.length)
  }),
  "get_server_info, version, extensions, max_size": Effect.gen(function*() {
    const { seen, url } = yield* watched()
    const discover = (url: string) =>
      Effect.flatMap(TusClient.TusClient, ({ discover }) => discover({ url })).pipe(
        Effect.map(Option.getOrThrow),
        Effect.provide(client({ headers: () => Effect.succeed({ authorization: "a" }) }))
      )
    yield* discover(url)
    assert.strictEqual(seen[0]?.headers.authorization, "a")
    const { algorithms, extensions, maxSize, versions } = yield* discover((yield* serve({ maxSize: 7 })).url)
    deepStrictEqual([versions, Option.map(maxSize, Number)], [["1.0.0"], Option.some(7)])
    assert.include(Option.getOrThrow(extensions), "creation")
    assert.include(Option.getOrThrow(algorithms), "sha1")
  }),
  create_uploader: Effect.gen(function*() {
    const { next } = yield* uploading
    assert.strictEqual((yield* next).acknowledged, 100_000)
    assert.strictEqual((yield* next).acknowledged, 200_000)
  }),
  Location: Effect.gen(function*() {
    const real = yield* watched()
    const elsewhere = yield* watched(({ method }) =>
      method === "POST" ? { status: 201, headers: { location: `${real.url}/${"a".repeat(22)}` } } : undefined
    )
    const options = { endpoint: elsewhere.url, source: yield* source, createWithUpload: 0 }
    assert.strictEqual((yield* failing(options))._tag, "ForeignLocation")
    const headers = () => Effect.succeed({ authorization: "a" })
    yield* failing({ ...options, allowedHosts: [new URL(real.url).host] }, { headers })
    assert.strictEqual(elsewhere.of("POST").at(-1)?.headers.authorization, "a")
    assert.isAbove(real.of("PATCH").length, 0)
    assert.isTrue(real.of("PATCH").every(({ headers }) => headers.authorization === undefined))
    const { url } = yield* run({ ...options, endpoint: real.url })
    assert.isTrue(url.startsWith(`${real.url}/`))
  }),
  "_create_upload, initial_data": Effect.gen(function*() {
    const { methods, stored, url: endpoint } = yield* watched()
    const options = { endpoint, source: yield* source }
    same(stored((yield* run(options)).url))
    assert.strictEqual(methods(), "OPTIONS POST")
    yield* run({ ...options, createWithUpload: 0 })
    assert.strictEqual(methods(), "OPTIONS POST OPTIONS POST PATCH")
    yield* run({ ...options, source: UploadSource.fromBytes(new Uint8Array(1024 * 1024 + 1)) })
    assert.isTrue(methods().endsWith("OPTIONS POST PATCH"))
  }),
  Uploader: Effect.gen(function*() {
    const { all, progress } = yield* uploading
    deepStrictEqual((yield* progress).url, Option.none())
    const { event, url } = yield* all
    deepStrictEqual([event, Option.isSome(url)], ["Complete", true])
  }),
  "url, file_path, file_stream, chunk_size, checksum, metadata_encoding, headers, timeout of an Uploader": Effect.gen(
    function*() {
      const { of, seen, stored, url: endpoint } = yield* watched()
      const { url } = yield* run({ endpoint, source: yield* source, ...chunked, stopAt: 100_000 })
      const connected = client({
        headers: () => Effect.succeed({ authorization: "a" }),
        stallTimeout: "20 seconds"
      })
      const before = seen.length
      const { all } = yield* Effect.provide(
        TusUpload.uploader({ endpoint, source: yield* source, ...chunked, url, checksum: "sha1" }),
        yield* Layer.build(connected)
      )
      yield* Effect.provide(all, yield* Layer.build(connected))
      same(stored(url))
      assert.isTrue(seen.slice(before).every(({ headers }) => headers.authorization === "a"))
      deepStrictEqual(of("PATCH").map(({ headers }) => headers.trailer), [
        undefined,
        "Upload-Checksum",
        "Upload-Checksum"
      ])
    }
  ),
  "max_retries=0, retry_delay=1.0": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched(({ method }) => (method === "POST" ? { status: 500 } : undefined))
    yield* failing({ endpoint, source: yield* source, retry: Schedule.stop })
    assert.strictEqual(of("POST").length, 1)
    const attempts = yield* Schedule.run(UploadOptions.defaultRetry, 0, Array.from({ length: 20 }))
    assert.strictEqual(attempts.length, 11)
  }),
  ssl_context: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve({ tls: { ...server, ca: read("ca.pem") } })
    const options = { endpoint, source: yield* source, retry: Schedule.stop }
    const own = { ca: read("ca.pem"), cert: read("client.pem"), key: read("client.key") }
    same(stored((yield* run(options, own)).url))
    assert.strictEqual((yield* failing(options, { ca: read("ca.pem") }))._tag, "Unanswered")
    const pfx = certificate("client.p12")
    yield* Effect.scoped(Layer.build(NodeTusClient.layer({ pfx, passphrase: "secret" })))
    const wrong = yield* Effect.flip(Effect.scoped(Layer.build(NodeTusClient.layer({ pfx, passphrase: "wrong" }))))
    assert.strictEqual(wrong.option, "pfx")
  }),
  stop_event: Effect.gen(function*() {
    const { stored, url: target } = yield* serve()
    const network = yield* relay(target, [], { up: 150_000, happens: "hold", times: 1 })
    const { layer } = yield* journal
    const options = { endpoint: network.url, source: yield* source, createWithUpload: 0 }
    const first = yield* Effect.fork(Effect.provide(run(options), layer))
    yield* until(Effect.sync(() => network.held() === 1))
    assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(first)))
    const [left] = yield* Effect.provide(TusUpload.findPrevious(options), layer)
    const { url } = yield* Effect.provide(run(options), layer)
    assert.strictEqual(url, left?.url)
    same(stored(url))
  }),
  "offset of an Uploader": Effect.gen(function*() {
    const { methods, url: endpoint } = yield* watched()
    const { url } = yield* run({ endpoint, source: yield* source, ...chunked, stopAt: 100_000 })
    const before = methods()
    const connected = yield* Layer.build(client())
    const { next, progress } = yield* Effect.provide(
      TusUpload.uploader({ endpoint, source: yield* source, ...chunked, url, stopAt: 100_000 }),
      connected
    )
    assert.strictEqual(methods(), before)
    yield* Effect.provide(next, connected)
    assert.strictEqual(methods(), `${before} HEAD`)
    assert.strictEqual((yield* progress).acknowledged, 100_000)
  }),
  upload_chunk: Effect.gen(function*() {
    const { next } = yield* uploading
    const steps = yield* Effect.replicateEffect(next, 4)
    deepStrictEqual(steps.map(({ acknowledged, event }) => `${event} ${acknowledged}`), [
      "Acknowledged 100000",
      "Acknowledged 200000",
      "Complete 300000",
      "Complete 300000"
    ])
  }),
  upload: Effect.gen(function*() {
    const { all, next } = yield* uploading
    yield* next
    deepStrictEqual(endOf(yield* all), ["Complete", 300_000, 3])
  }),
  "409 Conflict": Effect.gen(function*() {
    const { of, patch, stored, url: endpoint } = yield* watched()
    const connected = yield* Layer.build(client())
    const { all, next } = yield* Effect.provide(
      TusUpload.uploader({ endpoint, source: UploadSource.fromBytes(new Uint8Array(300_000)), ...chunked }),
      connected
    )
    const { url } = yield* Effect.provide(next, connected)
    const path = new URL(Option.getOrThrow(url)).pathname
    yield* patch(path, 100_000, "\0".repeat(50_000))
    yield* Effect.provide(all, connected)
    same(stored(path), new Uint8Array(300_000))
    assert.strictEqual(of("HEAD").length, 1)

    const never = yield* watched(({ method }) => (method === "PATCH" ? { status: 409 } : undefined))
    const retry = Schedule.intersect(Schedule.spaced("1 millis"), Schedule.recurs(2))
    yield* failing({ endpoint: never.url, source: yield* source, ...chunked, retry })
    assert.strictEqual(never.of("PATCH").length, 4)
  }),
  "stats, is_complete": Effect.gen(function*() {
    const { all, next, progress } = yield* uploading
    const last = yield* next
    deepStrictEqual(yield* progress, last)
    assert.notStrictEqual(last.event, "Complete")
    yield* all
    assert.strictEqual((yield* progress).event, "Complete")
  }),
  "close, with": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const options = { endpoint, source: yield* source, ...chunked }
    const left = yield* Effect.gen(function*() {
      yield* Effect.scoped(Effect.flatMap(TusUpload.uploader(options), ({ next }) => Effect.zipRight(next, next)))
      return yield* TusUpload.findPrevious(options)
    }).pipe(Effect.provide(Layer.merge(client(), UploadJournal.layerMemory)))
    deepStrictEqual(left.map(({ acknowledged }) => acknowledged), [200_000])
  }),
  UploadStats: Effect.gen(function*() {
    const { all, next } = yield* uploading
    const first = yield* next
    const last = yield* all
    deepStrictEqual([endOf(first), endOf(last)], [["Acknowledged", 100_000, 1], ["Complete", 300_000, 3]])
  }),
  total_bytes: Effect.gen(function*() {
    deepStrictEqual((yield* (yield* uploading).next).total, Option.some(300_000))
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* StreamSource.make(Stream.make(bytes)), ...chunked })
    deepStrictEqual([events[0]?.total, events.at(-1)?.total], [Option.none(), Option.some(300_000)])
  }),
  uploaded_bytes: Effect.gen(function*() {
    const { url: endpoint } = yield* watched(({ method }, nth) =>
      method === "PATCH" && nth === 2 ? { status: 500 } : undefined
    )
    const events = yield* told({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(1) })
    const left = events.find(({ acknowledged, event, sent }) => event === "Sent" && sent > acknowledged)
    assert.isAbove(left?.sent ?? 0, left?.acknowledged ?? Infinity)
    const failed = events.find(({ event }) => event === "Retrying")
    deepStrictEqual([failed?.acknowledged, failed?.sent], [100_000, 100_000])
  }),
  chunks_completed: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, chunkSize: 200_000, createWithUpload: 0 })
    assert.strictEqual(events.at(-1)?.chunks, 2)
  }),
  "chunks_failed, chunks_retried": Effect.gen(function*() {
    const { url: endpoint } = yield* watched(({ method }, nth) =>
      method === "PATCH" && nth < 3 ? { status: 500 } : undefined
    )
    const events = yield* told({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(2) })
    deepStrictEqual(events.flatMap(({ event, retries }) => (event === "Retrying" ? [retries] : [])), [1, 2])
  }),
  "start_time, elapsed_time": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, ...chunked })
    const times = events.map(({ elapsed }) => Duration.toMillis(elapsed))
    assert.isAbove(times.at(-1) ?? 0, 0)
    deepStrictEqual(times, times.toSorted((a, b) => a - b))
  }),
  "upload_speed, upload_speed_mbps": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const options = { endpoint, source: yield* source, ...chunked }
    assert.isAbove((yield* told(options)).at(-1)?.rate ?? 0, 0)
    const { url } = yield* run({ ...options, stopAt: 200_000 })
    const [resumed] = yield* told({ ...options, url })
    deepStrictEqual([resumed?.event, resumed?.acknowledged, resumed?.rate], ["Resumed", 200_000, 0])
  }),
  progress_percent: Effect.gen(function*() {
    const { acknowledged, total } = yield* (yield* uploading).next
    assert.strictEqual(Math.round((100 * acknowledged) / Option.getOrThrow(total)), 33)
  }),
  eta_seconds: Effect.gen(function*() {
    const { all, next } = yield* uploading
    const { eta, rate, sent } = yield* next
    const seconds = Duration.toSeconds(Option.getOrThrow(eta))
    assert.approximately(seconds, (300_000 - sent) / rate, 0.001)
    deepStrictEqual((yield* all).eta, Option.some(Duration.zero))
  }),
  total_chunks: Effect.gen(function*() {
    const { url: endpoint } = yield* watched(({ method }, nth) =>
      method === "PATCH" && nth < 3 ? { status: 500 } : undefined
    )
    const { attempts } = yield* run({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(2) })
    assert.strictEqual(attempts, 5)
  }),
  TusCommunicationError: Effect.gen(function*() {
    const fails = (status: number) =>
      Effect.map(watched(({ method }) => (method === "POST" ? { status } : undefined)), ({ url }) => url)
    const endpoints = [
      yield* fails(403),
      yield* fails(200),
      "http://127.0.0.1:1",
      (yield* serve({ maxSize: 7 })).url,
      "none"
    ]
    const tags = yield* Effect.forEach(endpoints, (endpoint) =>
      Effect.gen(function*() {
        return (yield* failing({ endpoint, source: yield* source, createWithUpload: 0, retry: Schedule.stop }))._tag
      }))
    deepStrictEqual(tags, ["Refused", "Misbehaved", "Unanswered", "TooLarge", "InvalidOption"])
  }),
  "message, status_code, response_content": Effect.gen(function*() {
    const { url: endpoint } = yield* watched(({ method }) =>
      method === "POST" ? { status: 403, text: "not today" } : undefined
    )
    const error = yield* failing({ endpoint, source: yield* source })
    assert.isTrue(error._tag === "Refused" && error.status === 403 && error.text === "not today")
    assert.match(error.message, /^POST http:.+ was answered 403: not today$/)
  }),
  TusUploadFailed: Effect.gen(function*() {
    const { url: endpoint } = yield* watched(({ method }, nth) =>
      method === "PATCH" && nth > 1 ? { status: 500 } : undefined
    )
    const error = yield* failing({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(2) })
    assert.strictEqual(error._tag === "Refused" && error.attempts, 3)
    deepStrictEqual(error._tag === "Refused" && error.offset, Option.some(100_000))
  }),
  ValueError: Effect.gen(function*() {
    const options = { endpoint: "http://127.0.0.1:1", source: yield* source }
    for (const wrong of [{ chunkSize: 0 }, { endpoint: "none" }, { metadata: { "a b": "" } }]) {
      assert.strictEqual((yield* failing({ ...options, ...wrong }))._tag, "InvalidOption")
    }
  }),
  FileNotFoundError: Effect.gen(function*() {
    const error = yield* Effect.flip(FileSource.make(join(yield* directory, "none")))
    deepStrictEqual([error._tag, error.reason], ["SourceError", "Missing"])
  }),
  "OSError: unexpected end of file": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const path = yield* file()
    const source = yield* FileSource.make(path)
    truncateSync(path, 100_000)
    const error = yield* failing({ endpoint, source })
    assert.strictEqual(error._tag === "SourceError" && error.reason, "TooShort")
  }),
  "Fingerprint, get_fingerprint": Effect.gen(function*() {
    let read = 0
    const large = { name: "large", length: 100_000_000, modified: 1 }
    const find = (changed: Partial<typeof large>) =>
      TusUpload.findPrevious({
        endpoint: "http://127.0.0.1:1",
        source: UploadSource.fromRange({
          ...large,
          ...changed,
          read: (start, end) => {
            read += end - start
            return Stream.make(new Uint8Array(end - start))
          }
        })
      })
    const fingerprints = yield* Effect.gen(function*() {
      const asked: Array<string> = []
      const spy = {
        ...UploadJournal.none,
        find: (_: string, print: string) => Effect.sync(() => (asked.push(print), []))
      }
      yield* Effect.forEach([{}, {}, { name: "other" }, { length: 99_999_999 }, { modified: 2 }], find).pipe(
        Effect.provide(Layer.succeed(UploadJournal.UploadJournal, spy))
      )
      return asked
    })
    deepStrictEqual([fingerprints.length, new Set(fingerprints).size], [5, 4])
    assert.strictEqual(fingerprints[0], fingerprints[1])
    assert.strictEqual(read, 5 * 320 * 1024)
  }),
  "URLStorage, get_url, set_url, remove_url": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const calls: Array<string> = []
    const own = Layer.succeed(UploadJournal.UploadJournal, {
      find: (endpoint, _) => Effect.sync(() => (calls.push(`find ${endpoint}`), [])),
      put: ({ url }) => Effect.sync(() => calls.push(`put ${url}`)),
      remove: ({ url }) => Effect.sync(() => calls.push(`remove ${url}`)),
      list: Effect.succeed([])
    })
    const { url } = yield* Effect.provide(run({ endpoint, source: yield* source, ...chunked }), own)
    deepStrictEqual(Array.from(new Set(calls)), [`find ${endpoint}`, `put ${url}`, `remove ${url}`])
  }),
  FileURLStorage: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const { entries, layer, path } = yield* journal
    const begin = Effect.gen(function*() {
      const options = { endpoint, source: yield* source }
      return { options, ...(yield* Effect.provide(run({ ...options, stopAt: 100_000 }), layer)) }
    })
    const first = yield* begin
    const [one = ""] = entries()
    const second = yield* begin
    assert.strictEqual(entries().length, 2)
    deepStrictEqual(entries().map((name) => statSync(join(path, name)).mode & 0o777), [0o600, 0o600])
    writeFileSync(join(path, one), "{")
    const left = ({ options }: typeof first) =>
      Effect.map(Effect.provide(TusUpload.findPrevious(options), layer), (left) => left.map(({ url }) => url))
    deepStrictEqual([yield* left(first), yield* left(second)], [[], [second.url]])
  }),
  TusClientWithRetry: Effect.gen(function*() {
    const { methods, stored, url: endpoint } = yield* watched(({ method }, nth) =>
      method !== "OPTIONS" && nth === 1 ? { status: 503 } : undefined
    )
    const { url } = yield* run({
      endpoint,
      source: yield* source,
      createWithUpload: 0,
      retry: Schedule.recurs(3)
    })
    same(stored(url))
    assert.strictEqual(methods(), "OPTIONS POST POST PATCH HEAD HEAD PATCH")
  }),
  "max_retries of all attempts": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched(({ method }) => (method === "POST" ? { status: 500 } : undefined))
    yield* failing({ endpoint, source: yield* source, retry: Schedule.recurs(3 - 1) })
    assert.strictEqual(of("POST").length, 3)
  }),
  max_retry_delay: Effect.gen(function*() {
    const delays = <R>(retry: Schedule.Schedule<unknown, unknown, R>) =>
      Effect.map(
        Schedule.run(Schedule.delays(retry), 0, Array.from({ length: 10 })),
        (delays) => Chunk.toReadonlyArray(delays).map((delay) => Duration.toSeconds(delay))
      )
    const longest = Math.max(...(yield* delays(UploadOptions.defaultRetry)))
    assert.isTrue(longest > 15 && longest <= 30, `${longest}`)
    const shorter = Schedule.exponential("1 second").pipe(
      Schedule.modifyDelay((_, delay) => Duration.min(delay, "6 seconds"))
    )
    assert.strictEqual(Math.max(...(yield* delays(shorter))), 6)
  }),
  "chunk_size of a call": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched()
    const upload = Effect.fnUntraced(function*(chunkSize: number) {
      yield* TusUpload.run({ endpoint, source: yield* source, createWithUpload: 0, chunkSize })
    })
    yield* Effect.provide(Effect.forEach([150_000, 100_000], upload), client())
    deepStrictEqual(of("PATCH").map(({ headers }) => headers["content-length"]), [
      "150000",
      "150000",
      "100000",
      "100000",
      "100000"
    ])
  }),
  "callback of (uploaded, total)": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const calls: Array<readonly [number, number]> = []
    const upload = TusUpload.upload({ endpoint, source: yield* source, ...chunked })
    yield* Effect.provide(
      Stream.runForEach(
        upload,
        ({ acknowledged, total }) => Effect.sync(() => calls.push([acknowledged, Option.getOrThrow(total)]))
      ),
      client()
    )
    deepStrictEqual([calls[0], calls.at(-1)], [[0, 300_000], [300_000, 300_000]])
  }),
  "callback of UploadStats": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, ...chunked })
    deepStrictEqual(events.filter(({ event }) => event === "Acknowledged").map(({ chunks }) => chunks), [1, 2, 3])
  }),
  logger: logged((lines) =>
    Effect.gen(function*() {
      const { url: endpoint } = yield* watched(({ method }, nth) =>
        method === "PATCH" && nth === 1 ? { status: 500, text: "sorry" } : undefined
      )
      const upload = TusUpload.upload({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(1) })
      yield* upload.pipe(
        Stream.filter(({ event }) => event === "Retrying"),
        Stream.tap(({ problem }) => Effect.log(Option.getOrThrow(problem).message)),
        Stream.runDrain,
        Effect.provide(client())
      )
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^PATCH http:.+ was answered 500: sorry/)
    })
  ),
  "checksum=False": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched()
    yield* run({ endpoint, source: yield* source, createWithUpload: 0 })
    const { trailer, "upload-checksum": checksum } = of("PATCH")[0]?.headers ?? assert.fail()
    deepStrictEqual([trailer, checksum], [undefined, undefined])
  }),
  "get_offset, _get_offset": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const { url } = yield* run({ endpoint, source: yield* source, stopAt: 1000 })
    const { offset } = yield* Effect.provide(TusUpload.info(url), client())
    deepStrictEqual(Option.map(offset, Number), Option.some(1000))
  }),
  "fingerprint: MD5 of 64 KiB": Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    // Longer than its samples, and changed between them.
    const before = new Uint8Array(2_000_000)
    const after = before.with(100_000, 1)
    const path = yield* file(before)
    const options = Effect.map(FileSource.make(path), (source) => ({ endpoint, source, createWithUpload: 0 }))
    const write = (contents: Uint8Array) => {
      writeFileSync(path, contents)
      utimesSync(path, 1000, 1000)
    }
    write(before)
    const [old, left, { url }] = yield* Effect.gen(function*() {
      const old = yield* run({ ...(yield* options), stopAt: 200_000 })
      write(after)
      return [old.url, yield* TusUpload.findPrevious(yield* options), yield* run(yield* options)] as const
    }).pipe(Effect.provide(UploadJournal.layerMemory))
    deepStrictEqual(left.map(({ url }) => url), [old])
    assert.notStrictEqual(url, old)
    same(stored(url), after)
  }),
  "status_code of exceptions": Effect.gen(function*() {
    const { url: endpoint } = yield* watched(({ method }) => (method === "POST" ? { status: 418 } : undefined))
    const error = yield* failing({ endpoint, source: yield* source })
    assert.strictEqual(error._tag === "Refused" && error.status, 418)
  }),
  "mTLS, which the README claims": Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve({ tls: { ...server, ca: read("ca.pem") } })
    const ca = read("ca.pem")
    const upload = (name: string) =>
      Effect.flatMap(source, (source) =>
        Effect.either(run({ endpoint, source, retry: Schedule.stop }, {
          ca,
          cert: read(`${name}.pem`),
          key: read(`${name}.key`)
        })))
    const known = Either.getOrThrow(yield* upload("client"))
    same(stored(known.url))
    assert.isTrue(Either.isLeft(yield* upload("stranger")))
  })
})
