import { assert, describe, it } from "@effect/vitest"
import { TusError, TusTransport } from "effect-tus/client"
import * as Option from "effect/Option"

const refused = new Error("connect ECONNREFUSED 127.0.0.1:9")
const noRoute = new Error("connect ENETUNREACH 2001:db8::1:9")

const table: ReadonlyArray<readonly [cause: unknown, words: string]> = [
  [refused, refused.message],
  [new AggregateError([noRoute, refused]), `${noRoute.message}; ${refused.message}`],
  [new AggregateError([noRoute, noRoute]), noRoute.message],
  [
    new TypeError("fetch failed", { cause: new AggregateError([noRoute, refused]) }),
    `fetch failed: ${noRoute.message}; ${refused.message}`
  ],
  [new Error("broken", { cause: new Error("broken") }), "broken"],
  [new Error("", { cause: refused }), refused.message],
  [Object.assign(new Error(""), { code: "ECONNRESET" }), "ECONNRESET"],
  [new Error(""), "Error"],
  ["a text", "a text"],
  [undefined, "undefined"]
]

describe("the message of an error", () => {
  for (const [cause, words] of table) {
    it(`is never empty: ${words}`, () => {
      const reason = "Unreachable"
      assert.strictEqual(new TusTransport.TransportError({ reason, cause }).message, words)
      const asked = { method: "HEAD", url: "http://a/files/1", offset: Option.none(), attempts: 1 }
      assert.strictEqual(
        new TusError.Unanswered({ ...asked, reason, cause }).message,
        `cannot connect to http://a (${words})`
      )
    })
  }
})
