import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  AppendHeaders,
  CreateHeaders,
  HttpRefusal,
  InspectHeaders,
  Refusal,
  type Reply,
  Terminate,
  TusDialect
} from "effect-tus"
import * as Arbitrary from "effect/Arbitrary"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { bytes, id, inSeconds, now, policy, seconds, uploads } from "../../protocol/arbitraries.js"
import { sentenceOf, statusOf } from "../../protocol/defects.js"

const none = Option.none()
const some = Option.some

const survives = <A, I>(name: string, schema: Schema.Schema<A, I>) =>
  it.prop(`${name} survives the round trip`, [Arbitrary.make(schema)], ([request]) => {
    deepStrictEqual(Schema.decodeSync(schema)(Schema.encodeSync(schema)(request)), request)
  })

describe("a response in tus", () => {
  const answers: ReadonlyArray<readonly [title: string, Reply.Reply, status: number, headers: object]> = [
    ["OPTIONS", { _tag: "Offered", policy: { ...policy, expiresAfter: none, algorithms: [], maxSize: none } }, 204, {
      "tus-version": "1.0.0",
      "tus-extension":
        "creation,creation-with-upload,creation-defer-length,termination,concatenation,concatenation-unfinished"
    }],
    ["POST", { _tag: "Created", url: `/files/${id("a")}`, offset: some(bytes(0)), expires: none }, 201, {
      "location": `/files/${id("a")}`,
      "upload-offset": "0"
    }],
    [
      "HEAD",
      {
        _tag: "Inspected",
        offset: some(bytes(3)),
        length: none,
        metadata: some("a YQ=="),
        kind: { _tag: "Partial" },
        expires: some(now)
      },
      200,
      {
        "upload-offset": "3",
        "upload-defer-length": "1",
        "upload-metadata": "a YQ==",
        "upload-concat": "partial",
        "upload-expires": "Sun, 22 Nov 2026 12:00:00 GMT",
        "cache-control": "no-store"
      }
    ],
    ["PATCH", { _tag: "Appended", offset: bytes(7), expires: none }, 204, { "upload-offset": "7" }],
    ["DELETE", Terminate.respond, 204, {}]
  ]
  for (const [method, reply, status, headers] of answers) {
    it(`Tus-Resumable MUST be included in every response: ${method}`, () => {
      deepStrictEqual<unknown>(TusDialect.encode({ reply }), {
        status,
        headers: { "tus-resumable": "1.0.0", ...headers }
      })
    })
  }

  const plain = {
    "tus-resumable": "1.0.0",
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store"
  }
  const invalid = (header: string) => new HttpRefusal.InvalidHeader({ header, reason: "expected 1.0.0", actual: none })
  const refusals: ReadonlyArray<readonly [title: string, Refusal.Refusal | HttpRefusal.HttpRefusal, headers: object]> =
    [
      ["a version that is not supported MUST be answered with Tus-Version", invalid("tus-resumable"), {
        "tus-version": "1.0.0"
      }],
      ["415 for a content type has no further header", invalid("content-type"), {}],
      ["415 for a content coding has Accept-Encoding", invalid("content-encoding"), { "accept-encoding": "identity" }],
      ["400 has no further header", invalid("upload-length"), {}],
      ["404 has no further header", new Refusal.UploadNotFound({ id: "x" }), {}],
      ["409 has no further header", new Refusal.OffsetMismatch({ expected: 1, actual: 2 }), {}],
      ["460 has no further header", new Refusal.ChecksumMismatch({ algorithm: "sha1" }), {}],
      ["405 has Allow", new HttpRefusal.MethodNotAllowed({ method: "GET", allow: ["OPTIONS", "POST"] }), {
        allow: "OPTIONS, POST"
      }],
      ["423 has Retry-After", new Refusal.Finishing(), { "retry-after": "1" }],
      ["423 of a takeover has Retry-After", new Refusal.Interrupted({ reason: "TakenOver", offset: 0 }), {
        "retry-after": "1"
      }],
      ["503 has Retry-After", new Refusal.Interrupted({ reason: "Shutdown", offset: 0 }), { "retry-after": "1" }]
    ]
  for (const [title, refusal, headers] of refusals) {
    it(`a refusal is one line of text: ${title}`, () => {
      deepStrictEqual<unknown>(TusDialect.refuse(refusal), {
        status: statusOf(refusal),
        headers: { ...plain, ...headers },
        body: `${sentenceOf(refusal)}\n`
      })
    })
  }

  it("an application may reject with any status", () => {
    for (const status of [400, 403, 405, 412, 422, 423, 503]) {
      const reply = TusDialect.refuse(new Refusal.UploadRejected({ status, reason: "no" }))
      assert.strictEqual(reply.status, status)
      assert.strictEqual(reply.body, "no\n")
      assert.notProperty(reply.headers, "allow")
    }
  })

  survives("a request to create", CreateHeaders.Request)
  survives("a request to append", AppendHeaders.Request)

  it.prop("the client decodes what the server encodes: POST", [
    inSeconds(CreateHeaders.Response, (fields) => new CreateHeaders.Response(fields))
  ], ([response]) => {
    const { location: url, ...told } = response
    const { headers, status } = TusDialect.encode({ reply: { _tag: "Created", url, ...told } })
    assert.strictEqual(status, 201)
    deepStrictEqual(Schema.decodeUnknownSync(CreateHeaders.Response)(headers), response)
  })

  it.prop("the client decodes what the server encodes: PATCH", [
    inSeconds(AppendHeaders.Response, (fields) => new AppendHeaders.Response(fields))
  ], ([response]) => {
    const { headers, status } = TusDialect.encode({ reply: { _tag: "Appended", ...response } })
    assert.strictEqual(status, 204)
    deepStrictEqual(Schema.decodeUnknownSync(AppendHeaders.Response)(headers), response)
  })

  it.prop("the client decodes what the server encodes: HEAD", [
    FastCheck.tuple(uploads, seconds).map(([{ kind, length, metadata, offset }, second]) => ({
      _tag: "Inspected" as const,
      offset: some(offset),
      length,
      metadata,
      kind,
      expires: some(second)
    }))
  ], ([reply]) => {
    const { headers, status } = TusDialect.encode({ reply })
    assert.strictEqual(status, 200)
    deepStrictEqual<unknown>(
      { ...Schema.decodeUnknownSync(InspectHeaders.Response)(headers) },
      { ...InspectHeaders.fieldsOf(reply) }
    )
  })
})
