import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Append, Create, Discovery, Inspect, Refusal, Reply, Terminate } from "effect-tus"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { bytes, id, inSeconds, now, policy } from "./arbitraries.js"

const none = Option.none()
const some = Option.some

describe("Reply", () => {
  const answers: ReadonlyArray<readonly [title: string, Reply.Reply, status: number, headers: object]> = [
    ["OPTIONS", Discovery.respond({ ...policy, extensions: ["creation"], maxSize: none }), 204, {
      "tus-version": "1.0.0",
      "tus-extension": "creation"
    }],
    ["POST", new Create.Response({ location: `/files/${id("a")}`, offset: some(bytes(0)), expires: none }), 201, {
      "location": `/files/${id("a")}`,
      "upload-offset": "0"
    }],
    [
      "HEAD",
      new Inspect.Response({
        offset: some(bytes(3)),
        length: none,
        deferLength: some("1"),
        metadata: some("a YQ=="),
        concat: some("partial"),
        expires: some(now),
        cacheControl: "no-store"
      }),
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
    ["PATCH", new Append.Response({ offset: bytes(7), expires: none }), 204, { "upload-offset": "7" }],
    ["DELETE", new Terminate.Response(), 204, {}]
  ]
  for (const [method, response, status, headers] of answers) {
    it(`Tus-Resumable MUST be included in every response: ${method}`, () => {
      deepStrictEqual<unknown>(Reply.encode(response), {
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
  const invalid = (header: string) => new Refusal.InvalidHeader({ header, reason: "expected 1.0.0", actual: none })
  const refusals: ReadonlyArray<readonly [title: string, Refusal.Refusal, headers: object]> = [
    ["a version that is not supported MUST be answered with Tus-Version", invalid("tus-resumable"), {
      "tus-version": "1.0.0"
    }],
    ["415 for a type carries nothing more", invalid("content-type"), {}],
    ["415 for a coding says which one is taken", invalid("content-encoding"), { "accept-encoding": "identity" }],
    ["400 carries nothing more", invalid("upload-length"), {}],
    ["404 carries nothing more", new Refusal.UploadNotFound({ id: "x" }), {}],
    ["409 carries nothing more", new Refusal.OffsetMismatch({ expected: 1, actual: 2 }), {}],
    ["460 carries nothing more", new Refusal.ChecksumMismatch({ algorithm: "sha1" }), {}],
    ["405 carries Allow", new Refusal.MethodNotAllowed({ method: "GET", allow: ["OPTIONS", "POST"] }), {
      allow: "OPTIONS, POST"
    }],
    ["423 says when to come back", new Refusal.Finishing(), { "retry-after": "1" }],
    ["423 of a takeover says when to come back", new Refusal.Interrupted({ reason: "TakenOver", offset: 0 }), {
      "retry-after": "1"
    }],
    ["503 says when to come back", new Refusal.Interrupted({ reason: "Shutdown", offset: 0 }), { "retry-after": "1" }]
  ]
  for (const [title, refusal, headers] of refusals) {
    it(`a refusal is one line of text: ${title}`, () => {
      deepStrictEqual<unknown>(Reply.encode(refusal), {
        status: refusal.status,
        headers: { ...plain, ...headers },
        body: `${refusal.message}\n`
      })
    })
  }

  it("an application may reject by any status", () => {
    for (const status of [400, 403, 405, 412, 422, 423, 503]) {
      const reply = Reply.encode(new Refusal.UploadRejected({ status, reason: "no" }))
      assert.strictEqual(reply.status, status)
      assert.strictEqual(reply.body, "no\n")
      assert.notProperty(reply.headers, "allow")
    }
  })

  const responses: FastCheck.Arbitrary<readonly [Reply.Reply, (headers: unknown) => Reply.Reply]> = FastCheck.oneof(
    inSeconds(Create.Response, (fields) => new Create.Response(fields)).map((response) =>
      [response, Schema.decodeUnknownSync(Create.Response)] as const
    ),
    inSeconds(Inspect.Response, (fields) => new Inspect.Response(fields)).map((response) =>
      [response, Schema.decodeUnknownSync(Inspect.Response)] as const
    ),
    inSeconds(Append.Response, (fields) => new Append.Response(fields)).map((response) =>
      [response, Schema.decodeUnknownSync(Append.Response)] as const
    )
  )

  it.prop("what the server encodes the client decodes", [responses], ([[response, decode]]) => {
    const { headers, status } = Reply.encode(response)
    assert.strictEqual(status, response.status)
    assert.strictEqual(headers["tus-resumable"], "1.0.0")
    deepStrictEqual(decode(headers), response)
  })
})
