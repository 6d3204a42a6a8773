import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Either from "effect/Either"
import * as TusCors from "../../src/server/policy/TusCors.js"
import { dialect } from "../../src/wire/tus/TusDialect.js"

const make = (options: TusCors.Options) => TusCors.make(options, dialect.fields)

const allowed = (options: TusCors.Options, origin?: string) =>
  Either.getOrThrow(make(options)).headersOf({
    method: "POST",
    url: "/files",
    headers: origin === undefined ? {} : { origin }
  })

const preflight = (options: TusCors.Options, origin = "https://example.org") =>
  Either.getOrThrow(make(options)).headersOf({
    method: "OPTIONS",
    url: "/files",
    headers: { origin, "access-control-request-method": "PATCH" }
  })

const anonymous = (options: TusCors.Options) => Either.getOrThrow(make(options)).anonymous

const isAllowed = (options: TusCors.Options, origin: string) =>
  allowed(options, origin)["access-control-allow-origin"] === origin

describe("TusCors", () => {
  it("allows every origin by default, with the same headers for all, and adds none without an Origin", () => {
    assert.strictEqual(allowed({}, "https://example.org")["access-control-allow-origin"], "*")
    assert.strictEqual(allowed({ origins: "*" }, "null")["access-control-allow-origin"], "*")
    assert.notProperty(allowed({}, "https://example.org"), "vary")
    deepStrictEqual(allowed({}), {})
  })

  it("allows the listed origins, compared literally", () => {
    const origins = ["https://example.org", "http://localhost:3000", "capacitor://localhost"]
    for (const origin of origins) {
      assert.isTrue(isAllowed({ origins }, origin))
    }
    for (const origin of ["http://example.org", "https://example.org:444", "https://a.example.org", "null", "*", ""]) {
      assert.notProperty(allowed({ origins }, origin), "access-control-allow-origin")
    }
  })

  it("allows the origins that a pattern matches as a whole", () => {
    const origins = [/https:\/\/(\w+\.)?example\.org/g, /http:\/\/localhost:\d+/]
    for (
      const origin of ["https://example.org", "https://a.example.org", "https://a.example.org", "http://localhost:1"]
    ) {
      assert.isTrue(isAllowed({ origins }, origin))
    }
    for (
      const origin of ["https://example.org.evil.net", "https://evil.net?https://example.org", "http://localhost:"]
    ) {
      assert.isFalse(isAllowed({ origins }, origin))
    }
    assert.isFalse(isAllowed({ origins: [/https:\/\/a|b/] }, "https://ab"))
  })

  it("allows the origins that a function accepts", () => {
    const options: TusCors.Options = { origins: (origin) => origin.endsWith(".example.org") }
    assert.isTrue(isAllowed(options, "https://a.example.org"))
    assert.isFalse(isAllowed(options, "https://evil.net"))
  })

  it("sends Vary if the response depends on the origin", () => {
    const everybody = { credentials: true, origins: () => true }
    for (const options of [{ origins: ["https://a.b"] }, { origins: () => true }, everybody]) {
      for (const origin of [undefined, "https://a.b", "https://c.d"]) {
        assert.strictEqual(allowed(options, origin)["vary"], "Origin")
        assert.strictEqual(preflight(options, origin)["vary"], "Origin")
      }
    }
  })

  it("allows credentials for listed origins only, and never together with *", () => {
    const saying: ReadonlyArray<TusCors.Options> = [
      { credentials: true, origins: ["https://a.b"] },
      { credentials: true, origins: [/https:\/\/(\w+\.)?a\.b/, /http:\/\/localhost:\d+/, /[\w-]+:\/\/app\.local/] },
      { credentials: true, origins: () => true }
    ]
    for (const options of saying) {
      for (const headers of [allowed(options, "https://a.b"), preflight(options, "https://a.b")]) {
        assert.strictEqual(headers["access-control-allow-origin"], "https://a.b")
        assert.strictEqual(headers["access-control-allow-credentials"], "true")
      }
      assert.notProperty(allowed(options), "access-control-allow-credentials")
    }
    assert.notProperty(
      allowed({ credentials: true, origins: ["https://a.b"] }, "https://c.d"),
      "access-control-allow-credentials"
    )
    assert.notProperty(allowed({}, "https://a.b"), "access-control-allow-credentials")
  })

  it("allows and exposes headers of the application besides those of tus", () => {
    const options = { allowedHeaders: ["X-Tenant", "X-CSRF-Token"], exposedHeaders: ["X-Trace"] }
    assert.match(preflight(options)["access-control-allow-headers"] ?? "", /Upload-Length, .*, X-Tenant, X-CSRF-Token$/)
    assert.match(allowed(options, "https://a.b")["access-control-expose-headers"] ?? "", /Location, .*, X-Trace$/)
    assert.notProperty(preflight(options), "access-control-expose-headers")
    assert.notProperty(allowed(options, "https://a.b"), "access-control-allow-headers")
  })

  it("lets a preflight be cached for a day, or for the configured number of whole seconds", () => {
    assert.strictEqual(preflight({})["access-control-max-age"], "86400")
    assert.strictEqual(preflight({ maxAge: "90 seconds" })["access-control-max-age"], "90")
    assert.strictEqual(preflight({ maxAge: 1500 })["access-control-max-age"], "1")
    assert.strictEqual(preflight({ maxAge: 0 })["access-control-max-age"], "0")
  })

  it("adds to the response without an Origin only what holds for every origin", () => {
    deepStrictEqual(anonymous({}), { "access-control-allow-origin": "*" })
    deepStrictEqual(anonymous({ credentials: true, origins: () => true }), {})
    deepStrictEqual(anonymous({ origins: ["https://a.b"] }), {})
  })

  const wrong: ReadonlyArray<readonly [TusCors.Options, RegExp]> = [
    ...[
      "https://example.org/",
      "example.org",
      "localhost:3000",
      "*",
      "https://*.example.org",
      "https://EXAMPLE.org",
      ""
    ]
      .map((origin): readonly [TusCors.Options, RegExp] => [
        { origins: ["https://a.b", origin] },
        /^cors\.origins: expected origins such as https:\/\/example\.org, .* RegExp, got "/
      ]),
    [{ allowedHeaders: ["X Tenant"] }, /^cors\.allowedHeaders: expected names of headers, got "X Tenant"$/],
    [{ exposedHeaders: ["X-A, X-B"] }, /^cors\.exposedHeaders: expected names of headers, got "X-A, X-B"$/]
  ]
  for (
    const origins of [
      undefined,
      "*" as const,
      [/.*/],
      ["https://a.b", /https?:\/\/.+/],
      [/https:\/\/[\w.-]+\.com/],
      [/https:\/\/[^.]+\.com/],
      [/HTTP:\/\/.*:\d+/i],
      [/http:\/\/\d+(\.\d+){3}/],
      [/null/],
      [/https:\/\/a\.b|null/g]
    ]
  ) {
    it(`does not allow credentials for ${typeof origins === "object" ? origins.join() : origins ?? "every origin"}`, () => {
      const { actual, option, message } = Either.getOrThrow(Either.flip(make({ credentials: true, origins })))
      assert.strictEqual(option, "cors.origins")
      assert.strictEqual(actual, typeof origins === "object" ? String(origins.at(-1)) : "*")
      assert.match(message, /expected whose pages may send cookies, by name, .*cors\.credentials/)
      assert(Either.isRight(make({ origins })))
    })
  }

  for (const [options, message] of wrong) {
    it(`refuses the options ${JSON.stringify(options)}`, () => {
      assert.match(Either.getOrThrow(Either.flip(make(options))).message, message)
    })
  }
})
