import * as CliConfig from "@effect/cli/CliConfig"
import * as CliCommand from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Refusal } from "effect-tus"
import { TusUpload } from "effect-tus/client"
import { EmbeddedServer, NodeHandler } from "effect-tus/node"
import { NodeTusClient } from "effect-tus/node-client"
import { AccessLog, Prometheus, TusAdmin, TusMetrics, UploadEvents, UploadHooks } from "effect-tus/server"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { execFile } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import { join } from "node:path"
import * as Tls from "node:tls"
import { fileURLToPath } from "node:url"
import * as Rope from "../../examples/byte-store.js"
import * as ServeCommand from "../../src/cli/commands/ServeCommand.js"
import * as Process from "../cli/process.js"
import { fileOf } from "../interop/server.js"
import * as Servers from "../node-client/servers.js"
import { directory as temporary } from "../support/directory.js"
import { eventually } from "../support/eventually.js"
import * as Raw from "../support/raw.js"
import { asking } from "../support/raw.js"
import { idOf } from "../support/uploads.js"
import { cors, endsWell, hanging, heard, serve, serveOver, shared, stored, takesOver, text, upload } from "./setting.js"
import { suite } from "./tables.js"

/** The command with many options. */
const command = shared(Effect.gen(function*() {
  const options =
    "--host 0.0.0.0 --port 0 --path /api/uploads --dir kept --max-size 1KiB --trust-proxy 127.0.0.1 --downloads"
  const running = yield* Process.start(
    yield* temporary,
    ["serve", ...options.split(" "), "--json", "--debug"],
    { env: { NODE_OPTIONS: "--inspect=127.0.0.1:0" } }
  )
  const [line] = yield* Effect.promise(() => running.said(/^\{.*\}$/m))
  const { directory, url } = JSON.parse(line) as { readonly directory: string; readonly url: string }
  const { hostname, port } = new URL(url)
  return { ...running, directory, hostname, port: Number(port), ...asking(Number(port), "/api/uploads") }
}))

const files = {
  ca: fileURLToPath(new URL("../node-client/certificates/ca.pem", import.meta.url)),
  cert: fileURLToPath(new URL("../node-client/certificates/server.pem", import.meta.url)),
  key: fileURLToPath(new URL("../node-client/certificates/server.key", import.meta.url))
}

const trusted = { ca: Servers.certificate("ca.pem") }
const own = { cert: Servers.certificate("server.pem"), key: Servers.certificate("server.key") }
const known = { ...trusted, cert: Servers.certificate("client.pem"), key: Servers.certificate("client.key") }

const page = "https://example.org"

/** The command over TLS 1.3 only, for clients with a known certificate. */
const secure = shared(Effect.gen(function*() {
  const running = yield* Process.start(
    yield* temporary,
    [
      "serve",
      "--port",
      "0",
      "--tls-cert",
      files.cert,
      "--tls-key",
      files.key,
      "--tls-ca",
      files.ca,
      "--cors-origin",
      page
    ],
    { env: { NODE_OPTIONS: "--tls-min-v1.3" } }
  )
  const [url] = yield* Effect.promise(() => running.said(/https:\/\/\S+/))
  return { url, port: Number(new URL(url).port) }
}))

const server = shared(serve({ expiresAfter: "1 hour" }))

/** The version of TLS that both ends agree on. Null if there is none. */
const agreed = (port: number, maxVersion: Tls.SecureVersion) =>
  Effect.async<string | null>((resume) => {
    const socket = Tls.connect({ port, host: "127.0.0.1", maxVersion, ...known })
    socket.on("error", () => resume(Effect.succeed(null))).once("secureConnect", () => {
      resume(Effect.succeed(socket.getProtocol()))
      socket.destroy()
    })
  })

/** The response to OPTIONS over HTTP/2. Its status is 0 if there is none. */
const overHttp2 = (url: string, headers: Http2.OutgoingHttpHeaders = {}) =>
  Effect.async<{ readonly status: number; readonly headers: Http2.IncomingHttpHeaders }>((resume) => {
    const session = Http2.connect(url, known)
    const end = (headers: Http2.IncomingHttpHeaders) => {
      resume(Effect.succeed({ status: Number(headers[":status"] ?? 0), headers }))
      session.destroy()
    }
    session.on("error", () => end({}))
    session.request({ ":method": "OPTIONS", ":path": "/files", ...headers })
      .on("response", end)
      .on("error", () => end({}))
      .end()
  })

const overTls = (url: string, options: NodeTusClient.Options) =>
  TusUpload.run({ endpoint: url, source: text("abc"), retry: Schedule.recurs(0) }).pipe(
    Effect.provide(NodeTusClient.layer({ proxy: false, ...options }))
  )

const hooks = (hooks: UploadHooks.Hooks) => Layer.succeed(UploadHooks.UploadHooks, hooks)

const denied = new Refusal.Denied({ status: 403, reason: "no" })

const onlyShort = (is: boolean) => is ? Effect.void : denied

const lengthOf = ({ length }: { readonly length: Option.Option<number> }) => Option.getOrElse(length, () => 0)

/** The statuses of two creations: an upload of two bytes, and one of four. */
const created = Effect.fnUntraced(function*(beside: Layer.Layer<never, unknown>) {
  const { post } = yield* serve({}, beside)
  return [(yield* post({ "upload-length": "2" })).status, (yield* post({ "upload-length": "4" })).status]
})

/** States in SQLite, bytes in another store. */
const bytesElsewhere = Effect.gen(function*() {
  const filename = join(yield* temporary, "states.sqlite")
  const { textOf, url } = yield* serveOver({
    bytes: Rope.layer,
    registry: Layer.provide(SqlUploadRegistry.layer, SqliteClient.layer({ filename }))
  })
  const result = yield* upload({ endpoint: url, source: text("abcdef"), chunkSize: 4, createWithUpload: 0 })
  assert.strictEqual(yield* textOf(result.url, 6), "abcdef")
  assert.isTrue(existsSync(filename))
})

/** The events of an upload of two bytes, in two requests, and of its removal. */
const events = shared(Effect.gen(function*() {
  const { ask, create, patch, told } = yield* serve()
  const path = yield* create(2)
  yield* patch(path, 0, "a")
  yield* patch(path, 1, "b")
  yield* ask("DELETE", path)
  return told.map(({ _tag, upload }) => `${_tag} ${upload.offset}`)
}))

suite("From tusd", {
  "-host": Effect.gen(function*() {
    const [told, other] = yield* Effect.all([command, secure], { concurrency: 2 })
    deepStrictEqual([told.hostname, new URL(other.url).hostname], ["0.0.0.0", "127.0.0.1"])
  }),

  "-port": Effect.gen(function*() {
    assert.isAbove((yield* command).port, 0)
    const help = HelpDoc.toAnsiText(CliCommand.getHelp(ServeCommand.command, CliConfig.defaultConfig))
    assert.match(help, /--port [^]*1080 by default/)
  }),

  "-unix-sock": Effect.gen(function*() {
    const at = yield* temporary
    const context = yield* Layer.build(EmbeddedServer.layer({ directory: at }))
    const { listener } = yield* Effect.provide(NodeHandler.make({ path: "/files" }), context)
    const socketPath = join(at, "socket")
    const headers = { "tus-resumable": "1.0.0", "upload-length": "1" }
    const status = yield* Effect.async<number | undefined>((resume) => {
      const http = Http.createServer(listener).listen(
        socketPath,
        () =>
          Http.request({ socketPath, path: "/files", method: "POST", headers, agent: false }, ({ statusCode }) => {
            http.close()
            resume(Effect.succeed(statusCode))
          }).end()
      )
    })
    assert.strictEqual(status, 201)
  }),

  "-base-path": Effect.gen(function*() {
    const { ask, create } = yield* command
    assert.match(yield* create(1), /^\/api\/uploads\/\w+$/)
    assert.strictEqual((yield* ask("POST", "/files", { "upload-length": "1" })).status, 404)
  }),

  "-behind-proxy": Effect.gen(function*() {
    const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "example.org" }
    assert.match(yield* (yield* command).create(1, headers), /^https:\/\/example.org\/api\/uploads\/\w+$/)
    assert.match(yield* (yield* server).create(1, headers), /^\/files\/\w+$/)
    const other = yield* serve({ publicUrl: "https://example.com" })
    assert.match(yield* other.create(1, headers), /^https:\/\/example.com\/files\/\w+$/)
  }),

  "-enable-h2c": Effect.gen(function*() {
    assert.strictEqual((yield* overHttp2((yield* server).url)).status, 0)
    const { url } = yield* secure
    assert.strictEqual((yield* overHttp2(url)).status, 204)
    assert.isTrue((yield* overTls(url, known)).complete)
  }),

  "-tls-certificate, -tls-key": Effect.gen(function*() {
    const { url } = yield* secure
    assert.match(url, /^https:/)
    assert.isTrue((yield* overTls(url, known)).complete)
    assert.strictEqual((yield* Effect.flip(overTls(url, trusted)))._tag, "Unanswered")
  }),

  "-tls-mode": Effect.gen(function*() {
    const { port } = yield* serve({ tls: own })
    const versions = ["TLSv1.2", "TLSv1.3"] as const
    deepStrictEqual(yield* Effect.forEach(versions, (version) => agreed(port, version)), [...versions])
    const strict = yield* secure
    deepStrictEqual(yield* Effect.forEach(versions, (version) => agreed(strict.port, version)), [null, "TLSv1.3"])
  }),

  "-enable-experimental-protocol": Effect.gen(function*() {
    const { port } = yield* server
    const headers = { "upload-draft-interop-version": "6", "upload-complete": "?0", "upload-length": "1" }
    const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/files`, { method: "POST", headers }))
    deepStrictEqual([answer.status, answer.headers.get("tus-version")], [412, "1.0.0"])
  }),

  "-disable-download": Effect.gen(function*() {
    const answers = yield* Effect.forEach(
      [yield* server, yield* command],
      ({ ask, post }) =>
        Effect.flatMap(post({ "upload-length": "3" }, "abc"), ({ headers }) => ask("GET", `${headers["location"]}`))
    )
    deepStrictEqual(answers.map(({ status }) => status), [405, 200])
    assert.match(answers[1]?.headers["content-disposition"] ?? "", /^attachment/)
  }),

  "-disable-termination": Effect.gen(function*() {
    const { ask, create } = yield* serve({}, hooks({ onTerminate: (upload) => onlyShort(lengthOf(upload) < 3) }))
    const answers = [yield* ask("DELETE", yield* create(4)), yield* ask("DELETE", yield* create(2))]
    deepStrictEqual(answers.map(({ status }) => status), [403, 204])
  }),

  "-max-size": Effect.gen(function*() {
    const { post } = yield* command
    const answers = yield* Effect.forEach(["1024", "1025"], (length) => post({ "upload-length": length }))
    deepStrictEqual(answers.map(({ status }) => status), [201, 413])
  }),

  "-disable-cors": Effect.gen(function*() {
    assert.isUndefined((yield* cors({ origins: [] })).origin)
    const { headers } = yield* (yield* command).ask("OPTIONS", "/api/uploads", { origin: "https://example.org" })
    assert.strictEqual(headers["access-control-allow-origin"], "*")
  }),

  "-cors-allow-origin": Effect.gen(function*() {
    const pages = [page, "https://a.example.org", "https://a.example.org.evil.net"]
    const { url } = yield* secure
    const told = yield* Effect.forEach(
      pages,
      (origin) => Effect.map(overHttp2(url, { origin }), ({ headers }) => headers)
    )
    deepStrictEqual(told.map((headers) => headers["access-control-allow-origin"]), [page, undefined, undefined])
    const allowed = yield* Effect.forEach(pages, (page) => cors({ origins: [/.*\.example\.org/] }, page))
    deepStrictEqual(allowed.map(({ origin }) => origin), [undefined, pages[1], undefined])
    assert.strictEqual((yield* cors({ origins: (page) => page === pages[2] }, pages[2])).origin, pages[2])
  }),

  "-cors-allow-credentials": Effect.gen(function*() {
    assert.strictEqual((yield* cors({ credentials: true, origins: [page] })).credentials, "true")
    assert.isUndefined((yield* cors({})).credentials)
  }),

  "-cors-allow-methods": Effect.gen(function*() {
    deepStrictEqual((yield* cors({})).methods.toSorted(), ["DELETE", "HEAD", "OPTIONS", "PATCH", "POST"])
  }),

  "-cors-allow-headers": Effect.gen(function*() {
    assert.includeMembers((yield* cors({ allowedHeaders: ["X-Mine"] })).allowed, ["X-Mine", "Upload-Length"])
  }),

  "-cors-max-age": Effect.gen(function*() {
    assert.strictEqual((yield* cors({ maxAge: "2 hours" })).maxAge, "7200")
  }),

  "-cors-expose-headers": Effect.gen(function*() {
    assert.includeMembers((yield* cors({ exposedHeaders: ["X-Mine"] })).exposed, ["X-Mine", "Upload-Offset"])
  }),

  "-upload-dir": Effect.gen(function*() {
    const { directory, post } = yield* command
    const { headers } = yield* post({ "upload-length": "3" }, "abc")
    assert.match(directory, /\/kept$/)
    const path = `${headers["location"]}`
    yield* eventually(() => existsSync(fileOf(directory, path)) && stored(directory, path) === "abc")
    assert.isTrue(existsSync(join(directory, "uploads.sqlite")))
  }),

  "-filelock-holder-poll-interval, -filelock-acquirer-poll-interval": takesOver,

  [
    "-s3-bucket, -s3-object-prefix, -s3-endpoint, -s3-part-size, -s3-min-part-size, -s3-max-buffered-parts, " +
    "-s3-disable-content-hashes, -s3-disable-ssl, -s3-concurrent-part-uploads, -s3-transfer-acceleration"
  ]: bytesElsewhere,

  "-gcs-bucket, -gcs-object-prefix": bytesElsewhere,

  [
    "-azure-storage, -azure-container-access-type, -azure-blob-access-tier, -azure-object-prefix, -azure-endpoint"
  ]: bytesElsewhere,

  "-hooks-enabled-events": Effect.gen(function*() {
    const { ask, create, patch } = yield* serve({}, hooks({ onTerminate: () => denied }))
    const path = yield* create(1)
    const answers = [yield* patch(path, 0, "a"), yield* ask("DELETE", path)]
    deepStrictEqual(answers.map(({ status }) => status), [204, 403])
  }),

  "-progress-hooks-interval": Effect.gen(function*() {
    const counts = yield* Effect.forEach(["1 hour", 0] as const, (progressEvery) =>
      Effect.gen(function*() {
        const { context, create, patch } = yield* serve({}, UploadEvents.layerFeed({ progressEvery }))
        const events = yield* heard(context, "Completed")
        const path = yield* create(3)
        yield* Effect.forEach([0, 1, 2], (offset) => patch(path, offset, "a"))
        return (yield* events).filter(({ _tag }) => _tag === "Progress").length
      }))
    deepStrictEqual(counts, [1, 2])
  }),

  "-hooks-dir": Effect.gen(function*() {
    const script = join(yield* temporary, "pre-create")
    writeFileSync(script, `test "$1" -lt 3`)
    const onCreate: UploadHooks.Hooks["onCreate"] = (upload) =>
      Effect.async((resume) =>
        void execFile("/bin/sh", [script, `${lengthOf(upload)}`], (error) => resume(onlyShort(error === null)))
      )
    deepStrictEqual(yield* created(hooks({ onCreate })), [201, 403])
  }),

  [
    "-hooks-http, -hooks-http-forward-headers, -hooks-http-retry, -hooks-http-backoff, -hooks-http-timeout, " +
    "-hooks-http-size-limit"
  ]: Effect.gen(function*() {
    const calls: Array<string | undefined> = []
    const { url } = yield* Servers.http(({ headers }, response) => {
      if (calls.push(headers.authorization) < 3) {
        response.writeHead(calls.length === 1 ? 500 : 200).end()
      }
    })
    const onCreate: UploadHooks.Hooks["onCreate"] = ({ id }, { headers: { authorization = "" } }) =>
      Effect.tryPromise((signal) => fetch(url, { method: "POST", body: id, headers: { authorization }, signal })).pipe(
        Effect.filterOrFail(({ ok }) => ok),
        Effect.retry(Schedule.recurs(3)),
        Effect.mapBoth({ onFailure: () => denied, onSuccess: () => {} })
      )
    const patient = yield* serve({}, hooks({ onCreate }))
    assert.strictEqual((yield* patient.post({ "upload-length": "1", authorization: "me" })).status, 201)
    deepStrictEqual(calls, ["me", "me"])
    const hasty = yield* serve({}, hooks({ onCreate, timeLimit: "100 millis" }))
    assert.strictEqual((yield* hasty.post({ "upload-length": "1" })).status, 503)
  }),

  [
    "-hooks-grpc, -hooks-grpc-retry, -hooks-grpc-backoff, -hooks-grpc-secure, -hooks-grpc-server-tls-certificate, " +
    "-hooks-grpc-client-tls-certificate, -hooks-grpc-client-tls-key, -hooks-grpc-forward-headers"
  ]: Effect.gen(function*() {
    class Remote extends Context.Tag("test/Remote")<Remote, (length: number) => Effect.Effect<boolean>>() {}
    const asking = Layer.effect(
      UploadHooks.UploadHooks,
      Effect.map(Remote, (remote): UploadHooks.Hooks => ({
        onCreate: (upload) => Effect.flatMap(remote(lengthOf(upload)), onlyShort)
      }))
    )
    const remote = Layer.succeed(Remote, (length) => Effect.delay(Effect.succeed(length < 3), "5 millis"))
    deepStrictEqual(yield* created(Layer.provide(asking, remote)), [201, 403])
  }),

  "-hooks-plugin": Effect.gen(function*() {
    const plugged = hooks({ onCreate: (upload) => onlyShort(lengthOf(upload) < 3) })
    deepStrictEqual(yield* created(plugged), [201, 403])
  }),

  "pre-create": Effect.gen(function*() {
    const { create, head } = yield* serve(
      {},
      hooks({
        onCreate: () => Effect.succeed({ metadata: `filename ${btoa("b.txt")}` })
      })
    )
    assert.strictEqual((yield* head(yield* create(1))).headers["upload-metadata"], `filename ${btoa("b.txt")}`)
  }),

  "post-create": Effect.gen(function*() {
    assert.strictEqual((yield* events)[0], "Created 0")
  }),

  "post-receive": Effect.gen(function*() {
    assert.strictEqual((yield* events)[1], "Progress 1")
    const running = yield* server
    const path = yield* running.create(6)
    const { closed } = yield* hanging(running, path)
    yield* Effect.flatMap(Effect.provide(TusAdmin.make, running.context), ({ terminate }) => terminate(idOf(path)))
    assert.match(yield* Effect.promise(() => closed), /^HTTP\/1.1 423/)
    assert.strictEqual((yield* running.head(path)).status, 404)
  }),

  "pre-finish": Effect.gen(function*() {
    const { create, patch } = yield* serve(
      {},
      hooks({
        onComplete: ({ offset }) =>
          offset === 1
            ? new Refusal.UploadRejected({ status: 422, reason: "too short" })
            : Effect.succeed({ body: "thank you" })
      })
    )
    const answers = [yield* patch(yield* create(1), 0, "a"), yield* patch(yield* create(2), 0, "ab")]
    deepStrictEqual(answers.map(({ status, text }) => [status, text]), [[422, "too short\n"], [200, "thank you"]])
  }),

  "post-finish": Effect.gen(function*() {
    assert.strictEqual((yield* events)[2], "Completed 2")
  }),

  "pre-terminate": Effect.gen(function*() {
    const { ask, create, head } = yield* serve({}, hooks({ onTerminate: () => denied }))
    const path = yield* create(1)
    const answers = [yield* ask("DELETE", path), yield* head(path)]
    deepStrictEqual(answers.map(({ status }) => status), [403, 200])
  }),

  "post-terminate": Effect.gen(function*() {
    deepStrictEqual((yield* events).slice(3), ["Terminated 2"])
    const brief = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.spaced("10 millis") })
    yield* brief.create(1)
    yield* eventually(() => brief.told.at(-1)?._tag === "Expired")
  }),

  "-expose-metrics, -metrics-path": Effect.gen(function*() {
    const { create } = yield* serve({}, TusMetrics.layer)
    yield* create(1)
    const handle = HttpApp.toWebHandler(HttpRouter.empty.pipe(HttpRouter.get("/mine", Prometheus.app)))
    const text = yield* Effect.promise(() =>
      handle(new Request("http://localhost/mine")).then((answer) => answer.text())
    )
    assert.match(text, /^tus_requests_total\{method="POST",status="201"\} 1$/m)
  }),

  "-expose-pprof, -pprof-path, -pprof-block-profile-rate, -pprof-mutex-profile-rate": Effect.gen(function*() {
    const { port, said } = yield* command
    const [, address = ""] = yield* Effect.promise(() => said(/ws:\/\/(127\.0\.0\.1:\d+)\//))
    assert.notStrictEqual(address, `127.0.0.1:${port}`)
    const targets = yield* Effect.promise(() => fetch(`http://${address}/json/list`).then((answer) => answer.json()))
    assert.propertyVal(targets[0], "type", "node")
  }),

  "-show-greeting": Effect.gen(function*() {
    assert.strictEqual((yield* (yield* server).ask("GET", "/")).status, 405)
    const { ask } = yield* serve({ get: (_, response) => response.end("a page") })
    assert.strictEqual((yield* ask("GET", "/")).text, "a page")
  }),

  "-version": Effect.gen(function*() {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
    const { stdout } = yield* Process.run(yield* temporary, ["--version"])
    assert.strictEqual(stdout, `${version}\n`)
  }),

  "-verbose": Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
    const logged = Layer.merge(AccessLog.layer, Logger.replace(Logger.defaultLogger, logger))
    const path = yield* (yield* serve({}, logged)).create(1)
    assert.match(path, /^\/files\/\w+$/)
    const [start, ...others] = lines
    assert.match(start ?? "", /^effect-tus listens at /)
    deepStrictEqual(others, ["POST /files 201"])
    assert.isTrue(Process.isRunning(yield* command))
  }),

  "-show-startup-logs": Effect.gen(function*() {
    const { directory, hostname, port, stdout } = yield* command
    const [line = ""] = stdout().split("\n")
    deepStrictEqual(JSON.parse(line), { event: "listening", url: `http://${hostname}:${port}/api/uploads`, directory })
  }),

  "-log-format": Effect.gen(function*() {
    const { post, said } = yield* command
    const { headers } = yield* post({ "upload-length": "5" }, "abcde")
    const [line] = yield* Effect.promise(() => said(/^\{.*"bytes":5\b.*\}$/m))
    assert.deepInclude(JSON.parse(line), { event: "completed", id: idOf(`${headers["location"]}`) })
  }),

  "-network-timeout": Effect.gen(function*() {
    const idle = yield* serve({ idleTimeout: "50 millis" })
    const { closed } = yield* hanging(idle, yield* idle.create(6))
    assert.match(yield* Effect.promise(() => closed), /^HTTP\/1.1 503 [^]*stands at 3/)
    const { port } = yield* serve({ headersTimeout: "50 millis" })
    const slow = yield* Effect.acquireRelease(
      Effect.promise(() => Raw.open(port)),
      ({ destroy }) => Effect.sync(destroy)
    )
    yield* Effect.promise(() => slow.send("POST /fi"))
    assert.match(yield* Effect.promise(() => slow.closed), /^HTTP\/1.1 408 /)
  }),

  "-shutdown-timeout": endsWell,

  "-acquire-lock-timeout": takesOver,

  "-request-completion-timeout": Effect.gen(function*() {
    const running = yield* server
    const path = yield* running.create(6)
    const { destroy } = yield* hanging(running, path)
    destroy()
    yield* Effect.repeat(running.head(path), { until: ({ headers }) => headers["upload-offset"] === "3" })
  })
})
