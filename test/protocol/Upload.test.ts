import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { at, bytes, fieldsOf, id, now, size, uploadOf, uploads } from "./arbitraries.js"

type Fields = Parameters<typeof uploadOf>[0]

const complete: Upload.Completion = { _tag: "Complete", at: now, answer: Option.none() }
const full: Fields = { offset: bytes(5), length: Option.some(bytes(5)) }
const kind: Upload.Kind = { _tag: "Final", parts: [id("b")], concat: `final;/files/${id("b")}` }

describe("Upload", () => {
  const illegal: ReadonlyArray<readonly [title: string, Fields, reason: string]> = [
    ["an offset beyond the length", { offset: bytes(6), length: Option.some(bytes(5)) }, "exceeds the length"],
    ["an open upload with all its bytes", full, "is no longer open"],
    ["an open upload of no length", { length: Option.some(bytes(0)) }, "is no longer open"],
    ["a complete upload without all its bytes", { ...full, offset: bytes(4), completion: complete }, "is open"],
    ["a complete upload without a length", { completion: complete }, "is open"],
    ["a finishing upload without all its bytes", { completion: { _tag: "Finishing" } }, "is open"],
    [
      "a rejected upload without all its bytes",
      { completion: { _tag: "Rejected", status: 400, reason: "" } },
      "is open"
    ],
    [
      "a complete upload that expires",
      { ...full, completion: complete, expiresAt: Option.some(at(1)) },
      "does not expire"
    ],
    ["an open final with an offset", { kind, offset: bytes(1) }, "no offset before it is assembled"]
  ]
  for (const [title, fields, reason] of illegal) {
    it(`${title} cannot be constructed`, () => {
      assert.throws(() => uploadOf(fields), reason)
      assert.throws(() => Upload.Upload.of(fieldsOf(fields)), reason)
    })
  }

  it("an open final of length 0 waits for its assembly", () => {
    assert.isTrue(uploadOf({ kind, length: Option.some(bytes(0)) }).isOpen)
  })

  it.prop("the short constructor makes the same upload", [uploads], ([upload]) => {
    deepStrictEqual(Upload.Upload.of({ ...upload }), upload)
  })

  it.prop(
    "cutting an upload changes its offset and nothing else",
    [uploads.filter(({ isOpen }) => isOpen), FastCheck.nat()],
    ([upload, n]) => {
      const offset = n % (upload.offset + 1)
      deepStrictEqual(upload.cut(offset), Upload.Upload.of({ ...upload, offset: bytes(offset) }))
    }
  )

  it.prop("every state survives being stored", [uploads], ([upload]) => {
    const stored: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(Upload.Upload)(upload)))
    deepStrictEqual(Schema.decodeUnknownSync(Upload.Upload)(stored), upload)
  })

  it.prop("length and offset are numbers of bytes", [FastCheck.double()], ([n]) => {
    const legal = Number.isSafeInteger(n) && n >= 0
    assert.strictEqual(Either.isRight(Schema.decodeEither(Upload.Bytes)(n)), legal)
  })

  it.prop("an upload that becomes full is no longer open and loses its expiry", [uploads, size], ([upload, length]) => {
    const filled = upload.fill(length, complete)
    assert.isFalse(filled.isOpen || filled.hasExpired(at(1e9)))
    assert.strictEqual(filled.offset, length)
    deepStrictEqual(filled.length, Option.some(length))
    deepStrictEqual(filled.kind, upload.kind)
  })

  it("an id has at least 128 bits, and no character with a meaning in URLs or file names", () => {
    const isId = Schema.is(Upload.UploadId)
    assert.isTrue(22 * Math.log2(64) >= 128)
    for (const text of ["a".repeat(22), "A-_0".repeat(32)]) {
      assert.isTrue(isId(text), text)
    }
    for (
      const text of ["", "a".repeat(21), "a".repeat(129), `${"a".repeat(22)}\n`, `../${"a".repeat(22)}`, "é".repeat(22)]
    ) {
      assert.isFalse(isId(text), text)
    }
  })
})
