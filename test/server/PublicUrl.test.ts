import { assert, describe, it } from "@effect/vitest"
import type { Message } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as PublicUrl from "../../src/server/policy/PublicUrl.js"

const base = (options: PublicUrl.Options, headers: Message.RawRequest["headers"], remoteAddress?: string) =>
  Either.getOrThrow(PublicUrl.make(options))({ method: "POST", url: "/files", headers, remoteAddress })

const trusting = { trustedProxies: ["10.0.0.0/8", "::1"] }

const claims = { "x-forwarded-proto": "https", "x-forwarded-host": "example.org" }

describe("PublicUrl", () => {
  it("is none by default, for all headers", () => {
    assert.strictEqual(base({}, claims, "127.0.0.1"), "")
    assert.strictEqual(base({ trustedProxies: [] }, claims, "127.0.0.1"), "")
  })

  it("is the configured URL, for all headers", () => {
    for (
      const [publicUrl, expected] of [
        ["https://example.org", "https://example.org"],
        ["https://EXAMPLE.org:443/", "https://example.org"],
        ["http://example.org:8080/api/", "http://example.org:8080/api"],
        ["http://[::1]/a/b", "http://[::1]/a/b"]
      ] as const
    ) {
      assert.strictEqual(base({ publicUrl }, {}), expected)
      assert.strictEqual(base({ publicUrl, ...trusting }, { "x-forwarded-host": "evil.org" }, "10.0.0.1"), expected)
    }
  })

  for (
    const publicUrl of [
      "",
      "example.org",
      "/api",
      "ftp://example.org",
      "https://",
      "https://example.org/?a",
      "https://example.org/#a",
      "https://me:secret@example.org"
    ]
  ) {
    it(`is refused as an option: ${JSON.stringify(publicUrl)}`, () => {
      const error = Either.getOrThrow(Either.flip(PublicUrl.make({ publicUrl })))
      assert.strictEqual(error.option, "publicUrl")
      assert.strictEqual(
        error.message,
        `publicUrl: expected a URL such as https://example.org or https://example.org/api, got ${
          JSON.stringify(publicUrl)
        }`
      )
    })
  }

  it("refuses a trusted proxy that is not an IP address or range, even with a publicUrl", () => {
    for (const options of [{}, { publicUrl: "https://example.org" }]) {
      const error = Either.getOrThrow(
        Either.flip(PublicUrl.make({ ...options, trustedProxies: ["10.0.0.0/8", "proxy.local"] }))
      )
      assert.strictEqual(
        error.message,
        "trustedProxies: expected IP addresses and ranges such as 10.0.0.0/8 or fd00::/8, got \"proxy.local\""
      )
    }
  })

  it("is read from the headers of a trusted proxy only", () => {
    for (const address of ["10.0.0.1", "::ffff:10.255.0.1", "::1"]) {
      assert.strictEqual(base(trusting, claims, address), "https://example.org", address)
    }
    for (const address of ["11.0.0.1", "::ffff:9.9.9.9", "::2", "127.0.0.1", "", "10.0.0.1, 9.9.9.9", undefined]) {
      assert.strictEqual(base(trusting, claims, address), "", address)
    }
  })

  const told: ReadonlyArray<readonly [title: string, headers: Record<string, string>, expected: string]> = [
    ["nothing without headers", {}, ""],
    ["nothing from a scheme alone", { "x-forwarded-proto": "https", host: "internal:1080" }, ""],
    ["nothing from a host alone", { "x-forwarded-host": "example.org" }, ""],
    ["scheme and host", claims, "https://example.org"],
    ["a host in capital letters", { ...claims, "x-forwarded-host": "EXAMPLE.org" }, "https://example.org"],
    ["a host with a port", { ...claims, "x-forwarded-host": "example.org:8443" }, "https://example.org:8443"],
    ["a port beside the host", { ...claims, "x-forwarded-port": "8443" }, "https://example.org:8443"],
    [
      "no default port of the scheme",
      { ...claims, "x-forwarded-port": "443" },
      "https://example.org"
    ],
    [
      "the port of the other scheme",
      { ...claims, "x-forwarded-proto": "http", "x-forwarded-port": "443" },
      "http://example.org:443"
    ],
    [
      "the port of the host before X-Forwarded-Port",
      { ...claims, "x-forwarded-host": "example.org:8443", "x-forwarded-port": "9" },
      "https://example.org:8443"
    ],
    ["no invalid port", { ...claims, "x-forwarded-port": "https" }, "https://example.org"],
    ["an IPv6 host", { ...claims, "x-forwarded-host": "[2001:DB8::1]:80" }, "https://[2001:db8::1]:80"],
    ["a prefix", { ...claims, "x-forwarded-prefix": "/api/" }, "https://example.org/api"],
    ["a prefix alone", { "x-forwarded-prefix": "/api/v1" }, "/api/v1"],
    ["no prefix that is only a slash", { ...claims, "x-forwarded-prefix": "/" }, "https://example.org"],
    ["the last element of a list", {
      "x-forwarded-proto": "http, https",
      "x-forwarded-host": "evil.org, example.org",
      "x-forwarded-prefix": "//evil.org, /api"
    }, "https://example.org/api"],
    ...["//evil.org", "evil", "/a b", "/a?b", "/a#b", "/a\\b", "/a//b", "/a\r\nSet-Cookie: a"].map((prefix) =>
      ["no invalid prefix", { ...claims, "x-forwarded-prefix": prefix }, "https://example.org"] as const
    ),
    ...[
      "evil.org/",
      "a@evil.org",
      "evil.org:",
      "evil.org:99999999",
      "evil.org:65536",
      "1.2.3.4.5",
      "[::::]",
      "a b",
      "a\r\nb",
      "[evil]",
      ".",
      "ex*mple"
    ].map(
      (host) => ["nothing from an invalid host", { ...claims, "x-forwarded-host": host }, ""] as const
    ),
    ["nothing from a scheme other than http and https", { ...claims, "x-forwarded-proto": "javascript" }, ""],
    ["Forwarded", { forwarded: "proto=https;host=example.org" }, "https://example.org"],
    [
      "Forwarded in capital letters and quotes",
      { forwarded: "Proto=\"HTTPS\";HOST=\"example.org:8443\"" },
      "https://example.org:8443"
    ],
    [
      "Forwarded of the outermost trusted proxy",
      {
        forwarded: "for=10.9.9.9;host=evil.org;proto=http, for=192.0.2.1;host=example.org;proto=https, "
          + "for=10.0.0.2;host=internal:80;proto=http"
      },
      "https://example.org"
    ],
    [
      "Forwarded of the nearest proxy if the next one is not trusted",
      { forwarded: "for=192.0.2.1;host=evil.org;proto=https, for=192.0.2.7;host=example.org;proto=http" },
      "http://example.org"
    ],
    [
      "Forwarded of the nearest proxy if it does not name the next one",
      { forwarded: "for=10.0.0.3;host=evil.org;proto=https, for=unknown;host=example.org;proto=http" },
      "http://example.org"
    ],
    [
      "Forwarded of proxies by IPv6",
      { forwarded: "for=\"[2001:db8::1]\";host=example.org;proto=https, for=\"[::1]:4711\";host=b;proto=http" },
      "https://example.org"
    ],
    [
      "Forwarded of an inner proxy if the outer one names no host",
      { forwarded: "for=192.0.2.1;proto=https, for=10.0.0.2;host=example.org;proto=http" },
      "https://example.org"
    ],
    ["nothing of a Forwarded that is not well-formed", { forwarded: "proto=https;host=\"example.org" }, ""],
    [
      "both kinds of headers if they agree",
      { ...claims, forwarded: "for=192.0.2.1;host=example.org" },
      "https://example.org"
    ],
    ["nothing if they contradict each other", { ...claims, forwarded: "host=evil.org;proto=https" }, ""],
    [
      "a prefix even if scheme and host contradict each other",
      { ...claims, "x-forwarded-prefix": "/api", forwarded: "host=evil.org;proto=https" },
      "/api"
    ]
  ]
  for (const [title, headers, expected] of told) {
    it(`uses from a trusted proxy ${title} ${JSON.stringify(headers)}`, () => {
      assert.strictEqual(base(trusting, headers, "10.0.0.1"), expected)
    })
  }

  const texts = FastCheck.oneof(
    FastCheck.string(),
    FastCheck.constantFrom(
      "https",
      "example.org",
      "/api",
      "for=10.0.0.1",
      "for=\"[::1]:1\";host=a;proto=https, ",
      "8443"
    )
  )
  const named = FastCheck.dictionary(
    FastCheck.constantFrom(
      "forwarded",
      "x-forwarded-proto",
      "x-forwarded-host",
      "x-forwarded-port",
      "x-forwarded-prefix"
    ),
    texts
  )

  it.prop("is a valid prefix of a URL or a path, for all headers", [named], ([headers]) => {
    const told = base(trusting, headers, "10.0.0.1")
    assert.match(told, /^(https?:\/\/[^/\s]+)?(\/[^/\s]+)*$/)
    assert.isTrue(URL.canParse(`${told}/files/a`, "http://localhost"))
  })
})
