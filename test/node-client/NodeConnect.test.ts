import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import Dns from "node:dns"
import { syncBuiltinESMExports } from "node:module"
import * as Net from "node:net"
import { ask, certificate, http, https, lent, patch, transport } from "./servers.js"

/** The addresses of the name `dual.test` while the scope is open. */
const named = (...addresses: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { lookup } = Dns
      const known = addresses.map((address) => ({ address, family: Net.isIP(address) }))
      Dns.lookup = ((name: string, options: object, callback: (error: null, addresses: unknown) => void) =>
        name === "dual.test"
          ? setImmediate(() => callback(null, known))
          : lookup(name, options, callback as never)) as typeof Dns.lookup
      syncBuiltinESMExports()
      return lookup
    }),
    (lookup) =>
      Effect.sync(() => {
        Dns.lookup = lookup
        syncBuiltinESMExports()
      })
  )

const at = (url: string, name = "dual.test") => url.replace("127.0.0.1", name)

describe("a host name with several addresses", () => {
  it.scopedLive("is reached at the one that responds, over http and https, and the connection is reused", () =>
    Effect.gen(function*() {
      yield* named("2001:db8::1", "127.0.0.3", "127.0.0.1")
      const plain = yield* http((request, response) => request.resume().on("end", () => response.end("ok")))
      const secure = yield* https((request, response) => request.resume().on("end", () => response.end("ok")))
      const { send } = yield* transport({ insecure: true, ca: certificate("ca.pem") })
      for (const { sockets, url } of [plain, secure]) {
        assert.strictEqual((yield* send(patch(at(url), lent(100_000)))).body, "ok")
        assert.strictEqual((yield* send(patch(at(url), lent(100)))).body, "ok")
        assert.strictEqual(sockets.length, 1)
      }
    }))

  it.scopedLive("of which none responds fails with the error of each address", () =>
    Effect.gen(function*() {
      yield* named("127.0.0.1", "::1")
      const { url } = yield* Effect.scoped(http(() => {}))
      const { send } = yield* transport()
      const error = yield* Effect.flip(send(ask(at(url))))
      assert.strictEqual(error._tag === "TransportError" && error.reason, "Unreachable")
      assert.match(error.message, /^connect E\w+ 127\.0\.0\.1:\d+.*; connect E\w+ ::1:\d+/)
    }))

  it.scopedLive("leaves no connection open when the layer or the request ends", () =>
    Effect.gen(function*() {
      yield* named("127.0.0.1", "::1")
      const { sockets, url } = yield* http((_, response) => response.end())
      const scope = yield* Scope.make()
      const { send } = yield* Scope.extend(transport(), scope)
      yield* Effect.timeoutOption(send(ask(at(url))), "1 millis")
      yield* Scope.close(scope, Exit.void)
      yield* Effect.promise(() =>
        Promise.all(
          sockets.map((socket) => socket.destroyed || new Promise((resolve) => socket.once("close", resolve)))
        )
      )
      deepStrictEqual(sockets.every((socket) => socket.destroyed), true)
    }))
})
