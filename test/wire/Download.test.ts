import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type { Upload } from "effect-tus"
import { Download, Metadata, TusDialect } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Wire from "../../src/wire/Download.js"
import { at, bytes, id, now, uploadOf } from "../protocol/arbitraries.js"
import { sentenceOf, statusOf, told } from "../protocol/defects.js"

const complete = (metadata: Readonly<Record<string, string>> = {}, size = 10) =>
  uploadOf({
    offset: bytes(size),
    length: Option.some(bytes(size)),
    completion: { _tag: "Complete", at: now, answer: Option.none() },
    metadata: Option.some(Schema.encodeSync(Metadata.TextFromRaw)(metadata))
  })

const etag = `"${id("a")}"`
const modified = "Sun, 22 Nov 2026 12:00:00 GMT"

const decide = (headers: Readonly<Record<string, string>>, upload: Upload.Upload = complete()) =>
  Download.decide(upload, Wire.decode(headers), now)

const sent = (headers: Readonly<Record<string, string>>, upload?: Upload.Upload) => {
  const reply = Either.getOrThrow(decide(headers, upload))
  return { ...TusDialect.encode({ reply }), slice: Option.getOrNull(reply.slice) }
}

const refused = (headers: Readonly<Record<string, string>>, upload?: Upload.Upload) =>
  Either.getOrThrow(Either.flip(decide(headers, upload)))

const outcome = (headers: Readonly<Record<string, string>>) =>
  Either.match(decide(headers), {
    onLeft: (refusal) => `${statusOf(refusal)} ${sentenceOf(refusal)}`,
    onRight: () => "sent"
  })

const typeOf = (filetype: string) => sent({}, complete({ filetype })).headers["content-type"]
const unknown = "application/octet-stream"

describe("an upload that may be downloaded", () => {
  it("is complete", () => {
    const length = Option.some(bytes(10))
    const open = uploadOf({ offset: bytes(4), length })
    assert.strictEqual(told(refused({}, open)), "409 Incomplete")
    assert.include(refused({}, open).message, "stands at 4")
    assert.strictEqual(told(refused({}, uploadOf({ ...open, expiresAt: Option.some(at(-1)) }))), "410 UploadExpired")
    const rejected = uploadOf({
      offset: bytes(10),
      length,
      completion: { _tag: "Rejected", status: 422, reason: "no" }
    })
    assert.strictEqual(told(refused({}, rejected)), "422 UploadRejected")
  })
})

describe("a downloaded file", () => {
  it("is sent whole, as an attachment", () => {
    deepStrictEqual(sent({}, complete({ filename: "a b.png", filetype: "image/png" })), {
      status: 200,
      headers: {
        "tus-resumable": "1.0.0",
        "content-length": "10",
        "content-type": "image/png",
        "content-disposition": `attachment; filename="a b.png"`,
        etag,
        "last-modified": modified,
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'"
      },
      slice: { start: 0, end: 10 }
    })
  })

  const names: Array<[title: string, metadata: Record<string, string>, disposition: string]> = [
    ["none", {}, "attachment"],
    ["of Uppy", { name: "x" }, `attachment; filename=x`],
    [
      "in another script",
      { filename: "naïve 文.txt" },
      `attachment; filename="na_ve _.txt"; filename*=UTF-8''na%C3%AFve%20%E6%96%87.txt`
    ],
    [
      "that would end the quoted value",
      { filename: `a"; x="b\\c` },
      `attachment; filename="a_; x=_b_c"; filename*=UTF-8''a%22%3B%20x%3D%22b%5Cc`
    ],
    ["with a line break", { filename: "a\r\nb" }, `attachment; filename=a__b; filename*=UTF-8''a%0D%0Ab`],
    [
      "that is a path",
      { filename: "../etc/passwd" },
      `attachment; filename=.._etc_passwd; filename*=UTF-8''..%2Fetc%2Fpasswd`
    ]
  ]
  for (const [title, metadata, disposition] of names) {
    it(`has the name from the metadata: ${title}`, () => {
      assert.strictEqual(sent({}, complete(metadata)).headers["content-disposition"], disposition)
    })
  }

  it.prop(
    "has a name that is valid in a header, for every name in the metadata",
    [FastCheck.string({ unit: "binary" })],
    ([filename]) => {
      const { headers } = sent({}, complete({ filename }))
      assert.match(
        headers["content-disposition"] ?? "",
        /^attachment; filename=(?:[\w!#$&+.^`|~'*-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*")(?:; filename\*=UTF-8''[\w!#$&+.^`|~%-]*)?$/
      )
    }
  )

  it("has the generic type if the metadata hold no valid type", () => {
    for (const filetype of ["html", "text/html; charset=x\r\nset-cookie: a", "", "a/b/c"]) {
      assert.strictEqual(typeOf(filetype), unknown)
    }
  })

  const inert = [
    "image/png",
    "image/JPEG",
    "image/avif",
    "audio/mpeg",
    "video/mp4",
    "font/woff2",
    "text/plain",
    "text/csv",
    "application/pdf",
    "application/zip",
    "application/gzip",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
  ]
  for (const type of inert) {
    it(`has its type if a browser does not run it: ${type}`, () => assert.strictEqual(typeOf(type), type))
  }

  const run = [
    "text/html",
    "Text/HTML",
    "application/xhtml+xml",
    "text/javascript",
    "application/javascript",
    "application/ecmascript",
    "text/jscript",
    "text/livescript",
    "text/javascript1.5",
    "application/x-javascript",
    "text/x-ecmascript",
    "application/wasm",
    "application/json",
    "application/importmap+json",
    "application/manifest+json",
    "application/speculationrules+json",
    "text/css",
    "text/xml",
    "application/xml",
    "application/xslt+xml",
    "image/svg+xml",
    "IMAGE/SVG+XML",
    "image/x-svg",
    "text/vtt",
    "text/cache-manifest",
    "application/x-shockwave-flash",
    "application/x-chrome-extension",
    "multipart/x-mixed-replace",
    "message/rfc822",
    "application/a-type-of-tomorrow"
  ]
  for (const type of run) {
    it(`has the generic type if a browser may run it: ${type}`, () => assert.strictEqual(typeOf(type), unknown))
  }

  for (const destination of ["document", "iframe", "empty", "image", "audio", "video", "track", "font", "Image"]) {
    it(`is sent to a request that saves or shows it: ${destination}`, () => {
      assert.strictEqual(outcome({ "sec-fetch-dest": destination }), "sent")
    })
  }

  const programs = [
    "script",
    "style",
    "worker",
    "sharedworker",
    "serviceworker",
    "audioworklet",
    "paintworklet",
    "manifest",
    "xslt",
    "object",
    "embed",
    "json",
    "of tomorrow",
    "Script"
  ]
  const sentence = "403 what was uploaded is to be saved or shown, not to be run"
  for (const destination of programs) {
    it(`is refused with 403 to a request that would run it: ${destination}`, () => {
      assert.strictEqual(outcome({ "sec-fetch-dest": destination }), sentence)
    })
  }

  it("is refused with 403 to a request that would run it, even if the client has it in its cache", () => {
    assert.strictEqual(outcome({ "sec-fetch-dest": "script", "if-none-match": etag }), sentence)
    assert.strictEqual(outcome({ "service-worker": "script", "sec-fetch-dest": "empty" }), sentence)
  })
})

describe("a range", () => {
  const ranges: Array<[range: string, start: number, end: number]> = [
    ["bytes=0-0", 0, 1],
    ["bytes=2-5", 2, 6],
    ["bytes=2-", 2, 10],
    ["bytes=9-99", 9, 10],
    ["bytes=-3", 7, 10],
    ["bytes=-99", 0, 10]
  ]
  for (const [range, start, end] of ranges) {
    it(`${range} is sent with 206`, () => {
      const { headers, slice, status } = sent({ range })
      deepStrictEqual([status, slice], [206, { start, end }])
      deepStrictEqual(
        [headers["content-range"], headers["content-length"]],
        [`bytes ${start}-${end - 1}/10`, String(end - start)]
      )
    })
  }

  for (const range of ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=999999999999999-"]) {
    it(`${range} is beyond the end: 416`, () => {
      const { headers, status } = TusDialect.refuse(refused({ range }))
      deepStrictEqual([status, headers["content-range"]], [416, "bytes */10"])
    })
  }

  for (
    const range of ["bytes=5-2", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=1-2-3", "", "bytes=-1e3"]
  ) {
    it(`"${range}" is not a range, and the whole file is sent`, () => {
      const { slice, status } = sent({ range })
      deepStrictEqual([status, slice], [200, { start: 0, end: 10 }])
    })
  }

  it("applies only if If-Range has the tag of this file", () => {
    assert.strictEqual(sent({ range: "bytes=2-", "if-range": etag }).status, 206)
    for (const other of [`"other"`, `W/${etag}`, modified]) {
      assert.strictEqual(sent({ range: "bytes=2-", "if-range": other }).status, 200)
    }
  })

  it.prop(
    "selects the bytes that the same range of an array does",
    [FastCheck.nat(20), FastCheck.option(FastCheck.nat(25)), FastCheck.option(FastCheck.nat(25))],
    ([size, first, last]) => {
      const decision = decide({ range: `bytes=${first ?? ""}-${last ?? ""}` }, complete({}, size))
      const all = Array.from({ length: size }, (_, i) => i)
      const expected = first === null && last === null || (first !== null && last !== null && last < first)
        ? all
        : first === null
        ? (last === 0 ? [] : all.slice(-(last ?? 0)))
        : all.slice(first, last === null ? undefined : last + 1)
      const got = Either.match(decision, {
        onLeft: () => [],
        onRight: ({ slice }) =>
          Option.match(slice, { onNone: () => [], onSome: ({ end, start }) => all.slice(start, end) })
      })
      deepStrictEqual(got, expected)
    }
  )
})

describe("a conditional request", () => {
  const known: Array<[title: string, headers: Record<string, string>, status: number]> = [
    ["its tag", { "if-none-match": etag }, 304],
    ["its tag among others", { "if-none-match": `"x", ${etag}` }, 304],
    ["its tag, weakly", { "if-none-match": `W/${etag}` }, 304],
    ["any tag", { "if-none-match": "*" }, 304],
    ["another tag", { "if-none-match": `"x"` }, 200],
    ["its date", { "if-modified-since": modified }, 304],
    ["an earlier date", { "if-modified-since": "Sun, 22 Nov 2026 11:59:59 GMT" }, 200],
    ["an invalid date", { "if-modified-since": "yesterday" }, 200],
    ["another tag, which wins over its date", { "if-none-match": `"x"`, "if-modified-since": modified }, 200]
  ]
  for (const [title, headers, status] of known) {
    it(`with ${title}: ${status}`, () => {
      const { headers: answered, slice, ...rest } = sent(headers)
      assert.strictEqual(rest.status, status)
      deepStrictEqual(slice === null, status === 304)
      deepStrictEqual("content-length" in answered, status === 200)
    })
  }
})
