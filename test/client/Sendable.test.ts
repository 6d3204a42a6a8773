import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { FetchTransport } from "effect-tus/browser-client"
import { HttpTransport, TusTransport, TusUpload, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { validateHeaderName, validateHeaderValue } from "node:http"
import * as Sendable from "../../src/client/transport/Sendable.js"
import * as NodeTransport from "../../src/node-client/NodeTransport.js"
import { endpoint } from "../loopback.js"
import { world } from "./world.js"

const secret = "Bearer s3cr3t"
const said = "the header authorization: expected visible characters and spaces of ASCII (or Latin-1), got"

const faults: ReadonlyArray<readonly [headers: Record<string, unknown>, fault: string | undefined]> = [
  [{}, undefined],
  [{ authorization: secret, "x-a": "", "x-b": "caf\xe9\t!" }, undefined],
  [{ authorization: `${secret}\u2026` }, `${said} U+2026 as character 14`],
  [{ "x-a": "1", authorization: `${secret}\n` }, `${said} U+000A as character 14`],
  [{ authorization: `\u{1F511}${secret}` }, `${said} U+1F511 as character 1`],
  [{ authorization: `a\0${secret}` }, `${said} U+0000 as character 2`],
  [{ authorization: undefined }, "the header authorization: expected a string, got undefined"],
  [{ authorization: null }, "the header authorization: expected a string, got null"],
  [
    { "Authorization: Bearer": secret },
    "the name of a header: expected letters, digits and -, got U+003A as character 14"
  ],
  [{ "": secret }, "a header has an empty name"]
]

const transports = {
  NodeTransport: NodeTransport.layer({ proxy: false }),
  FetchTransport: FetchTransport.layer(),
  HttpTransport: Layer.provide(HttpTransport.layer, FetchHttpClient.layer)
}

/** The error of an upload with these headers, which has sent no request. */
const failing = (headers: () => Effect.Effect<Readonly<Record<string, string>>>) => {
  const { layer, methods } = world(undefined, { client: { headers } })
  return Effect.gen(function*() {
    const error = yield* Effect.flip(
      TusUpload.run({ endpoint, source: UploadSource.fromBytes(new Uint8Array(10)), createWithUpload: 0 })
    )
    assert.strictEqual(error._tag, "HeadersError")
    assert.strictEqual(methods(), "")
    return error.message
  }).pipe(Effect.provide(layer))
}

describe("a header that cannot be sent", () => {
  for (const [headers, fault] of faults) {
    it(fault === undefined ? `is not among ${JSON.stringify(headers)}` : `is explained: ${fault}`, () => {
      deepStrictEqual(Sendable.fault(headers), Option.fromNullable(fault))
      assert.notInclude(fault ?? "", secret)
    })
  }

  it.prop("is, for texts, exactly one at which Node throws", [
    FastCheck.fullUnicodeString(),
    FastCheck.fullUnicodeString()
  ], ([name, value]) => {
    const throws = (() => {
      try {
        validateHeaderName(name)
        validateHeaderValue(name, value)
        return false
      } catch {
        return true
      }
    })()
    return Option.isSome(Sendable.fault({ [name]: value })) === throws
  })

  for (const [name, layer] of Object.entries(transports)) {
    it.scopedLive(`fails at once and for good with ${name}, before there is a connection`, () =>
      Effect.gen(function*() {
        const { send } = yield* TusTransport.TusTransport
        const requests = [
          { url: "http://127.0.0.1:9/", headers: { authorization: `${secret}\u2026` } },
          { url: "files", headers: {} },
          { url: "ftp://127.0.0.1/", headers: {} }
        ]
        for (const request of requests) {
          const error = yield* Effect.flip(send({ method: "HEAD", ...request }))
          assert.strictEqual(error._tag === "TransportError" && error.reason, "Invalid")
          assert.match(error.message, /^the header authorization: .* U\+2026 |^expected a URL that begins with/)
        }
      }).pipe(Effect.provide(layer)))
  }

  it.effect("ends an upload before its first request, and is named in the error", () => {
    return Effect.gen(function*() {
      const about = `the headers for ${endpoint} could not be made:`
      assert.strictEqual(
        yield* failing(() => Effect.succeed({ authorization: `${secret}\n` })),
        `${about} ${said} U+000A as character 14`
      )
      assert.strictEqual(
        yield* failing(() => {
          throw new Error("no token yet")
        }),
        `${about} no token yet`
      )
    })
  })

  it.effect("is like a function of a source that throws: that is an error of the source", () => {
    const { layer } = world()
    const source = UploadSource.fromRange({
      name: "rows",
      length: 10,
      read: () => {
        throw new Error("not open")
      }
    })
    return Effect.gen(function*() {
      const error = yield* Effect.flip(TusUpload.run({ endpoint, source }))
      assert.strictEqual(error._tag === "SourceError" && error.reason, "Unreadable")
      assert.strictEqual(error.message, "rows: it cannot be read: not open")
    }).pipe(Effect.provide(layer))
  })
})
