import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { EVENTS } from "@tus/server"
import { Refusal, Upload, UploadLock, UploadRegistry } from "effect-tus"
import { EmbeddedServer, NodeHandler, NodeTusServer } from "effect-tus/node"
import {
  TusObserver,
  TusSweeper,
  TusWeb,
  UploadEvents,
  UploadHooks,
  UploadIds,
  UploadLimits,
  UploadUrls
} from "effect-tus/server"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Rope from "../../examples/byte-store.js"
import {
  cors,
  endsWell,
  heard,
  serve,
  serveOver,
  shared,
  stored,
  takesOver,
  text,
  upload
} from "../migrating/setting.js"
import { rowsOf, suite } from "../migrating/tables.js"
import * as Servers from "../node-client/servers.js"
import { directory } from "../support/directory.js"
import { asking } from "../support/raw.js"
import { idOf } from "../support/uploads.js"

const server = shared(serve({ expiresAfter: "1 hour" }))

const hooks = (hooks: UploadHooks.Hooks) => Layer.succeed(UploadHooks.UploadHooks, hooks)

const forAnybody = UploadHooks.owned(({ headers }) => Effect.succeed(headers["authorization"] ?? "nobody"))

const tooLarge = () => new Refusal.Denied({ status: 413, reason: "too large for you" })

/** Ann may have larger uploads than others. */
const byOwner: UploadLimits.Limits = {
  growing: ({ owner }, _current, wanted, grow) => {
    const size = Option.contains(owner, "ann") ? 10 : 5
    return wanted > size && Number.isFinite(wanted) ? tooLarge() : grow({ size, more: tooLarge })
  },
  taking: (body, take) => take(body)
}

/** `NodeHandler` on a plain `node:http` server. */
const handled = Effect.fnUntraced(function*(options: NodeHandler.Options) {
  const context = yield* Layer.build(EmbeddedServer.layer({ directory: yield* directory }))
  const { listener } = yield* Effect.provide(NodeHandler.make(options), context)
  return yield* Servers.http(listener)
})

/** What an observer sees: the status and the outcome of each response. */
const observed = () => {
  const answers: Array<string> = []
  const observer: TusObserver.Observer = (exchange, answer) =>
    Effect.tap(answer(exchange), ({ outcome, status }) => Effect.sync(() => answers.push(`${status} ${outcome}`)))
  return { answers, layer: TusObserver.layer(Effect.succeed(observer)) }
}

const octets = (text: string) => ({ "upload-length": `${text.length}` })

const declarations = (file: string) =>
  readFileSync(new URL(`node_modules/@tus/server/dist/${file}`, import.meta.url), "utf8")

const namesOf = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, name = ""]) => name)

suite("From @tus/server", {
  "datastore": Effect.gen(function*() {
    const { textOf, url } = yield* serveOver({ bytes: Rope.layer })
    const result = yield* upload({ endpoint: url, source: text("abcdef") })
    assert.strictEqual(yield* textOf(result.url, 6), "abcdef")
  }),

  "path": Effect.gen(function*() {
    const { ask, url } = yield* serve({ path: "/api/up" })
    assert.match(url, /:\d+\/api\/up$/)
    const answers = yield* Effect.forEach(["/api/up", "/files"], (path) => ask("POST", path, { "upload-length": "1" }))
    deepStrictEqual(answers.map(({ status }) => status), [201, 404])
    assert.match((yield* server).url, /:\d+\/files$/)
  }),

  "maxSize": Effect.gen(function*() {
    const one = yield* serve({ maxSize: 5 })
    const later = yield* one.post({ "upload-defer-length": "1" })
    const answers = [
      yield* one.post({ "upload-length": "6" }),
      yield* one.patch(`${later.headers["location"]}`, 0, "abcdef")
    ]
    deepStrictEqual(answers.map(({ status }) => status), [413, 413])

    const other = yield* serve({}, Layer.merge(hooks(forAnybody), Layer.succeed(UploadLimits.UploadLimits, byOwner)))
    const deferred = yield* other.post({ "upload-defer-length": "1" })
    const those = [
      yield* other.post({ "upload-length": "6", authorization: "ann" }),
      yield* other.post({ "upload-length": "6" }),
      yield* other.patch(`${deferred.headers["location"]}`, 0, "abcdef")
    ]
    deepStrictEqual(those.map(({ status }) => status), [201, 413, 413])
  }),

  "relativeLocation": Effect.gen(function*() {
    const { create } = yield* server
    assert.match(yield* create(1), /^\/files\/\w+$/)
    const known = yield* serve({ publicUrl: "https://example.org" })
    assert.match(yield* known.create(1), /^https:\/\/example.org\/files\/\w+$/)
  }),

  "respectForwardedHeaders": Effect.gen(function*() {
    const headers = {
      "x-forwarded-proto": "https",
      "x-forwarded-host": "example.org",
      "x-forwarded-port": "8443",
      "x-forwarded-prefix": "/api"
    }
    const trusting = yield* serve({ trustedProxies: ["127.0.0.0/8", "::1"] })
    assert.match(yield* trusting.create(1, headers), /^https:\/\/example.org:8443\/api\/files\/\w+$/)
    const others = yield* serve({ trustedProxies: ["192.0.2.1"] })
    assert.match(yield* others.create(1, headers), /^\/files\/\w+$/)
  }),

  "allowedHeaders": Effect.gen(function*() {
    const { allowed } = yield* cors({ allowedHeaders: ["X-Mine"] })
    assert.includeMembers(allowed, ["X-Mine", "Upload-Length"])
  }),

  "exposedHeaders": Effect.gen(function*() {
    const { exposed } = yield* cors({ exposedHeaders: ["X-Mine"] })
    assert.includeMembers(exposed, ["X-Mine", "Upload-Offset"])
  }),

  "allowedCredentials": Effect.gen(function*() {
    assert.strictEqual((yield* cors({ credentials: true, origins: ["https://example.org"] })).credentials, "true")
    assert.isUndefined((yield* cors({})).credentials)
  }),

  "allowedOrigins": Effect.gen(function*() {
    const origins = ["https://example.org", /https:\/\/\w+\.example\.org/]
    const pages = ["https://example.org", "https://a.example.org", "https://a.example.org.evil.net", "https://evil.net"]
    const allowed = yield* Effect.forEach(pages, (page) => cors({ origins }, page))
    deepStrictEqual(allowed.map(({ origin }) => origin), [...pages.slice(0, 2), undefined, undefined])
    assert.strictEqual((yield* cors({ origins: (origin) => origin === pages[3] }, pages[3])).origin, pages[3])
  }),

  "postReceiveInterval": Effect.gen(function*() {
    const counts = yield* Effect.forEach(["1 hour", 0] as const, (progressEvery) =>
      Effect.gen(function*() {
        const { context, create, patch } = yield* serve({}, UploadEvents.layerFeed({ progressEvery }))
        const events = yield* heard(context, "Completed")
        const path = yield* create(4)
        yield* Effect.forEach([0, 1, 2, 3], (offset) => patch(path, offset, "a"))
        return (yield* events).filter(({ _tag }) => _tag === "Progress").length
      }))
    deepStrictEqual(counts, [1, 3])
  }),

  "generateUrl": Effect.gen(function*() {
    const cut = yield* serve({ publicUrl: "https://example.org/api" })
    assert.match(yield* cut.create(1), /^https:\/\/example.org\/api\/files\/\w+$/)
    const signed = yield* serve({}, UploadUrls.layerSigned({ secret: Redacted.make("s".repeat(32)) }))
    const path = yield* signed.create(1)
    assert.match(path, /^\/files\/\w+\?expires=\d+&signature=[\w-]+$/)
    const answers = [yield* signed.head(path), yield* signed.head(path.replace(/\?.*/, ""))]
    deepStrictEqual(answers.map(({ status }) => status), [200, 403])
  }),

  "getFileIdFromRequest": Effect.gen(function*() {
    const { port } = yield* handled({})
    const { create, head } = asking(port, "/tenants/7/uploads")
    const path = yield* create(1)
    assert.match(path, /^\/tenants\/7\/uploads\/\w+$/)
    assert.strictEqual((yield* head(path)).status, 200)
  }),

  "namingFunction": Effect.gen(function*() {
    const id = Upload.UploadId.make("minutes-of-2024-in-the-north")
    const named = yield* serve({}, hooks({ onCreate: () => Effect.succeed({ id }) }))
    assert.strictEqual(yield* named.create(1), `/files/${id}`)
    assert.strictEqual((yield* named.post({ "upload-length": "2" })).status, 409)
    assert.strictEqual((yield* named.head(`/files/${id}`)).headers["upload-length"], "1")
    const always = yield* serve({}, Layer.succeed(UploadIds.UploadIds, { next: Effect.succeed(id) }))
    assert.strictEqual(yield* always.create(1), `/files/${id}`)
    assert.throws(() => Upload.UploadId.make("../of-2024-in-the-north"))
    assert.throws(() => Upload.UploadId.make("minutes"))
  }),

  "locker": Effect.gen(function*() {
    const locked: Array<string> = []
    const lock = Layer.effect(
      UploadLock.UploadLock,
      Effect.map(UploadLock.UploadLock, (lock) =>
        UploadLock.UploadLock.of({
          ...lock,
          withLock: (id, use) => Effect.suspend(() => lock.withLock(id, (locked.push(id), use)))
        }))
    ).pipe(Layer.provide(UploadLock.layerMemory))
    const { create, patch, registry } = yield* serveOver({ lock })
    const path = yield* create(6)
    const fence = Effect.map(
      Effect.suspend(() => registry.get(idOf(path))),
      (entry) => Option.getOrThrow(entry).fence
    )
    const before = yield* fence
    yield* patch(path, 0, "abc")
    // A creation needs no lock: nobody knows its id.
    deepStrictEqual(locked, [idOf(path)])
    assert.isAbove(yield* fence, before)
  }),

  "lockDrainTimeout": takesOver,

  "disableTerminationForFinishedUploads": Effect.gen(function*() {
    const { ask, create, patch } = yield* serve(
      {},
      hooks({
        onTerminate: ({ isOpen }) =>
          isOpen ? Effect.void : new Refusal.Denied({ status: 403, reason: "it is complete" })
      })
    )
    const [open, complete] = [yield* create(1), yield* create(1)]
    yield* patch(complete, 0, "a")
    const answers = [yield* ask("DELETE", open), yield* ask("DELETE", complete)]
    deepStrictEqual(answers.map(({ status }) => status), [204, 403])
  }),

  "onUploadCreate": Effect.gen(function*() {
    const expiresAt = Option.some(DateTime.unsafeMake("2100-01-01T00:00:00Z"))
    const { context, create, head, post } = yield* serve(
      {},
      hooks({
        onCreate: ({ metadata }) =>
          Option.isNone(metadata)
            ? new Refusal.Denied({ status: 422, reason: "expected a name" })
            : Effect.succeed({ metadata: `filename ${btoa("b.txt")}`, owner: "ann", expiresAt })
      })
    )
    const refused = yield* post({ "upload-length": "1" })
    deepStrictEqual([refused.status, refused.text], [422, "expected a name\n"])
    const path = yield* create(1, { "upload-metadata": `filename ${btoa("a.txt")}` })
    const { headers } = yield* head(path)
    assert.strictEqual(headers["upload-metadata"], `filename ${btoa("b.txt")}`)
    assert.strictEqual(headers["upload-expires"], "Fri, 01 Jan 2100 00:00:00 GMT")
    const entry = yield* Context.get(context, UploadRegistry.UploadRegistry).get(idOf(path))
    deepStrictEqual(Option.flatMap(entry, ({ upload }) => upload.owner), Option.some("ann"))
  }),

  "onUploadFinish": Effect.gen(function*() {
    const { create, head, patch } = yield* serve(
      {},
      hooks({
        onComplete: ({ offset }) =>
          offset === 1
            ? new Refusal.UploadRejected({ status: 422, reason: "too short" })
            : Effect.succeed({ headers: { "x-scan": "clean" }, body: "thank you" })
      })
    )
    const answer = yield* patch(yield* create(2), 0, "ab")
    deepStrictEqual([answer.status, answer.headers["x-scan"], answer.text], [200, "clean", "thank you"])
    const path = yield* create(1)
    const answers = [yield* patch(path, 0, "a"), yield* head(path)]
    deepStrictEqual(answers.map(({ status }) => status), [422, 422])
  }),

  "onIncomingRequest": Effect.gen(function*() {
    const asked: Array<string> = []
    const { create, head } = yield* serve(
      {},
      hooks({
        authorize: (intent, { id }, { headers }) =>
          headers["authorization"] === undefined
            ? new Refusal.Denied({ status: 401, reason: "who are you?" })
            : Effect.sync(() => void asked.push(`${intent} ${id}`))
      })
    )
    const me = { authorization: "me" }
    const path = yield* create(1, me)
    const answers = [yield* head(path), yield* head(path, me)]
    deepStrictEqual(answers.map(({ status }) => status), [401, 200])
    deepStrictEqual(asked, [`Create ${idOf(path)}`, `Inspect ${idOf(path)}`])
  }),

  "onResponseError": Effect.gen(function*() {
    const { answers, layer } = observed()
    const paid = hooks({ onCreate: () => new Refusal.Denied({ status: 402, reason: "first you pay" }) })
    const { head, post } = yield* serve({}, Layer.merge(layer, paid))
    const refused = yield* post({ "upload-length": "1" })
    deepStrictEqual([refused.status, refused.text], [402, "first you pay\n"])
    yield* head(`/files/${"x".repeat(22)}`)
    deepStrictEqual(answers, ["402 Denied", "404 UploadNotFound"])
  }),

  "new FileStore({ directory })": Effect.gen(function*() {
    const at = yield* directory
    const id = "0123456789abcdef0123456789abcdef"
    const before = [join(at, id), join(at, `${id}.json`)]
    before.forEach((file) => writeFileSync(file, "{}"))
    const { context, head, url } = yield* serve({ directory: at })
    yield* Effect.provide(Effect.flatMap(TusSweeper.make, ({ sweepOrphans }) => sweepOrphans()), context)
    assert.strictEqual((yield* head(`/files/${id}`)).status, 404)
    before.forEach((file) => assert.strictEqual(readFileSync(file, "utf8"), "{}"))
    const result = yield* upload({ endpoint: url, source: text("abc") })
    const mine = idOf(result.url)
    assert.strictEqual(readFileSync(join(at, mine.slice(-2), mine), "utf8"), "abc")
    assert.isTrue(existsSync(join(at, "uploads.sqlite")))
  }),

  "new FileStore({ configstore })": Effect.gen(function*() {
    const filename = join(yield* directory, "mine.sqlite")
    const { registry, url } = yield* serveOver({
      registry: Layer.provide(SqlUploadRegistry.layer, SqliteClient.layer({ filename }))
    })
    const result = yield* upload({ endpoint: url, source: text("abc") })
    deepStrictEqual(
      Option.map(yield* registry.get(idOf(result.url)), ({ upload }) => Number(upload.offset)),
      Option.some(3)
    )
    assert.isTrue(existsSync(filename))
  }),

  "new FileStore({ expirationPeriodInMilliseconds })": Effect.gen(function*() {
    const { context, create, patch } = yield* server
    const path = yield* create(2)
    const end = Effect.map(
      Effect.suspend(() => Context.get(context, UploadRegistry.UploadRegistry).get(idOf(path))),
      (entry) => Option.getOrThrow(Option.flatMap(entry, ({ upload }) => upload.expiresAt))
    )
    const before = yield* end
    yield* Effect.sleep("5 millis")
    yield* patch(path, 0, "a")
    assert.isTrue(DateTime.greaterThan(yield* end, before))

    const brief = yield* serve({ expiresAfter: "20 millis", schedule: Schedule.spaced("10 millis") })
    const soon = yield* brief.create(2)
    yield* Effect.repeat(Effect.delay(brief.head(soon), "5 millis"), { until: ({ status }) => status === 404 })
  }),

  "EVENTS.POST_CREATE": Effect.gen(function*() {
    const { create, told } = yield* server
    const path = yield* create(1)
    deepStrictEqual([told.at(-1)?._tag, told.at(-1)?.upload.id], ["Created", idOf(path)])
  }),

  "EVENTS.POST_RECEIVE": Effect.gen(function*() {
    const { create, patch, told } = yield* server
    yield* patch(yield* create(2), 0, "a")
    deepStrictEqual([told.at(-1)?._tag, Number(told.at(-1)?.upload.offset)], ["Progress", 1])
  }),

  "EVENTS.POST_FINISH": Effect.gen(function*() {
    const { create, patch, told } = yield* server
    yield* patch(yield* create(1), 0, "a")
    const last = told.at(-1)
    assert.strictEqual(last?._tag === "Completed" && readFileSync(Option.getOrThrow(last.location), "utf8"), "a")
    const rejecting = yield* serve(
      {},
      hooks({
        onComplete: () => new Refusal.UploadRejected({ status: 422, reason: "no" })
      })
    )
    yield* rejecting.patch(yield* rejecting.create(1), 0, "a")
    assert.strictEqual(rejecting.told.at(-1)?._tag, "Rejected")
  }),

  "EVENTS.POST_TERMINATE": Effect.gen(function*() {
    const { ask, create, patch, told } = yield* server
    const path = yield* create(2)
    yield* patch(path, 0, "a")
    yield* ask("DELETE", path)
    deepStrictEqual([told.at(-1)?._tag, Number(told.at(-1)?.upload.offset)], ["Terminated", 1])
    const brief = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.spaced("10 millis") })
    yield* brief.create(1)
    yield* Effect.repeat(Effect.sleep("5 millis"), { until: () => brief.told.at(-1)?._tag === "Expired" })
  }),

  "server.on(event, listener), server.emit(event)": Effect.gen(function*() {
    const { context, create, patch } = yield* serve({}, UploadEvents.layerFeed())
    const events = yield* heard(context, "Completed")
    yield* patch(yield* create(1), 0, "a")
    deepStrictEqual((yield* events).map(({ _tag }) => _tag), ["Created", "Completed"])

    let waited = false
    const publish = () => Effect.delay(Effect.sync(() => void (waited = true)), "30 millis")
    const own = yield* serve({}, Layer.succeed(UploadEvents.UploadEvents, { publish }))
    yield* own.create(1)
    assert.isTrue(waited)
  }),

  "server.get(path, handler)": Effect.gen(function*() {
    const statuses = yield* Effect.forEach([false, true], (downloads) =>
      Effect.gen(function*() {
        const { ask, post } = yield* serve({ get: (_, response) => response.end("a page"), downloads })
        assert.strictEqual((yield* ask("GET", "/")).text, "a page")
        const { headers } = yield* post(octets("abc"), "abc")
        const { status, text } = yield* ask("GET", `${headers["location"]}`)
        return [status, text.slice(0, 3)]
      }))
    deepStrictEqual(statuses, [[405, "exp"], [200, "abc"]])
  }),

  "server.handle(request, response)": Effect.gen(function*() {
    const { url } = yield* handled({ path: "/files" })
    assert.isTrue((yield* upload({ endpoint: url, source: text("abc") })).complete)
  }),

  "server.handleWeb(request)": Effect.gen(function*() {
    const context = yield* Layer.build(EmbeddedServer.layer({ directory: yield* directory }))
    const handle = yield* Effect.provide(TusWeb.make({ path: "/files" }), context)
    const headers = { "tus-resumable": "1.0.0", "upload-length": "1" }
    const answer = yield* Effect.promise(() =>
      handle(new Request("http://localhost/files", { method: "POST", headers }))
    )
    assert.strictEqual(answer.status, 201)
    assert.match(answer.headers.get("location") ?? "", /^\/files\/\w+$/)
  }),

  "server.listen(port)": Effect.gen(function*() {
    const { directory, port, url } = yield* serve()
    assert.strictEqual(url, `http://127.0.0.1:${port}/files`)
    const result = yield* upload({ endpoint: url, source: text("abc") })
    assert.strictEqual(stored(directory, result.url), "abc")
    assert.instanceOf(yield* Effect.flip(Effect.scoped(serve({ port }))), NodeTusServer.ListenError)
    yield* endsWell
  }),

  "server.write(context, headers, status, body)": Effect.gen(function*() {
    const { answers, layer } = observed()
    const { create, head } = yield* serve({}, layer)
    yield* head(yield* create(1))
    deepStrictEqual(answers, ["201 Ok", "200 Ok"])
  }),

  "server.cleanUpExpiredUploads()": Effect.gen(function*() {
    const { context, create, head } = yield* serve({ expiresAfter: "20 millis", schedule: Schedule.spaced("1 hour") })
    const path = yield* create(1)
    yield* Effect.sleep("40 millis")
    assert.strictEqual((yield* head(path)).status, 410)
    yield* Effect.provide(Effect.flatMap(TusSweeper.make, ({ sweep }) => sweep()), context)
    assert.strictEqual((yield* head(path)).status, 404)
  })
})

describe("From @tus/server", () => {
  const rows = rowsOf("From @tus/server").flatMap((row) => row.split(/(?<=\)), /))

  it("has a row for every option", () => {
    const [options = ""] = /type ServerOptions = \{[^]*?\n\};/.exec(declarations("types.d.ts")) ?? []
    const names = namesOf(options, /^ {4}(\w+)\??:/gm)
    assert.includeMembers(names, ["path", "onResponseError"])
    assert.includeMembers(rows, names)
  })

  it("has a row for every event", () => {
    assert.includeMembers(rows, Object.keys(EVENTS).map((name) => `EVENTS.${name}`))
  })

  it("has a row for every public method", () => {
    const names = namesOf(declarations("server.d.ts"), /^ {4}(?!constructor)(\w+)(?:<.*>)?\(/gm)
    assert.includeMembers(names, ["on", "listen"])
    assert.includeMembers(rows.map((row) => row.replace(/\(.*/, "")), names.map((name) => `server.${name}`))
  })
})
