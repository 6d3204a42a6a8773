import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Http from "node:http"
import * as Net from "node:net"
import type { Options } from "../../src/node-client/NodeProxy.js"
import { ask, certificate, echo, http, https, lent, patch, raw, transport } from "./servers.js"

const mebibyte = 1024 * 1024

interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: Http.IncomingHttpHeaders
}

/** A proxy that records its requests. It refuses tunnels with a status other than 200. */
const proxy = (status = 200) =>
  Effect.gen(function*() {
    const asked: Array<Asked> = []
    const note = ({ headers, method, url }: Http.IncomingMessage) => asked.push({ method, url, headers })
    const { server, url } = yield* http((request, response) => {
      note(request)
      const { headers, method } = request
      const onward = Http.request(request.url ?? "", { method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      request.pipe(onward.on("error", () => response.destroy()))
    })
    server.on("connect", (request, socket: Net.Socket) => {
      note(request)
      socket.on("error", () => {})
      if (status !== 200) {
        socket.end(`HTTP/1.1 ${status} No\r\nUpload-Offset: 5\r\nContent-Length: 0\r\n\r\n`)
        return
      }
      const { hostname, port } = new URL(`http://${request.url}`)
      const onward = Net.connect(Number(port), hostname, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"))
      onward.on("error", () => {}).on("close", () => socket.destroy()).pipe(socket).on("close", () => onward.destroy())
        .pipe(onward)
    })
    const { host, origin } = new URL(url)
    return { asked, host, origin, login: `http://ann:s%20e@${host}` }
  })

const credentials = `Basic ${Buffer.from("ann:s e").toString("base64")}`
const trusted = { ca: certificate("ca.pem") }

/** Clears the proxy variables of the environment and sets these. */
const environment = (variables: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = { ...process.env }
      Object.keys(process.env).filter((name) => /_proxy$/i.test(name)).forEach((name) => delete process.env[name])
      Object.assign(process.env, variables)
      return before
    }),
    (before) =>
      Effect.sync(() => {
        Object.keys(variables).forEach((name) => delete process.env[name])
        Object.assign(process.env, before)
      })
  )

const answered = (text: string | undefined): Record<string, unknown> & { readonly headers: Record<string, string> } =>
  JSON.parse(text ?? "")

describe("a proxy", () => {
  it.scopedLive("receives the whole URL, and its password does not reach the server", () =>
    Effect.gen(function*() {
      const { asked, login } = yield* proxy()
      const { url } = yield* http(echo)
      const { send } = yield* transport({ proxy: login })
      const { body } = yield* send(patch(url, lent(1000)))
      const { headers, url: path } = answered(body)
      deepStrictEqual(asked.map(({ headers, method, url }) => [method, url, headers["proxy-authorization"]]), [
        ["PATCH", url, credentials]
      ])
      deepStrictEqual([path, headers["host"]], ["/files", new URL(url).host])
    }))

  it.scopedLive("makes a tunnel to an https server, which is reused and encrypted end to end", () =>
    Effect.gen(function*() {
      const { asked, login } = yield* proxy()
      const { url } = yield* https(echo)
      const { send } = yield* transport({ proxy: login, ...trusted })
      const { body } = yield* send(patch(url, lent(1000)))
      assert.isUndefined(answered(body).headers["proxy-authorization"])
      assert.strictEqual((yield* send(ask(url, "OPTIONS"))).status, 200)
      deepStrictEqual(asked.map(({ headers, method, url }) => [method, url, headers["proxy-authorization"]]), [
        ["CONNECT", new URL(url).host, credentials]
      ])
    }))

  it.scopedLive("has no time limit with connectTimeout: Infinity", () =>
    Effect.gen(function*() {
      const { login } = yield* proxy()
      const { url } = yield* https(echo)
      for (const connectTimeout of [Infinity, "30 days"] as const) {
        const { send } = yield* transport({ proxy: login, connectTimeout, ...trusted })
        assert.strictEqual((yield* send(ask(url))).status, 200)
      }
    }))

  it.scopedLive("does not vouch for a server, neither with its certificate nor with its responses", () =>
    Effect.gen(function*() {
      const { url } = yield* https(echo)
      const honest = yield* proxy()
      const untrusting = yield* transport({ proxy: honest.origin })
      assert.strictEqual((yield* Effect.flip(untrusting.send(ask(url)))).reason, "Tls")
      for (const status of [204, 403, 407]) {
        const { origin } = yield* proxy(status)
        const { send } = yield* transport({ proxy: origin, ...trusted })
        const error = yield* Effect.flip(send(ask(url)))
        assert.strictEqual(error.reason, "Unreachable")
        assert.match(error.message, new RegExp(`the proxy \\S+ answered ${status} No to CONNECT 127\\.0\\.0\\.1:\\d+`))
      }
    }))

  it.scopedLive("is the one of the environment, with its exceptions", () =>
    Effect.gen(function*() {
      const plain = yield* proxy()
      const secure = yield* proxy()
      yield* environment({ http_proxy: plain.origin, HTTPS_PROXY: secure.origin, no_proxy: "localhost" })
      const one = yield* http(echo)
      const other = yield* https(echo)
      const { send } = yield* transport({ proxy: "environment", ...trusted })
      yield* send(ask(one.url))
      yield* send(ask(other.url))
      yield* send(ask(one.url.replace("127.0.0.1", "localhost")))
      deepStrictEqual([plain.asked, secure.asked].map((asked) => asked.map(({ method }) => method)), [
        ["HEAD"],
        ["CONNECT"]
      ])
      yield* (yield* transport({ proxy: false })).send(ask(one.url))
      assert.lengthOf(plain.asked, 1)
    }))

  for (const [kind, listen] of [["plain", http], ["secure", https]] as const) {
    it.scopedLive(`buffers no more of a body than a ${kind} server behind it reads`, () =>
      Effect.gen(function*() {
        const { origin } = yield* proxy()
        const { url } = yield* listen((request) => void request.pause())
        const other = yield* http((_, response) => response.end())
        const { send } = yield* transport({ proxy: origin, ...trusted })
        const direct = yield* transport()
        let quiet = 0
        const body = lent(256 * mebibyte)
        const running = yield* Effect.fork(send(patch(url, body, { onSent: () => void (quiet = 0) })))
        yield* Effect.repeat(Effect.zipRight(direct.send(ask(other.url)), Effect.sync(() => (quiet += 1))), {
          until: (count) => count > 300 && body.pulled() > 0
        })
        assert.isBelow(body.pulled(), 64 * mebibyte)
        yield* Fiber.interrupt(running)
      }))
  }

  for (const [how, connectTimeout] of [["in time", "300 millis"], ["before the client ends", "30 seconds"]] as const) {
    it.scopedLive(`loses its connection if it opens no tunnel ${how}`, () =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const { sockets, url } = yield* raw((socket) => {
          socket.once("data", () => Effect.runFork(Deferred.succeed(asked, undefined))).resume()
        })
        const scope = yield* Scope.make()
        const { send } = yield* Scope.extend(transport({ proxy: new URL(url).origin, connectTimeout }), scope)
        const running = yield* Effect.fork(Effect.flip(send(ask("https://127.0.0.1:1/files"))))
        yield* Deferred.await(asked)
        const [socket] = sockets
        const closed = Effect.promise(async () => socket?.destroyed === true || once(socket ?? assert.fail(), "close"))
        if (how === "in time") {
          assert.strictEqual((yield* Fiber.join(running)).reason, "Unreachable")
          yield* closed
        }
        yield* Scope.close(scope, Exit.void)
        yield* closed
      }))
  }

  it.scopedLive("with an invalid URL is refused before a request, and the error does not contain its password", () =>
    Effect.gen(function*() {
      for (const url of ["socks5://ann:secret@127.0.0.1:1", "ann:secret@proxy", "nonsense"]) {
        const options: Options = { proxy: url }
        const error = yield* Effect.flip(transport(options))
        assert.strictEqual(error.option, "proxy")
        assert.match(error.message, /^proxy: expected the URL of an HTTP proxy, http or https/)
        assert.notInclude(error.message, "secret")
      }
    }))
})
