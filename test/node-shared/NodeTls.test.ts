import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Options } from "../../src/node-shared/NodeTls.js"
import { ask, certificate, echo, https, transport } from "../node-client/servers.js"

const ca = certificate("ca.pem")

const encrypted = { cert: certificate("client.pem"), key: certificate("client-encrypted.key") }

const unusable: ReadonlyArray<readonly [string, Options]> = [
  ["ca", { ca: "nothing of the kind" }],
  ["ca", { ca: [ca, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] }],
  ["cert", { cert: "nothing of the kind" }],
  ["key", { key: "nothing of the kind" }],
  ["key", { cert: certificate("client.pem"), key: certificate("server.key") }],
  ["key", { ...encrypted, passphrase: "wrong" }],
  ["pfx", { pfx: "nothing of the kind" }],
  ["pfx", { pfx: certificate("client.p12"), passphrase: "wrong" }]
]

describe("the certificates of a client", () => {
  for (const [i, [option, options]] of unusable.entries()) {
    it.scoped(`are refused before a request if they cannot be used: ${option}, ${i}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(transport(options))
        assert.strictEqual(error._tag, "NodeTransportError")
        assert.strictEqual(error.option, option)
        assert.isTrue(error.message.startsWith(`${option}: expected `))
      }))
  }

  const shown: ReadonlyArray<readonly [string, Options]> = [
    ["a certificate and its key", { cert: certificate("client.pem"), key: certificate("client.key") }],
    ["a key that is encrypted", { ...encrypted, passphrase: "secret" }],
    ["both in one file", { pfx: certificate("client.p12"), passphrase: "secret" }]
  ]
  for (const [title, options] of shown) {
    it.scopedLive(`let in a client that the server knows, by ${title}`, () =>
      Effect.gen(function*() {
        const { url } = yield* https(echo, { ca, requestCert: true, rejectUnauthorized: true })
        assert.strictEqual((yield* (yield* transport({ ca, ...options })).send(ask(url))).status, 200)
      }))
  }

  it.scopedLive("are absent by default", () =>
    Effect.gen(function*() {
      const { url } = yield* https(echo, { ca, requestCert: true, rejectUnauthorized: true })
      const { send } = yield* transport({ ca })
      assert.include(["Tls", "Closed"], (yield* Effect.flip(send(ask(url)))).reason)
    }))
})
