import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Inspect, TusDialect, type Upload } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { at, bytes, id, now, uploadOf, uploads } from "./arbitraries.js"
import { told } from "./defects.js"

type Fields = Parameters<typeof uploadOf>[0]

const complete: Fields = {
  offset: bytes(10),
  length: Option.some(bytes(10)),
  completion: { _tag: "Complete", at: now, answer: Option.none() }
}
const final: Upload.Kind = {
  _tag: "Final",
  parts: [id("b"), id("c")],
  concat: `final;https://tus.example.org/files/${id("b")} /files/${id("c")}`
}
const part = (length: number | undefined) =>
  Option.some(uploadOf({ kind: { _tag: "Partial" }, length: Option.map(Option.fromNullable(length), bytes) }))

const decide = (fields: Fields, parts: Parameters<typeof Inspect.decide>[1] = []) =>
  Inspect.decide(uploadOf(fields), parts, now)

const headersOf = (fields: Fields, parts?: Parameters<typeof Inspect.decide>[1]) =>
  TusDialect.encode({ reply: Either.getOrThrow(decide(fields, parts)) }).headers

describe("Inspect", () => {
  const answers: ReadonlyArray<readonly [title: string, Fields, parts: Parameters<typeof decide>[1], headers: object]> =
    [
      ["MUST always include Upload-Offset, even if it is 0", { length: Option.some(bytes(10)) }, [], {
        "upload-offset": "0",
        "upload-length": "10"
      }],
      ["MUST include Upload-Offset, even if the upload is already completed", complete, [], {
        "upload-offset": "10",
        "upload-length": "10"
      }],
      ["MUST set Upload-Defer-Length: 1 as long as the length is not known", { offset: bytes(3) }, [], {
        "upload-offset": "3",
        "upload-defer-length": "1"
      }],
      [
        "MUST omit Upload-Defer-Length if the length is not deferred, and include Upload-Length",
        { offset: bytes(3), length: Option.some(bytes(4)) },
        [],
        { "upload-offset": "3", "upload-length": "4" }
      ],
      [
        "MUST include Upload-Metadata as specified by the Client during the creation",
        { ...complete, metadata: Option.some(" a YQ== ,b ") },
        [],
        { "upload-offset": "10", "upload-length": "10", "upload-metadata": " a YQ== ,b " }
      ],
      ["has Upload-Expires for an unfinished upload", { offset: bytes(3), expiresAt: Option.some(at(60)) }, [], {
        "upload-offset": "3",
        "upload-defer-length": "1",
        "upload-expires": "Sun, 22 Nov 2026 12:01:00 GMT"
      }],
      ["of a partial upload MUST include Upload-Concat and Upload-Offset", { kind: { _tag: "Partial" } }, [], {
        "upload-offset": "0",
        "upload-defer-length": "1",
        "upload-concat": "partial"
      }],
      [
        "of a final SHOULD NOT contain Upload-Offset unless the concatenation has been finished",
        { kind: final, length: Option.some(bytes(9)) },
        [part(4), part(5)],
        { "upload-length": "9", "upload-concat": final.concat }
      ],
      [
        "of a final MUST include Upload-Length if it can be calculated at the time of the request",
        { kind: final },
        [part(4), part(5)],
        { "upload-length": "9", "upload-concat": final.concat }
      ],
      ["of a final without a length has no Upload-Length", { kind: final }, [part(4), part(undefined)], {
        "upload-concat": final.concat
      }],
      [
        "of a final whose length no number can hold has no Upload-Length",
        { kind: final },
        [part(Number.MAX_SAFE_INTEGER), part(1)],
        { "upload-concat": final.concat }
      ],
      ["of a finished final MUST set Upload-Offset and Upload-Length, equal", { ...complete, kind: final }, [], {
        "upload-offset": "10",
        "upload-length": "10",
        "upload-concat": final.concat
      }],
      [
        "of a finished final does not depend on its parts",
        { ...complete, kind: final },
        [Option.none(), Option.none()],
        { "upload-offset": "10", "upload-length": "10", "upload-concat": final.concat }
      ]
    ]
  for (const [title, fields, parts, headers] of answers) {
    it(`the response ${title}`, () => {
      deepStrictEqual<object>(headersOf(fields, parts), {
        ...headers,
        "cache-control": "no-store",
        "tus-resumable": "1.0.0"
      })
    })
  }

  it("The Server SHOULD acknowledge successful HEAD requests with 200, and MUST prevent caching", () => {
    const { headers, status } = TusDialect.encode({ reply: Either.getOrThrow(decide(complete)) })
    assert.strictEqual(status, 200)
    assert.strictEqual(headers["cache-control"], "no-store")
  })

  const rejected: Upload.Completion = { _tag: "Rejected", status: 451, reason: "not here" }
  const refusals: ReadonlyArray<readonly [title: string, Fields, parts: Parameters<typeof decide>[1], told: string]> = [
    ["an expired upload", { expiresAt: Option.some(now) }, [], "410 UploadExpired"],
    [
      "a rejected upload, as the application said",
      { ...complete, completion: rejected },
      [],
      "451 UploadRejected"
    ],
    ["a final that was rejected", { ...complete, kind: final, completion: rejected }, [], "451 UploadRejected"],
    [
      "an upload whose completion is being decided",
      { ...complete, completion: { _tag: "Finishing" } },
      [],
      "423 Finishing"
    ],
    ["a final whose first part is gone", { kind: final }, [Option.none(), part(1)], "410 PartGone"],
    [
      "a final whose last part is gone",
      { kind: final, length: Option.some(bytes(2)) },
      [part(1), Option.none()],
      "410 PartGone"
    ],
    ["a final without known parts", { kind: final }, [], "410 PartGone"],
    [
      "a final that has expired, before a part that is gone",
      { kind: final, expiresAt: Option.some(now) },
      [],
      "410 UploadExpired"
    ]
  ]
  for (const [title, fields, parts, expected] of refusals) {
    it(`refuses ${title}`, () => {
      assert.strictEqual(told(Either.getOrThrow(Either.flip(decide(fields, parts)))), expected)
    })
  }

  it("the refusal of a final names the part that is gone", () => {
    const refusal = Either.getOrThrow(Either.flip(decide({ kind: final }, [part(1), Option.none()])))
    assert.include(refusal.message, id("c"))
  })

  it.prop("every upload reports its offset, or why it has none", [
    uploads,
    FastCheck.array(FastCheck.option(uploads).map(Option.fromNullable), { minLength: 1, maxLength: 4 })
  ], ([upload, parts]) => {
    const decision = Inspect.decide(upload, parts, now)
    if (Either.isLeft(decision)) {
      assert.include(["UploadExpired", "UploadRejected", "Finishing", "PartGone"], decision.left._tag)
      return
    }
    const { expires, kind, length, metadata, offset } = decision.right
    const assembling = upload.isFinal && upload.isOpen
    deepStrictEqual(offset, assembling ? Option.none() : Option.some(upload.offset))
    assert.isTrue(Option.isNone(upload.length) || Option.getOrNull(length) === upload.length.value)
    deepStrictEqual(metadata, upload.metadata)
    deepStrictEqual(expires, upload.expiresAt)
    deepStrictEqual(kind, upload.kind)
    const { headers } = TusDialect.encode({ reply: decision.right })
    assert.strictEqual("upload-defer-length" in headers, Option.isNone(upload.length) && !upload.isFinal)
    assert.strictEqual("upload-concat" in headers, upload.isFinal || upload.isPartial)
  }, { fastCheck: { numRuns: 300 } })
})
