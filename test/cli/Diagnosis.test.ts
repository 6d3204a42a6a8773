import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Option from "effect/Option"
import * as CorsCheck from "../../src/cli/doctor/CorsCheck.js"
import * as Diagnosis from "../../src/cli/doctor/Diagnosis.js"
import * as Finding from "../../src/cli/doctor/Finding.js"

const endpoint = "https://example.org/api/files"

const answer = (status: number, headers: Record<string, string> = {}, body?: string) => ({
  status,
  headers,
  ...(body === undefined ? {} : { body })
})

const created = { location: "/api/files/a", "tus-resumable": "1.0.0" }

const page = {
  origin: "https://example.org",
  preflight: answer(204, {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, PATCH, DELETE",
    "access-control-allow-headers":
      "content-type, tus-resumable, upload-length, Upload-Metadata, upload-offset, upload-checksum"
  }),
  answer: answer(201, {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Location, Upload-Length, Upload-Offset, Tus-Extension"
  }),
  extensions: ["termination", "checksum"],
  wanted: false
}

const without = ({ headers, status }: typeof page.preflight, name: string) =>
  answer(status, Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name)))

const cases: ReadonlyArray<readonly [Finding.Finding, Finding.Finding["level"], RegExp, RegExp?]> = [
  [Diagnosis.server(answer(204, { "tus-version": "1.0.0" })), "ok", /^tus 1\.0\.0, without extensions$/],
  [
    Diagnosis.server(answer(204, { "tus-version": "1.0.0,0.2.2", "tus-extension": "creation,termination" })),
    "ok",
    /^tus 1\.0\.0, 0\.2\.2, with creation, termination$/
  ],
  [Diagnosis.server(answer(204, { "tus-version": "0.2.2" })), "problem", /tus 0\.2\.2, not 1\.0\.0/],
  [Diagnosis.server(answer(204)), "problem", /^OPTIONS was answered 204, without Tus-Version/, /Let OPTIONS through/],
  [Diagnosis.server(answer(405, {}, "<h1>Not\nallowed</h1>")), "problem", /answered 405: Not allowed, without/],

  [Diagnosis.creation(answer(201, created)), "ok", /created/],
  [Diagnosis.creation(answer(201, { location: "/a" })), "note", /without Tus-Resumable/],
  [Diagnosis.creation(answer(201)), "problem", /without Location/, /response headers/],
  [Diagnosis.creation(answer(401)), "problem", /POST was answered 401$/, /--header/],
  [Diagnosis.creation(answer(404)), "problem", /404/, /URL at which uploads are created/],
  [Diagnosis.creation(answer(412)), "problem", /412/, /Tus-Resumable/],
  [Diagnosis.creation(answer(500, {}, "boom")), "problem", /500: boom/],

  [Diagnosis.location(endpoint, "/api/files/a"), "ok", /^a path on the same host: \/api\/files\/a$/],
  [Diagnosis.location(endpoint, "https://example.org/api/files/a"), "ok", /^a URL on the same host/],
  [Diagnosis.location(endpoint, "http://example.org/api/files/a"), "problem", /begins with http:/, /X-Forwarded-Proto/],
  [
    Diagnosis.location(endpoint, "http://127.0.0.1:1080/files/a"),
    "problem",
    /leads to http:\/\/127\.0\.0\.1:1080, which clients of https:\/\/example\.org do not follow/,
    /trustedProxies.*publicUrl/
  ],
  [Diagnosis.location(endpoint, "http://files:x/a"), "problem", /is not a URL/, /publicUrl/],

  [
    Diagnosis.head(answer(200, { "upload-offset": "0", "cache-control": "no-store" })),
    "ok",
    /the offset of the upload/
  ],
  [Diagnosis.head(answer(200, { "upload-offset": "0" })), "note", /no-store/],
  [Diagnosis.head(answer(200)), "problem", /without Upload-Offset/],
  [Diagnosis.head(answer(404)), "problem", /404/, /X-Forwarded-Prefix/],
  [Diagnosis.head(answer(405)), "problem", /405/, /Let HEAD through/],

  [
    Diagnosis.buffering({ sent: 262144, kept: 262144 }),
    "ok",
    /^the server kept 256\.0 KiB of the 256\.0 KiB that were sent/
  ],
  [Diagnosis.buffering({ sent: 262144, kept: 1 }), "ok", /kept 1 B of/],
  [Diagnosis.buffering({ sent: 262144, kept: 0 }), "problem", /kept nothing/, /proxy_request_buffering off/],
  [Diagnosis.buffering({ sent: 262144, kept: Number.NaN }), "problem", /kept nothing/],

  [Diagnosis.size(Option.none(), Option.some(1024 ** 3)), "ok", /^bodies of 1\.0 GiB are accepted$/],
  [
    Diagnosis.size(Option.some(10 * 1024 ** 2), Option.some(1024 ** 2)),
    "problem",
    /^bodies of 10\.0 MiB are refused with 413, those of 1\.0 MiB are accepted$/,
    /client_max_body_size 0, Bun: maxRequestBodySize; or upload with --chunk-size 1048576$/
  ],
  [
    Diagnosis.size(Option.some(131072), Option.none()),
    "problem",
    /refused with 413$/,
    /client_max_body_size 0, Bun: maxRequestBodySize$/
  ],

  [Diagnosis.blocked("PATCH", answer(405)), "problem", /^PATCH was answered 405$/, /--method-override/],
  [Diagnosis.blocked("DELETE", answer(501)), "problem", /^DELETE was answered 501$/, /Let DELETE through/],
  [Diagnosis.blocked("PATCH", answer(500, {}, "boom")), "problem", /^PATCH was answered 500: boom$/, /^$/],
  [Diagnosis.override(answer(204)), "ok", /X-HTTP-Method-Override: PATCH works/],
  [Diagnosis.override(answer(400)), "note", /was answered 400: clients/],

  [CorsCheck.diagnose(page), "ok", /^pages of every origin can upload$/],
  [
    CorsCheck.diagnose({ ...page, preflight: without(page.preflight, "access-control-allow-origin") }),
    "note",
    /pages of https:\/\/example\.org cannot upload/,
    /--origin/
  ],
  [
    CorsCheck.diagnose({ ...page, answer: without(page.answer, "access-control-allow-origin"), wanted: true }),
    "problem",
    /cannot upload/,
    /cors\.origins/
  ],
  [
    CorsCheck.diagnose({
      ...page,
      answer: answer(201, { ...page.answer.headers, "access-control-allow-origin": "*, *" })
    }),
    "problem",
    /sent twice: \*, \*/
  ],
  [
    CorsCheck.diagnose({ ...page, preflight: without(page.preflight, "access-control-allow-methods") }),
    "problem",
    /may not send PATCH, may not send DELETE$/,
    /CORS headers of the proxy/
  ],
  [
    CorsCheck.diagnose({ ...page, answer: without(page.answer, "access-control-expose-headers") }),
    "problem",
    /may not read Location, may not read Upload-Length, may not read Upload-Offset/
  ],
  [
    CorsCheck.diagnose({ ...page, extensions: ["checksum", "concatenation", "expiration"] }),
    "note",
    /^pages of another origin may not send Upload-Concat, may not read Upload-Expires$/
  ],
  [
    CorsCheck.diagnose({
      ...page,
      preflight: answer(204, { ...page.preflight.headers, "access-control-allow-headers": "*" })
    }),
    "ok",
    /can upload/
  ],
  [
    CorsCheck.diagnose({
      ...page,
      preflight: answer(204, {
        ...page.preflight.headers,
        "access-control-allow-headers": "*",
        "access-control-allow-credentials": "true"
      })
    }),
    "problem",
    /may not send Tus-Resumable/
  ]
]

describe("a diagnosis", () => {
  for (const [i, [finding, level, message, advice]] of cases.entries()) {
    it(`${i} is ${level} of ${finding.check}: ${message}`, () => {
      assert.strictEqual(finding.level, level)
      assert.match(finding.message, message)
      assert.match(finding.advice ?? "", advice ?? /^/)
      assert.notMatch(Finding.lines(finding).join(""), /\p{Cc}|\.$/u)
    })
  }

  it("has one line, and one more for its advice", () => {
    assert.strictEqual(
      Finding.lines(Finding.problem("head", "HEAD\u001b is missing", "Let it through")).join("\n"),
      "problem  head: HEAD\ufffd is missing\n         Let it through"
    )
    assert.lengthOf(Finding.lines(Finding.ok("head", "fine")), 1)
  })

  it("is broken between words on a terminal, and its level has a colour", () => {
    deepStrictEqual(
      Finding.lines(Finding.note("cors", "pages of others cannot upload"), 30, (color, text) => `<${color}>${text}</>`),
      ["<yellow>note</>     cors: pages of others", "         cannot upload"]
    )
  })

  it("ends with the number of good findings", () => {
    const fine = Finding.ok("head", "fine")
    assert.strictEqual(Finding.summary([fine, fine]), "2 of 2 ok")
    assert.strictEqual(
      Finding.summary([fine, Finding.note("cors", "a"), Finding.problem("size", "b")]),
      "1 of 3 ok, 1 note, 1 problem"
    )
  })
})
