/**
 * The rows about its server.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import { EmbeddedServer, NodeTusServer } from "effect-tus/node"
import { AccessLog, TusServer, TusWeb, UploadEvents, UploadIds } from "effect-tus/server"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { fileOf } from "../../interop/server.js"
import { directory } from "../../support/directory.js"
import { digest, octets } from "../../support/exchange.js"
import * as Raw from "../../support/raw.js"
import { idOf } from "../../support/uploads.js"
import type { Proofs } from "../tables.js"
import { logged, requests, serve, until, watched } from "./setting.js"

/** The origins that may read an error, for three pages. Undefined for a page that may not. */
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

const request = (length: string) =>
  `POST /files HTTP/1.1\r\nHost: here\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 1\r\nContent-Length: ${length}\r\n\r\n`

export const serverRows = {
  TusServer: Effect.gen(function*() {
    const at = yield* directory
    const scope = yield* Scope.make()
    const first = yield* Scope.extend(serve({ directory: at }), scope)
    const path = yield* first.create(6)
    const { closed, received, send } = yield* first.connection
    yield* Effect.promise(async () => {
      await send(Raw.patch(path, 0, 6, ["Expect: 100-continue"]))
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
    const path = yield* create(6, {}, "abc")
    assert.strictEqual(yield* offsetOf(path), 3)
    deepStrictEqual(yield* Context.get(context, ByteStore.ByteStore).size(idOf(path)), Option.some(3))

    const { create: createInFiles, directory: at } = yield* serve()
    assert.isTrue(existsSync(fileOf(at, yield* createInFiles(6, {}, "abc"))))
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
    assert.strictEqual(yield* told("POST", "/files", { "upload-defer-length": "1" }, "abcd"), 413)
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
    const left = yield* brief.create(6, {}, "abc")
    const complete = yield* brief.create(3, {}, "abc")
    yield* Effect.sleep("10 millis")
    deepStrictEqual([yield* brief.told("HEAD", left), yield* brief.told("HEAD", complete)], [410, 200])

    const { context, create, patch } = yield* serve({ expiresAfter: "1 hour" })
    const path = yield* create(6)
    const states = Context.get(context, UploadRegistry.UploadRegistry)
    const expiry = Effect.map(states.get(idOf(path)), Option.flatMap(({ upload }) => upload.expiresAt))
    const before = Option.getOrThrow(yield* expiry)
    yield* Effect.sleep("10 millis")
    yield* patch(path, 0, "abc")
    assert.isTrue(DateTime.greaterThan(Option.getOrThrow(yield* expiry), before))
  }),
  cors_allow_origins: Effect.gen(function*() {
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
    const path = yield* create(6, {}, "abc")
    yield* until(Effect.sync(() => events.includes("Expired")))
    assert.isFalse(existsSync(fileOf(at, path)))
  }),
  request_timeout: Effect.gen(function*() {
    const { connection, create, offsetOf } = yield* serve({ idleTimeout: "100 millis", headersTimeout: "200 millis" })
    const path = yield* create(6)
    const body = yield* connection
    yield* Effect.promise(() => body.send(`${Raw.patch(path, 0, 6)}abc`))
    yield* Effect.promise(() => body.received(/^HTTP\/1.1 503 /))
    assert.strictEqual(yield* offsetOf(path), 3)
    const head = yield* connection
    yield* Effect.promise(() => head.send("PATCH /fi"))
    yield* Effect.promise(() => head.received(/^HTTP\/1.1 408 /))

    const patient = yield* serve({ idleTimeout: Infinity })
    const [slow, its] = [yield* patient.connection, yield* patient.create(6)]
    yield* Effect.promise(() => slow.send(`${Raw.patch(its, 0, 6)}abc`))
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
    yield* ask("PATCH", url, { ...octets, "upload-offset": "0" }, body)
    assert.strictEqual((yield* ask("HEAD", url, {})).headers.get("upload-offset"), "3")
  }),
  "TusHTTPRequestHandler, tus_server": Effect.gen(function*() {
    const { of, sockets, told } = yield* watched()
    assert.strictEqual(yield* told("POST", "/files", { "upload-length": "1" }), 201)
    deepStrictEqual([of("POST").length, sockets.length], [1, 1])

    const { received, send } = yield* (yield* serve()).connection
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
    const { headers, status } = yield* ask("POST", "/files", { "upload-length": "3" }, "ab")
    deepStrictEqual([status, headers["upload-offset"]], [201, "2"])
    assert.match(headers["location"] ?? "", /^\/files\//)
    assert.isDefined(headers["upload-expires"])
    for (const length of ["", "-1", "1_000", "+5"]) {
      assert.strictEqual(yield* post({ "upload-length": length }), 400)
    }
    const three = { "upload-length": "3" }
    assert.strictEqual(yield* post({ "upload-defer-length": "1" }), 201)
    assert.strictEqual(yield* post({ ...three }, "abcd"), 413)
    assert.strictEqual(yield* post({ ...three, "upload-checksum": digest("other") }, "abc"), 460)
    assert.strictEqual(yield* post({ ...three, "content-type": "text/plain" }, "abc"), 415)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "binary /w==" }), 201)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "a $" }), 400)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "a".repeat(8192) }), 201)
    assert.strictEqual(yield* post({ ...three, "upload-metadata": "a".repeat(8193) }), 400)
    const more = yield* serve({ maxMetadataSize: 8193 })
    assert.strictEqual(yield* more.told("POST", "/files", { ...three, "upload-metadata": "a".repeat(8193) }), 201)
  }),
  HEAD: Effect.gen(function*() {
    const { ask, create, told } = yield* serve({ expiresAfter: "1 day" })
    const path = yield* create(3, { "upload-metadata": "name YQ==, key,binary /w==" }, "ab")
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
    assert.strictEqual(yield* told("PATCH", `/files/${randomUUID()}`, { "upload-offset": "0" }, ""), 404)
    assert.strictEqual(yield* status(0, "abc", { "content-type": "text/plain" }), 415)
    assert.strictEqual(yield* told("PATCH", path, {}, "abc"), 400)
    assert.strictEqual(yield* status(1, "abc"), 409)
    assert.strictEqual(yield* status(0, "abcdefg"), 413)
    assert.strictEqual(yield* status(0, "abc", { "upload-checksum": "xxh3 YQ==" }), 400)
    assert.strictEqual(yield* status(0, "abc", { "upload-checksum": digest("other") }), 460)
    const { destroy, send } = yield* connection
    yield* Effect.promise(() => send(`${Raw.patch(path, 0, 6)}abc`))
    destroy()
    yield* until(Effect.map(offsetOf(path), (offset) => offset === 3))
    assert.strictEqual(yield* status(3, "def"), 204)
    deepStrictEqual([yield* status(6, ""), yield* status(6, "g"), yield* status(0, "abc")], [204, 413, 409])
  }),
  DELETE: Effect.gen(function*() {
    const { create, directory: at, told } = yield* serve()
    const path = yield* create(6, {}, "abc")
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
  )
} satisfies Proofs
