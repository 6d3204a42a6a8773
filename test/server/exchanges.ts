/**
 * Exchanges as data: each scenario is a list of requests with the expected responses. Every door runs all of them.
 */
import type { TusPolicy } from "effect-tus/server"
import * as Exchange from "../support/exchange.js"
import { digest, octets, tus } from "../support/exchange.js"

export interface Scenario {
  readonly title: string
  readonly policy?: TusPolicy.Options
  /** Only for doors that pass on trailers. */
  readonly trailers?: boolean
  /** Only for doors that know the address of the peer, which is always 127.0.0.1. */
  readonly connected?: true
  readonly exchanges: ReadonlyArray<Exchange.Exchange>
}

type Rest = Partial<Exchange.Exchange>

const create = (length: number, save = "a", headers: Exchange.Headers = {}): Exchange.Exchange => ({
  ...Exchange.create(length, headers),
  status: 201,
  expect: { location: /^\/files\/[\w-]{22,}$/, "tus-resumable": "1.0.0" },
  save
})
const patch = (body: string, offset: number, { headers, ...rest }: Rest = {}): Exchange.Exchange => ({
  ...Exchange.patch("{a}", offset, body, headers),
  status: 204,
  ...(rest.status === undefined || rest.status === 204
    ? { expect: { "upload-offset": String(offset + body.length) } }
    : {}),
  ...rest
})
const head = (expect: Rest["expect"], rest: Rest = {}): Exchange.Exchange => ({
  ...Exchange.head("{a}"),
  status: 200,
  ...(expect === undefined ? {} : { expect }),
  ...rest
})
const post = (headers: Exchange.Headers, rest: Rest): Exchange.Exchange => ({
  ...Exchange.post(headers),
  status: 201,
  ...rest
})

/** Headers of a proxy, or of a client that pretends to be one. */
const claims = {
  "x-forwarded-proto": "https",
  "x-forwarded-host": "uploads.example.org",
  "x-forwarded-prefix": "/api",
  "x-forwarded-for": "192.0.2.1"
}

export const scenarios: ReadonlyArray<Scenario> = [
  {
    title: "an upload is created, sent in two pieces and complete",
    exchanges: [
      create(11),
      head({ "upload-offset": "0", "upload-length": "11", "cache-control": "no-store" }),
      patch("hello ", 0),
      head({ "upload-offset": "6" }),
      patch("world", 6),
      head({ "upload-offset": "11", "upload-length": "11", "upload-expires": null })
    ]
  },
  {
    title: "OPTIONS needs no version and tells what the server can do",
    policy: { maxSize: 100, expiresAfter: "1 day" },
    exchanges: [{
      method: "OPTIONS",
      status: 204,
      expect: {
        "tus-version": "1.0.0",
        "tus-max-size": "100",
        "tus-checksum-algorithm": /sha1.*crc32c/,
        "tus-extension":
          /^creation,creation-with-upload,creation-defer-length,expiration,checksum,(checksum-trailer,)?termination,concatenation,concatenation-unfinished$/
      }
    }]
  },
  {
    title: "expiration is not offered where nothing expires",
    exchanges: [{ method: "OPTIONS", status: 204, expect: { "tus-extension": /^(?!.*expiration)/ } }]
  },
  {
    title: "a missing or unknown version is 412 with Tus-Version, on every method but OPTIONS",
    exchanges: [
      create(1),
      ...["POST", "HEAD", "PATCH", "DELETE"].flatMap((method): ReadonlyArray<Exchange.Exchange> => {
        const path = method === "POST" ? "/files" : "{a}"
        const expect = { "tus-version": "1.0.0", "tus-resumable": "1.0.0" }
        return [
          { method, path, status: 412, expect },
          { method, path, headers: { "tus-resumable": "0.2.2" }, status: 412, expect }
        ]
      })
    ]
  },
  {
    title: "an unknown method is 405 with Allow",
    exchanges: [
      { method: "PUT", headers: tus, status: 405, expect: { allow: /PATCH/ } },
      { method: "GET", headers: tus, status: 405, expect: { allow: /HEAD/ } }
    ]
  },
  {
    title: "X-HTTP-Method-Override is resolved before anything else",
    exchanges: [
      create(3),
      patch("abc", 0, { method: "POST", headers: { "x-http-method-override": "PATCH" } }),
      { method: "POST", path: "{a}", headers: { ...tus, "x-http-method-override": "HEAD" }, status: 200 },
      { method: "POST", path: "{a}", headers: { ...tus, "x-http-method-override": "DELETE" }, status: 204 },
      head(undefined, { status: 404 })
    ]
  },
  {
    title: "ids that are none are 404 and touch nothing",
    exchanges: [
      "/files/..%2f..%2fetc%2fpasswd%00aaaaaaaa",
      "/files/" + "a".repeat(300),
      "/files/a%00bcdefghijklmnopqrstuvwx",
      "/files/%C3%A9aaaaaaaaaaaaaaaaaaaaaaaa",
      "/files/0123456789abcdef0123456789abcdef"
    ].flatMap((path) =>
      ["HEAD", "DELETE"].map((method): Exchange.Exchange => ({ method, path, headers: tus, status: 404 }))
    )
  },
  {
    title: "a wrong or absent content type is 415",
    exchanges: [
      create(3),
      patch("abc", 0, { status: 415, headers: { "content-type": "text/plain" }, text: /Content-Type/ }),
      head({ "upload-offset": "0" })
    ]
  },
  {
    title: "bytes in a coding are 415 with Accept-Encoding, and none of them is kept",
    exchanges: [
      create(3, "a", { "content-encoding": "gzip" }),
      patch("abc", 0, {
        status: 415,
        headers: { "content-encoding": "gzip" },
        expect: { "accept-encoding": "identity" },
        text: /Content-Encoding.*identity/
      }),
      head({ "upload-offset": "0" }),
      post({ ...octets, "upload-length": "3", "content-encoding": "br" }, {
        body: "abc",
        status: 415,
        expect: { "accept-encoding": "identity" }
      }),
      patch("abc", 0, { headers: { "content-encoding": "identity" } })
    ]
  },
  {
    title: "a missing or malformed offset is 400 and names the header",
    exchanges: [
      create(3),
      { method: "PATCH", path: "{a}", headers: octets, body: "abc", status: 400, text: /Upload-Offset/ },
      ...["-1", "1e3", "0x1", "1, 1", "9007199254740992"].map((offset) =>
        patch("abc", 0, { status: 400, headers: { "upload-offset": offset }, text: /Upload-Offset/ })
      ),
      head({ "upload-offset": "0" })
    ]
  },
  {
    title: "another offset is 409",
    exchanges: [create(3), patch("bc", 1, { status: 409, text: /expected 0.*got 1/ }), head({ "upload-offset": "0" })]
  },
  {
    title: "a length that is missing, malformed, or said in both ways is 400",
    exchanges: [
      post({}, { status: 400, text: /Upload-Length.*Upload-Defer-Length/ }),
      post({ "upload-length": "x" }, { status: 400, text: /Upload-Length/ }),
      post({ "upload-length": "1", "upload-defer-length": "1" }, { status: 400 }),
      post({ "upload-defer-length": "2" }, { status: 400, text: /Upload-Defer-Length/ })
    ]
  },
  {
    title: "more than the maximum is 413, declared, deferred and with the creation",
    policy: { maxSize: 5 },
    exchanges: [
      post({ "upload-length": "6" }, { status: 413, text: /5/ }),
      post({ "upload-defer-length": "1" }, { save: "a" }),
      patch("abcdef", 0, { status: 413 }),
      head({ "upload-offset": "0" }),
      patch("abcdef", 0, { status: 413, chunked: true }),
      head({ "upload-offset": "5", "upload-defer-length": "1" }),
      patch("", 5, { status: 413, headers: { "upload-length": "6" } }),
      patch("", 5, { headers: { "upload-length": "5" } }),
      head({ "upload-offset": "5", "upload-length": "5" }),
      post({ ...octets, "upload-defer-length": "1" }, { body: "abcdef", status: 413 }),
      post({ ...octets, "upload-defer-length": "1" }, { body: "abcdef", chunked: true, status: 413 })
    ]
  },
  {
    title: "a body longer than the rest is 413, with nothing kept where it tells, and nothing beyond it where not",
    exchanges: [
      create(5),
      patch("abc", 0),
      patch("defgh", 3, { status: 413 }),
      head({ "upload-offset": "3" }),
      patch("defgh", 3, { status: 413, chunked: true }),
      head({ "upload-offset": "5" })
    ]
  },
  {
    title: "PATCH on a complete upload: empty is 204, a body is 413, another offset is 409",
    exchanges: [
      create(3),
      patch("abc", 0),
      patch("", 3),
      patch("d", 3, { status: 413 }),
      patch("d", 3, { status: 413, chunked: true }),
      patch("abc", 0, { status: 409 }),
      head({ "upload-offset": "3" })
    ]
  },
  {
    title: "an empty upload is complete when it is created",
    exchanges: [create(0), head({ "upload-offset": "0", "upload-length": "0", "upload-expires": null })]
  },
  {
    title: "creation-with-upload takes the first bytes, or all of them",
    exchanges: [
      post({ ...octets, "upload-length": "6" }, { body: "abc", save: "a", expect: { "upload-offset": "3" } }),
      head({ "upload-offset": "3" }),
      patch("def", 3),
      post({ ...octets, "upload-length": "3" }, { body: "abc", save: "a", expect: { "upload-offset": "3" } }),
      head({ "upload-offset": "3", "upload-length": "3" }),
      post({ ...octets, "upload-length": "2" }, { body: "abc", status: 413 }),
      post({ ...octets, "upload-length": "2" }, { body: "abc", status: 413, chunked: true }),
      post({ "content-type": "text/plain", "upload-length": "3" }, { body: "abc", status: 415 })
    ]
  },
  {
    title: "a deferred length is declared once, and then holds",
    exchanges: [
      post({ "upload-defer-length": "1" }, { save: "a" }),
      head({ "upload-defer-length": "1", "upload-length": null }),
      patch("abc", 0),
      patch("", 3, { headers: { "upload-length": "2" }, status: 400, text: /Upload-Length/ }),
      patch("d", 3, { headers: { "upload-length": "5" } }),
      head({ "upload-defer-length": null, "upload-length": "5", "upload-offset": "4" }),
      patch("e", 4, { headers: { "upload-length": "6" }, status: 400 }),
      patch("e", 4, { headers: { "upload-length": "5" } }),
      head({ "upload-length": "5", "upload-offset": "5" })
    ]
  },
  {
    title: "metadata is echoed byte for byte, an empty header counts as none, bad metadata is 400",
    exchanges: [
      create(1, "a", { "upload-metadata": "filename d29ybGQ=,is_confidential, x YQ==" }),
      head({ "upload-metadata": "filename d29ybGQ=,is_confidential, x YQ==" }),
      create(1, "a", { "upload-metadata": "filename YQ==," }),
      head({ "upload-metadata": "filename YQ==," }),
      create(1, "a", { "upload-metadata": "" }),
      head({ "upload-metadata": null }),
      create(1, "a", { "upload-metadata": ", ," }),
      head({ "upload-metadata": null }),
      ...["a b c", "a YQ==,a YQ==", "a ===", "a,,a"].map((metadata) =>
        post({ "upload-length": "1", "upload-metadata": metadata }, { status: 400, text: /Upload-Metadata/ })
      ),
      post({ "upload-length": "1", "upload-metadata": `a ${"AAAA".repeat(2100)}` }, { status: 400, text: /8192/ })
    ]
  },
  {
    title: "a checksum is verified: 460 keeps nothing, an unknown algorithm or malformed digest is 400",
    exchanges: [
      create(6),
      patch("abc", 0, { headers: { "upload-checksum": digest("abd") }, status: 460 }),
      head({ "upload-offset": "0" }),
      patch("abc", 0, { headers: { "upload-checksum": digest("abc") } }),
      patch("def", 3, { headers: { "upload-checksum": "sha3 AAAA" }, status: 400, text: /sha1/ }),
      patch("def", 3, { headers: { "upload-checksum": "sha1 AAAA" }, status: 400 }),
      patch("def", 3, { headers: { "upload-checksum": digest("def", "sha256") } }),
      head({ "upload-offset": "6" }),
      create(9),
      patch("123456789", 0, { headers: { "upload-checksum": "crc32c 4waSgw==" } }),
      post({ ...octets, "upload-length": "3", "upload-checksum": digest("xyz", "md5") }, { body: "abc", status: 460 }),
      post({ ...octets, "upload-length": "3", "upload-checksum": digest("abc", "sha512") }, { body: "abc" })
    ]
  },
  {
    title: "a checksum may follow the body",
    trailers: true,
    exchanges: [
      create(6),
      patch("abc", 0, {
        chunked: true,
        headers: { trailer: "Upload-Checksum" },
        trailers: { "upload-checksum": digest("abc") }
      }),
      patch("def", 3, {
        chunked: true,
        headers: { trailer: "Upload-Checksum" },
        trailers: { "upload-checksum": digest("xyz") },
        status: 460
      }),
      head({ "upload-offset": "3" }),
      patch("def", 3, {
        chunked: true,
        headers: { trailer: "Upload-Checksum" },
        status: 400,
        text: /nothing was kept/
      }),
      head({ "upload-offset": "3" }),
      patch("def", 3, {
        chunked: true,
        headers: { trailer: "Upload-Checksum" },
        trailers: { "upload-checksum": "sha3 AAAA" },
        status: 400
      }),
      head({ "upload-offset": "3" }),
      patch("def", 3, {
        chunked: true,
        headers: { trailer: "Upload-Checksum" },
        trailers: { "upload-checksum": digest("def", "sha256") }
      })
    ]
  },
  {
    title: "a door without trailers refuses a body whose checksum would follow it",
    trailers: false,
    exchanges: [
      { method: "OPTIONS", status: 204, expect: { "tus-extension": /checksum,termination/ } },
      create(3),
      patch("abc", 0, { chunked: true, headers: { trailer: "Upload-Checksum" }, status: 400, text: /Trailer/ }),
      head({ "upload-offset": "0" })
    ]
  },
  {
    title: "DELETE removes an upload, finished or not",
    exchanges: [
      create(3),
      patch("a", 0),
      { method: "DELETE", path: "{a}", headers: tus, status: 204 },
      head(undefined, { status: 404 }),
      patch("b", 1, { status: 404 }),
      { method: "DELETE", path: "{a}", headers: tus, status: 404 },
      create(3),
      patch("abc", 0),
      { method: "DELETE", path: "{a}", headers: tus, status: 204 },
      head(undefined, { status: 404 })
    ]
  },
  {
    title: "Upload-Expires is told on POST, PATCH and HEAD while unfinished",
    policy: { expiresAfter: "1 day" },
    exchanges: [
      { ...create(3), expect: { "upload-expires": /GMT$/ } },
      patch("a", 0, { expect: { "upload-expires": /GMT$/ } }),
      head({ "upload-expires": /GMT$/ }),
      patch("bc", 1, { expect: { "upload-expires": null } }),
      head({ "upload-expires": null })
    ]
  },
  {
    title: "an expired upload is 410 as long as it is remembered",
    policy: { expiresAfter: 0 },
    exchanges: [
      create(3),
      head(undefined, { status: 410 }),
      patch("a", 0, { status: 410 }),
      { method: "DELETE", path: "{a}", headers: tus, status: 410 }
    ]
  },
  {
    title: "a final upload is the concatenation of its parts, in the order asked for",
    exchanges: [
      create(3, "b", { "upload-concat": "partial" }),
      create(2, "c", { "upload-concat": "partial" }),
      head({ "upload-concat": "partial" }, { path: "{b}" }),
      patch("abc", 0, { path: "{b}" }),
      patch("de", 0, { path: "{c}" }),
      post({ "upload-concat": "final;{c} {b}", "upload-metadata": "x YQ==" }, { save: "a" }),
      head({
        "upload-offset": "5",
        "upload-length": "5",
        "upload-concat": /^final;\/files\/\S+ \/files\/\S+$/,
        "upload-metadata": "x YQ=="
      }),
      patch("x", 5, { status: 403 }),
      post({ "upload-concat": "final;https://example.org{b}" }, { save: "a" }),
      head({ "upload-offset": "3", "upload-metadata": null })
    ]
  },
  {
    title: "a final upload may be created while its parts are under way",
    exchanges: [
      post({ "upload-concat": "partial", "upload-defer-length": "1" }, { save: "b" }),
      create(2, "c", { "upload-concat": "partial" }),
      post({ "upload-concat": "final;{b} {c}" }, { save: "a" }),
      head({ "upload-offset": null, "upload-length": null }),
      patch("abc", 0, { path: "{b}", headers: { "upload-length": "3" } }),
      head({ "upload-offset": null, "upload-length": "5" }),
      { method: "DELETE", path: "{c}", headers: tus, status: 204 },
      head(undefined, { status: 410 })
    ]
  },
  {
    title: "a final upload is refused where its list is not one of partial uploads of this collection",
    exchanges: [
      create(1, "a"),
      create(1, "b", { "upload-concat": "partial" }),
      post({ "upload-concat": "final;" }, { status: 400, text: /Upload-Concat/ }),
      post({ "upload-concat": "final;{a}" }, { status: 400, text: /partial/ }),
      post({ "upload-concat": "final;/other/0123456789abcdef0123456789abcdef" }, { status: 400 }),
      post({ "upload-concat": "final;/files/../{b}" }, { status: 400 }),
      post({ "upload-concat": "final;/files/0123456789abcdef0123456789abcdef" }, { status: 404 }),
      post({ "upload-concat": "final;{b}", "upload-length": "1" }, { status: 400, text: /Upload-Length/ }),
      post({ "upload-concat": "whole" }, { status: 400, text: /Upload-Concat/ })
    ]
  },
  {
    title: "the sum of the parts may not pass the maximum",
    policy: { maxSize: 3 },
    exchanges: [
      create(2, "b", { "upload-concat": "partial" }),
      create(2, "c", { "upload-concat": "partial" }),
      post({ "upload-concat": "final;{b} {c}" }, { status: 413 })
    ]
  },
  {
    title: "CORS: every answer can be read by a page, refusals included, and a preflight is discovery too",
    exchanges: [
      {
        method: "OPTIONS",
        headers: { origin: "https://example.org", "access-control-request-method": "PATCH" },
        status: 204,
        expect: {
          "access-control-allow-origin": "*",
          "access-control-allow-methods": /PATCH/,
          "access-control-allow-headers": /Upload-Checksum/,
          "access-control-max-age": "86400",
          "tus-version": "1.0.0"
        }
      },
      { ...create(1), headers: { ...tus, "upload-length": "1", origin: "https://example.org" } },
      head({ "access-control-allow-origin": "*", "access-control-expose-headers": /Upload-Expires/ }, {
        headers: { ...tus, origin: "https://example.org" }
      }),
      patch("x", 1, { status: 409, headers: { origin: "https://a.b" }, expect: { "access-control-allow-origin": "*" } })
    ]
  },
  {
    title: "CORS: an origin is told that cookies may come along, and never that all origins may",
    policy: {
      cors: {
        credentials: true,
        origins: () => true,
        allowedHeaders: ["X-Tenant"],
        exposedHeaders: ["X-Trace"],
        maxAge: "10 minutes"
      }
    },
    exchanges: [
      {
        method: "OPTIONS",
        headers: { origin: "https://a.b", "access-control-request-method": "PATCH" },
        status: 204,
        expect: {
          "access-control-allow-origin": "https://a.b",
          "access-control-allow-credentials": "true",
          "access-control-allow-headers": /Upload-Offset.*X-Tenant/,
          "access-control-max-age": "600",
          vary: "Origin"
        }
      },
      head(
        {
          "access-control-allow-origin": "https://a.b",
          "access-control-allow-credentials": "true",
          "access-control-expose-headers": /Upload-Offset.*X-Trace/,
          vary: "Origin"
        },
        { path: "/files/a", status: 404, headers: { ...tus, origin: "https://a.b" } }
      ),
      head({ "access-control-allow-origin": null, vary: "Origin" }, { path: "/files/a", status: 404 })
    ]
  },
  {
    title: "CORS: other origins are told nothing, and caches are told why",
    policy: { cors: { origins: ["https://example.org"] } },
    exchanges: [
      {
        method: "OPTIONS",
        headers: { origin: "https://evil.org" },
        status: 204,
        expect: { "access-control-allow-origin": null, vary: "Origin" }
      },
      {
        method: "OPTIONS",
        headers: { origin: "https://example.org" },
        status: 204,
        expect: { "access-control-allow-origin": "https://example.org", vary: "Origin" }
      }
    ]
  },
  {
    title: "CORS: an origin that lies is served as whoever is no page, and can read nothing",
    policy: { cors: { origins: ["https://example.org"], credentials: true } },
    exchanges: [
      create(3),
      ...[
        "null",
        "*",
        "https://example.org.evil.net",
        "https://evil.net#https://example.org",
        "https://example.org, https://evil.net",
        "https://example.org/",
        "HTTPS://EXAMPLE.ORG"
      ].map((origin) =>
        head(
          { "access-control-allow-origin": null, "access-control-allow-credentials": null, vary: "Origin" },
          { headers: { ...tus, origin } }
        )
      )
    ]
  },
  {
    title: "CORS: where the application cannot say whose pages may read, nothing is done, and none may",
    policy: {
      cors: {
        origins: (origin) => {
          throw new Error(`no opinion about ${origin}`)
        }
      }
    },
    exchanges: [
      create(3),
      patch("abc", 0, {
        status: 500,
        headers: { origin: "https://a.b" },
        expect: { "access-control-allow-origin": null }
      }),
      head({ "upload-offset": "0" })
    ]
  },
  {
    title: "Location is a path, whatever headers say",
    exchanges: [create(1, "a", claims), create(1, "a", { forwarded: "host=evil.org;proto=https" })]
  },
  {
    title: "Location begins with the public URL, and parts are named by it",
    policy: { publicUrl: "https://example.org/api/", trustedProxies: ["127.0.0.1"] },
    exchanges: [
      {
        ...create(1, "b", { "upload-concat": "partial", ...claims }),
        expect: { location: /^https:\/\/example\.org\/api\/files\/[\w-]{22,}$/ }
      },
      post({ "upload-concat": "final;{b}" }, { save: "a", expect: { location: /^https:/ } }),
      post({ "upload-concat": "final;/files/0123456789abcdef0123456789abcdef" }, { status: 400, text: /example\.org/ })
    ]
  },
  {
    title: "a proxy that is trusted says where clients see the server",
    policy: { trustedProxies: ["10.0.0.0/8", "127.0.0.1"] },
    connected: true,
    exchanges: [
      create(1, "b", { "upload-concat": "partial" }),
      patch("x", 0, { path: "{b}" }),
      {
        ...create(1, "c", claims),
        expect: { location: /^https:\/\/uploads\.example\.org\/api\/files\/[\w-]{22,}$/ }
      },
      {
        ...create(1, "c", { forwarded: "for=192.0.2.1;host=\"example.org:8443\";proto=https" }),
        expect: { location: /^https:\/\/example\.org:8443\/files\/[\w-]{22,}$/ }
      },
      post({ "upload-concat": "final;https://uploads.example.org/api{b}", ...claims }, { save: "a" }),
      post({ "upload-concat": "final;/api{b}", ...claims }, { save: "a" }),
      post({ "upload-concat": "final;{b}", ...claims }, { status: 400, text: /under https:\/\/uploads/ })
    ]
  },
  {
    title: "a proxy that is not trusted is not heard",
    policy: { trustedProxies: ["10.0.0.0/8"] },
    exchanges: [create(1, "a", claims)]
  },
  {
    title: "slashes at the end and queries do not matter",
    exchanges: [
      { ...create(1), path: "/files/?x=1" },
      head({ "upload-offset": "0" }, { path: "{a}?token=abc" })
    ]
  }
]
