/**
 * `effect-tus doctor` at a server, and at the same server behind proxies that are configured wrongly.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Process from "../cli/process.js"
import { http } from "../node-client/servers.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import { doctor } from "./examination.js"
import { nginx, server } from "./proxies.js"

const all = ["server", "creation", "location", "cors", "head", "patch", "size", "buffering", "override", "delete"]

needs("nginx")("effect-tus doctor", () => {
  it.scopedLive("finds no problem at a server, nor behind nginx as examples/deploy configures it", () =>
    Effect.gen(function*() {
      const { port, url } = yield* server({ expiresAfter: "1 day" })
      const proxy = yield* nginx(port)
      for (const target of [url, proxy.url]) {
        const { fine, notes, problems } = yield* doctor(target)
        deepStrictEqual([problems, notes, fine], [[], [], all])
      }
    }))

  it.scopedLive("prints its findings for people and as JSON, with the right exit code", () =>
    Effect.gen(function*() {
      const { url } = yield* server({ cors: { origins: ["https://a.example.org"] } })
      const at = yield* directory
      const [fine, wrong] = yield* Effect.all([
        Process.run(at, ["doctor", url, "--origin", "https://a.example.org"]),
        Process.run(at, ["doctor", url, "--origin", "https://b.example.org", "--json"])
      ], { concurrency: 2 })
      deepStrictEqual([fine.code, fine.stderr], [0, `effect-tus: ${all.length} of ${all.length} ok\n`])
      assert.match(fine.out[0] ?? "", /^ok {7}server: tus 1\.0\.0, with creation, /)
      assert.strictEqual(fine.out.at(-1), "ok       delete: the upload was removed")
      assert.lengthOf(fine.out, all.length)
      deepStrictEqual([wrong.code, wrong.stderr], [1, ""])
      const findings = Process.json(wrong.out)
      deepStrictEqual(findings.map(({ check }) => check), all)
      const [{ advice, event, message } = {}] = findings.filter(({ level }) => level === "problem")
      assert.strictEqual(event, "finding")
      assert.match(String(message), /^pages of https:\/\/b\.example\.org cannot upload/)
      assert.match(String(advice), /cors\.origins/)
    }))

  it.scopedLive("finds a proxy that buffers bodies", () =>
    Effect.gen(function*() {
      const { port } = yield* server()
      const { url } = yield* nginx(port, [["proxy_request_buffering off", "proxy_request_buffering on"]])
      const { problems, said } = yield* doctor(url)
      deepStrictEqual(problems, ["buffering"])
      assert.match(said, /the server kept nothing[^]*proxy_request_buffering off/)
    }))

  it.scopedLive("finds a proxy that limits bodies, and the size that it accepts", () =>
    Effect.gen(function*() {
      const { port } = yield* server()
      const { url } = yield* nginx(port, [["client_max_body_size 0", "client_max_body_size 1m"]])
      const { problems, said } = yield* doctor(url)
      deepStrictEqual(problems, ["size"])
      assert.match(said, /bodies of 10\.0 MiB are refused with 413, those of 1\.0 MiB are accepted/)
    }))

  it.scopedLive("finds a proxy that blocks methods", () =>
    Effect.gen(function*() {
      const { port } = yield* server()
      const { url } = yield* nginx(port, [[
        "location /files {",
        "location /files {\n    limit_except POST HEAD { deny all; }"
      ]])
      const { fine, problems } = yield* doctor(url)
      deepStrictEqual(problems, ["server", "patch", "delete"])
      assert.include(fine, "override")
    }))

  it.scopedLive("finds a Location that leads nowhere", () =>
    Effect.gen(function*() {
      const { port } = yield* server({ publicUrl: "https://internal.example:8443" })
      const { url } = yield* nginx(port)
      const { problems, said } = yield* doctor(url)
      deepStrictEqual(problems, ["location"])
      assert.match(said, /leads to https:\/\/internal\.example:8443/)
    }))

  it.scopedLive("finds a prefix that the proxy removes without a header", () =>
    Effect.gen(function*() {
      const { port } = yield* server()
      const { url } = yield* nginx(port, [[
        "location /files {",
        "location /api/files {\n    rewrite ^/api(.*)$ $1 break;"
      ]])
      const { problems, said } = yield* doctor(url.replace("/files", "/api/files"))
      deepStrictEqual(problems, ["head"])
      assert.match(said, /X-Forwarded-Prefix/)
    }))

  it.scopedLive("waits for a server that is slow to report its offset", () =>
    Effect.gen(function*() {
      let heads = 0
      const tus: Process.Tus = Process.tus({
        HEAD: ({ url = "" }, response) => {
          heads++
          const offset = heads < 6 ? 0 : tus.offsets.get(url)
          response.writeHead(200, { "tus-resumable": "1.0.0", "upload-offset": offset }).end()
        }
      })
      const { fine } = yield* doctor((yield* http(tus.listener)).url)
      assert.include(fine, "buffering")
    }))

  it.scopedLive("removes what it has created even if a body ends the connection", () =>
    Effect.gen(function*() {
      const tus = Process.tus({ PATCH: (request) => void request.socket.destroy() })
      const { url } = yield* http(tus.listener)
      const { problems, said } = yield* doctor(url)
      deepStrictEqual(problems, ["patch"], said)
      assert.match(said, /closed the connection/)
      deepStrictEqual(Array.from(tus.offsets.keys()), [])
    }))

  it.scopedLive("reports that no tus server, or no server at all, responds", () =>
    Effect.gen(function*() {
      const { server, url } = yield* http((_, response) => void response.writeHead(404).end("nobody home\n"))
      const lost = yield* doctor(url)
      deepStrictEqual(lost.problems, ["server", "creation"])
      assert.match(lost.said, /URL at which uploads are created/)
      yield* Effect.promise(() => new Promise((resolve) => server.close(resolve)))
      const { problems, said } = yield* doctor(url)
      deepStrictEqual(problems, ["server"])
      assert.match(said, /^problem  server: cannot connect to .*check the address, and that the server is running$/)
    }))
}, { concurrent: true })
