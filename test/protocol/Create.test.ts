import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Checksum, Concat, Create, CreateHeaders, TusDialect, Upload } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { at, bytes, fulls, id, now, policy, takers, unlimited, uploadOf, uploads } from "./arbitraries.js"
import { type Defect, inOrder, sentenceOf, statusOf, told } from "./defects.js"

/** A request, and the parts that were found for it. */
interface Draft {
  readonly headers: Readonly<Record<string, string>>
  readonly parts: ReadonlyArray<Upload.Upload>
}

const requestOf = (headers: Draft["headers"]) =>
  Either.getOrThrow(CreateHeaders.read(Schema.decodeUnknownSync(CreateHeaders.Request)(headers), "/files"))

const decide = ({ headers, parts }: Draft, rules = policy) =>
  Create.decide(requestOf(headers), { id: id("f"), now, parts }, rules)

const created = (headers: Draft["headers"], parts: Draft["parts"] = [], rules = policy) =>
  Either.getOrThrow(decide({ headers, parts }, rules))

const refusalOf = (headers: Draft["headers"], parts: Draft["parts"] = [], rules = policy) =>
  Either.getOrThrow(Either.flip(decide({ headers, parts }, rules)))

const lookedUp = (headers: Draft["headers"]) =>
  Either.map(
    CreateHeaders.read(Schema.decodeUnknownSync(CreateHeaders.Request)(headers), "/files"),
    ({ kind }) => kind._tag === "Final" ? kind.parts.map(({ id }) => id) : []
  )

const withHeaders = (added: Draft["headers"]) => (draft: Draft): Draft => ({
  ...draft,
  headers: { ...draft.headers, ...added }
})

const octets = { "content-type": "application/offset+octet-stream" }
const kind: Upload.Kind = { _tag: "Partial" }
const partOf = (letter: string, length: number) =>
  uploadOf({
    id: id(letter),
    kind,
    offset: bytes(length),
    length: Option.some(bytes(length)),
    completion: { _tag: "Complete", at: now, answer: Option.none() }
  })
const openPart = uploadOf({ id: id("c"), kind, length: Option.some(bytes(7)), expiresAt: Option.some(at(9)) })
const deferredPart = uploadOf({ id: id("d"), kind })

const finalOf = (...parts: ReadonlyArray<Upload.Upload>): Draft["headers"] => ({
  "upload-concat": `final;${parts.map((part) => `/files/${part.id}`).join(" ")}`
})

const tooMuchMetadata: Defect<Draft> = {
  name: "more metadata than is allowed",
  refused: "400 upload-metadata",
  of: ["metadata"],
  spoil: withHeaders({ "upload-metadata": "k".repeat(65) })
}
const foreignBody: Defect<Draft> = {
  name: "a body of another type",
  refused: "415 content-type",
  of: ["body"],
  spoil: withHeaders({ "content-type": "text/plain", "content-length": "1" })
}
const unknownAlgorithm: Defect<Draft> = {
  name: "an algorithm that is not offered",
  refused: "400 upload-checksum",
  of: ["checksum"],
  spoil: withHeaders({ "upload-checksum": "md5 AAAAAAAAAAAAAAAAAAAAAA==" })
}
const replacePart = (index: number, part: Upload.Upload) => ({ headers, parts }: Draft): Draft => ({
  headers,
  parts: parts.map((found, i) => (i === index ? part : found))
})

describe("Create", () => {
  describe("the order of refusals", () =>
    inOrder<Draft>({ headers: { "upload-length": "10", "content-length": "10", ...octets }, parts: [] }, decide, [
      foreignBody,
      {
        name: "bytes in a content coding",
        refused: "415 content-encoding",
        of: ["body"],
        spoil: withHeaders({ "content-encoding": "gzip" })
      },
      {
        name: "a length and a deferred length",
        refused: "400 upload-length",
        of: ["length"],
        spoil: withHeaders({ "upload-defer-length": "1" })
      },
      tooMuchMetadata,
      {
        name: "a length beyond the maximum",
        refused: "413 TooLarge",
        of: ["length"],
        spoil: withHeaders({ "upload-length": "101" })
      },
      unknownAlgorithm,
      {
        name: "a body beyond the length",
        refused: "413 TooLarge",
        of: ["body"],
        spoil: withHeaders({ "content-length": "11" })
      }
    ]))

  describe("the order of refusals of a final upload", () => {
    const parts = [partOf("a", 1), partOf("b", 2), partOf("c", 3)]
    inOrder<Draft>({ headers: finalOf(...parts), parts }, decide, [
      foreignBody,
      {
        name: "a length of its own",
        refused: "400 upload-length",
        of: ["length"],
        spoil: withHeaders({ "upload-length": "6" })
      },
      tooMuchMetadata,
      {
        name: "a body of its own",
        refused: "403 FinalUpload",
        of: ["body"],
        spoil: withHeaders(octets)
      },
      {
        name: "a part that is not a partial upload",
        refused: "400 upload-concat",
        of: ["b"],
        spoil: replacePart(1, uploadOf({ id: id("b") }))
      },
      {
        name: "a part that has expired",
        refused: "410 UploadExpired",
        of: ["a"],
        spoil: replacePart(
          0,
          uploadOf({ id: id("a"), kind, length: Option.some(bytes(1)), expiresAt: Option.some(now) })
        )
      },
      {
        name: "more bytes than the maximum",
        refused: "413 TooLarge",
        of: ["c"],
        spoil: replacePart(2, partOf("c", 99))
      },
      unknownAlgorithm
    ])
  })

  describe("the length", () => {
    it("The request MUST include one of Upload-Length and Upload-Defer-Length: 1", () => {
      deepStrictEqual(created({ "upload-length": "10" }).upload.length, Option.some(bytes(10)))
      deepStrictEqual(created({ "upload-defer-length": "1" }).upload.length, Option.none())
      for (
        const headers of [{}, { "upload-length": "10", "upload-defer-length": "1" }, { "upload-concat": "partial" }]
      ) {
        const refusal = refusalOf(headers)
        assert.strictEqual(statusOf(refusal), 400)
        assert.strictEqual(
          sentenceOf(refusal),
          "Upload-Length, Upload-Defer-Length: expected one of them: a length, or that it follows later"
        )
      }
    })

    it("If the length of the upload exceeds the maximum, the Server MUST respond with 413", () => {
      assert.strictEqual(statusOf(refusalOf({ "upload-length": "101" })), 413)
      assert.strictEqual(statusOf(refusalOf({ "upload-length": "101", "upload-concat": "partial" })), 413)
      assert(Either.isRight(decide({ headers: { "upload-length": "100" }, parts: [] })))
      assert(Either.isRight(decide({ headers: { "upload-length": "9007199254740991" }, parts: [] }, unlimited)))
    })

    it("the body of an upload without a length is limited to the maximum; one that announces more is refused before its first byte", () => {
      const deferred = { ...octets, "upload-defer-length": "1" }
      assert.strictEqual(statusOf(refusalOf({ ...deferred, "content-length": "101" })), 413)
      assert.strictEqual(Option.getOrThrow(created({ ...deferred, "content-length": "100" }).plan).room, 100)
      assert.strictEqual(Option.getOrThrow(created(deferred).plan).room, 100)
    })

    it("Such an upload, of length 0, is immediately complete after its creation", () => {
      const { upload } = created({ "upload-length": "0" })
      deepStrictEqual<unknown>(upload.completion, { _tag: "Complete", at: now, answer: Option.none() })
      deepStrictEqual(upload.expiresAt, Option.none())
      const finishing = { ...policy, finishes: true }
      assert.strictEqual(created({ "upload-length": "0" }, [], finishing).upload.completion._tag, "Finishing")
      const part = { "upload-length": "0", "upload-concat": "partial" }
      assert.strictEqual(created(part, [], finishing).upload.completion._tag, "Complete")
      assert.isTrue(created({ "upload-defer-length": "1" }).upload.isOpen)
    })
  })

  describe("the metadata", () => {
    it("is stored as it was sent, byte for byte", () => {
      const metadata = " filename ,,b YQ==\t, c,"
      const { upload } = created({ "upload-length": "1", "upload-metadata": metadata })
      deepStrictEqual(upload.metadata, Option.some(metadata))
    })

    it("an empty header counts as no header", () => {
      for (const header of ["", " ", "\t ", ",", " ,, "]) {
        deepStrictEqual(
          created({ "upload-length": "1", "upload-metadata": header }).upload.metadata,
          Option.none()
        )
      }
    })

    it("is limited by the number of characters of the policy", () => {
      const headers = { "upload-length": "1", "upload-metadata": "k".repeat(64) }
      assert(Either.isRight(decide({ headers, parts: [] })))
      const refusal = refusalOf({ ...headers, "upload-metadata": "k".repeat(65) })
      assert.strictEqual(statusOf(refusal), 400)
      assert.strictEqual(sentenceOf(refusal), "Upload-Metadata: expected at most 64 characters")
    })
  })

  describe("creation with upload", () => {
    const sent = { ...octets, "upload-length": "10", "content-length": "4" }

    it("The Client MUST include Content-Type: application/offset+octet-stream with a body", () => {
      assert.isTrue(Create.bringsBytes(requestOf(sent)))
      const { "content-type": _, ...untyped } = sent
      for (
        const headers of [
          untyped,
          { ...sent, "content-type": "text/plain" },
          { "upload-length": "10", "transfer-encoding": "chunked" }
        ]
      ) {
        const refusal = refusalOf(headers)
        assert.strictEqual(statusOf(refusal), 415)
        assert.include(sentenceOf(refusal), "Content-Type: expected application/offset+octet-stream")
      }
    })

    it("another content type is ignored if there is no body", () => {
      for (const length of [{}, { "content-length": "0" }]) {
        const { plan } = created({ "upload-length": "10", "content-type": "text/plain", ...length })
        deepStrictEqual(plan, Option.none())
      }
    })

    it("a content coding is refused, as for a PATCH", () => {
      for (const body of [{ "content-length": "4" }, { "transfer-encoding": "chunked" }, {}]) {
        const headers = { ...octets, "upload-length": "10", ...body }
        const refusal = refusalOf({ ...headers, "content-encoding": "gzip" })
        assert.strictEqual(told(refusal), "415 content-encoding")
        assert.include(sentenceOf(refusal), "Content-Encoding: expected none but identity")
        assert.isTrue(Option.isSome(created({ ...headers, "content-encoding": "Identity" }).plan))
      }
    })

    it("a content coding is ignored if there is no body", () => {
      for (const length of [{}, { "content-length": "0" }]) {
        deepStrictEqual(created({ "upload-length": "10", "content-encoding": "gzip", ...length }).plan, Option.none())
      }
    })

    it("the body is planned like that of a PATCH", () => {
      const { plan, upload } = created({ ...sent, "upload-checksum": "crc32 AAAAAA==" })
      const { room, upload: planned, verification } = Option.getOrThrow(plan)
      assert.strictEqual(room, 10)
      assert.strictEqual(planned, upload)
      deepStrictEqual(verification, {
        _tag: "Before",
        checksum: new Checksum.Checksum({ algorithm: "crc32", digest: new Uint8Array(4) })
      })
    })

    it("a body longer than the upload is refused before its first byte", () => {
      const refusal = refusalOf({ ...sent, "content-length": "11" })
      assert.strictEqual(statusOf(refusal), 413)
    })

    it("the body of an upload of length 0 must be empty", () => {
      const empty = { ...octets, "upload-length": "0" }
      assert.strictEqual(Option.getOrThrow(created({ ...empty, "content-length": "0" }).plan).room, 0)
      assert.strictEqual(statusOf(refusalOf({ ...empty, "content-length": "1" })), 413)
    })

    it("a partial upload may come with bytes", () => {
      const { plan, upload } = created({ ...sent, "upload-concat": "partial" })
      assert.isTrue(upload.isPartial)
      assert.isTrue(Option.isSome(plan))
    })
  })

  describe("concatenation", () => {
    const [a, b] = [partOf("a", 2), partOf("b", 3)] as const

    it("The Client MUST NOT include the Upload-Length header in the final upload creation", () => {
      for (const headers of [{ "upload-length": "5" }, { "upload-defer-length": "1" }]) {
        const refusal = refusalOf({ ...finalOf(a, b), ...headers }, [a, b])
        assert.strictEqual(statusOf(refusal), 400)
        assert.include(sentenceOf(refusal), "Upload-Length: expected none for a final upload")
      }
    })

    it("The length of the final upload MUST be the sum of the length of all partial uploads", () => {
      const { plan, upload } = created(finalOf(a, b), [a, b])
      deepStrictEqual(upload.length, Option.some(bytes(5)))
      assert.strictEqual(upload.offset, 0)
      assert.isTrue(upload.isOpen && upload.isFinal)
      deepStrictEqual(plan, Option.none())
      deepStrictEqual(created(finalOf(a, openPart), [a, openPart]).upload.length, Option.some(bytes(9)))
    })

    it("The Client MAY send the concatenation request while the partial uploads are still in progress", () => {
      const { upload } = created(finalOf(a, openPart, deferredPart), [a, openPart, deferredPart])
      deepStrictEqual(upload.length, Option.none())
      assert.isTrue(upload.isOpen)
    })

    it("a waiting final has no expiry of its own; it exists as long as its parts", () => {
      const { upload } = created(finalOf(a, openPart, deferredPart), [a, openPart, deferredPart])
      deepStrictEqual(upload.expiresAt, Option.none())
    })

    it("a final of empty parts is open until it is assembled", () => {
      const empty = partOf("a", 0)
      const { upload } = created(finalOf(empty, empty), [empty, empty])
      deepStrictEqual(upload.length, Option.some(bytes(0)))
      assert.isTrue(upload.isOpen)
    })

    it("the partial uploads' metadata SHALL NOT be transferred to the new final upload", () => {
      const part = new Upload.Upload({ ...a, metadata: Option.some("a YQ==") })
      deepStrictEqual(created(finalOf(part), [part]).upload.metadata, Option.none())
      const own = { ...finalOf(part), "upload-metadata": "b Yg==" }
      deepStrictEqual(created(own, [part]).upload.metadata, Option.some("b Yg=="))
    })

    it("The same partial upload MAY be present multiple times", () => {
      const { upload } = created(finalOf(a, b, a), [a, b, a])
      deepStrictEqual(upload.length, Option.some(bytes(7)))
      deepStrictEqual(upload.kind._tag === "Final" ? upload.kind.parts : [], [a.id, b.id, a.id])
    })

    it("a final consists of partial uploads only", () => {
      const whole = uploadOf({ id: id("w"), length: Option.some(bytes(1)) })
      const final = created(finalOf(a), [a]).upload
      for (const foreign of [whole, final]) {
        const refusal = refusalOf(finalOf(a, foreign), [a, foreign])
        assert.strictEqual(statusOf(refusal), 400)
        assert.strictEqual(sentenceOf(refusal), `Upload-Concat: expected partial uploads only, got "${foreign.id}"`)
      }
    })

    it("a final above the maximum size is refused as soon as its length is known", () => {
      const large = partOf("a", 60)
      const small = partOf("b", 40)
      assert.strictEqual(statusOf(refusalOf(finalOf(large, large), [large, large])), 413)
      assert(Either.isRight(decide({ headers: finalOf(large, small), parts: [large, small] })))
    })

    it("a final whose length no number can hold is refused", () => {
      const huge = uploadOf({ id: id("h"), kind, length: Option.some(bytes(Number.MAX_SAFE_INTEGER)) })
      const refusal = refusalOf(finalOf(huge, a), [huge, a], unlimited)
      assert.strictEqual(told(refusal), "413 TooLarge")
      assert(Either.isRight(decide({ headers: finalOf(huge), parts: [huge] }, unlimited)))
      const unknown = created(finalOf(huge, huge, deferredPart), [huge, huge, deferredPart], unlimited)
      deepStrictEqual(unknown.upload.length, Option.none())
    })

    it("only a final upload names parts to look up", () => {
      deepStrictEqual<unknown>(lookedUp(finalOf(b, a, b)), Either.right([b.id, a.id, b.id]))
      deepStrictEqual<unknown>(lookedUp({ "upload-concat": "partial" }), Either.right([]))
      deepStrictEqual<unknown>(lookedUp({ "upload-length": "1" }), Either.right([]))
      const elsewhere = Either.flip(lookedUp({ "upload-concat": `final;/other/${a.id}` }))
      assert.strictEqual(told(Either.getOrThrow(elsewhere)), "400 upload-concat")
    })

    it.prop("The partial uploads MUST be concatenated as per the order specified in the list", [
      FastCheck.array(FastCheck.oneof(takers, fulls), { minLength: 1, maxLength: 6 })
    ], ([found]) => {
      const parts = found.map((part) => new Upload.Upload({ ...part, kind }))
      const decision = decide({ headers: finalOf(...parts), parts }, unlimited)
      if (Either.isLeft(decision)) {
        assert.strictEqual(decision.left._tag, "TooLarge")
        deepStrictEqual(Concat.lengthOf(parts), Option.none())
        return
      }
      const { upload } = decision.right
      assert(upload.kind._tag === "Final")
      deepStrictEqual<unknown>(upload.kind.parts, parts.map(({ id }) => id))
      assert.strictEqual(upload.kind.concat, finalOf(...parts)["upload-concat"])
    })
  })

  describe("the response", () => {
    it("The Server MUST acknowledge a creation with 201 and set Location to the URL of the upload", () => {
      const { upload } = created({ "upload-length": "10" })
      const response = Create.respond(upload, "/files", requestOf({ "upload-length": "10" }))
      deepStrictEqual<unknown>(TusDialect.encode({ reply: response }), {
        status: 201,
        headers: {
          "tus-resumable": "1.0.0",
          location: `/files/${id("f")}`,
          "upload-expires": "Sun, 22 Nov 2026 12:01:00 GMT"
        }
      })
    })

    it("Location is / and the id if the collection is at the root", () => {
      const { upload } = created({ "upload-length": "10" })
      const { url } = Create.respond(upload, "", requestOf({ "upload-length": "10" }))
      assert.strictEqual(url, `/${id("f")}`)
    })

    it("with upload it MUST set Upload-Offset to the offset after applying the accepted bytes", () => {
      const request = requestOf({ ...octets, "upload-length": "10" })
      for (const offset of [0, 4]) {
        const upload = uploadOf({ offset: bytes(offset), length: Option.some(bytes(10)) })
        deepStrictEqual(Create.respond(upload, "/files", request).offset, Option.some(bytes(offset)))
      }
    })

    it("Upload-Expires is left out if the upload does not expire", () => {
      const request = requestOf({ "upload-length": "0" })
      deepStrictEqual(
        Create.respond(created({ "upload-length": "0" }).upload, "/files", request).expires,
        Option.none()
      )
      const eternal = created({ "upload-length": "1" }, [], { ...policy, expiresAfter: Option.none() })
      deepStrictEqual(Create.respond(eternal.upload, "/files", request).expires, Option.none())
    })
  })

  it.prop("every request and any parts have a decision, and a new upload has offset 0 and the given id", [
    CreateHeaders.Request,
    FastCheck.array(uploads, { maxLength: 4 }),
    FastCheck.constantFrom(policy, unlimited, { ...unlimited, finishes: true })
  ], ([headers, parts, rules]) => {
    const read = CreateHeaders.read(headers, "/files")
    if (Either.isLeft(read)) {
      assert.strictEqual(told(read.left), "400 upload-concat")
      return
    }
    const request = read.right
    const decision = Create.decide(request, { id: id("f"), now, parts }, rules)
    if (Either.isRight(decision)) {
      const { plan, upload } = decision.right
      assert.strictEqual(upload.id, id("f"))
      assert.strictEqual(upload.offset, 0)
      assert.strictEqual(Option.isSome(plan), Create.bringsBytes(request))
      assert.isFalse(upload.isFinal && Create.bringsBytes(request))
      assert.isTrue(Option.isNone(rules.maxSize) || !Option.exists(upload.length, (length) => length > 100))
    }
  }, { fastCheck: { numRuns: 300 } })
})
