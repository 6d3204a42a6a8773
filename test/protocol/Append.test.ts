import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Append, AppendHeaders, BodyHeaders, Checksum, Refusal, Transfer, TusDialect, type Upload } from "effect-tus"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { at, bytes, fulls, id, now, policy, takers, unlimited, uploadOf, uploads } from "./arbitraries.js"
import { inOrder, sentenceOf, statusOf, told } from "./defects.js"

/** An upload and a request for it. */
interface Draft {
  readonly upload: Partial<ConstructorParameters<typeof Upload.Upload>[0]>
  readonly offset: number
  readonly length?: number
  readonly contentLength?: number
  readonly checksum?: Checksum.Checksum
  readonly trailer?: ReadonlyArray<string>
}

const requestOf = ({ checksum, contentLength, length, offset, trailer }: Omit<Draft, "upload">): Append.Request => ({
  offset: bytes(offset),
  length: Option.map(Option.fromNullable(length), bytes),
  ...BodyHeaders.bodyOf({
    contentLength: Option.map(Option.fromNullable(contentLength), bytes),
    checksum: Option.fromNullable(checksum),
    trailer: Option.fromNullable(trailer)
  })
})

const decide = ({ upload, ...request }: Draft, rules = policy) =>
  Append.decide(uploadOf(upload), requestOf(request), now, rules)

const crc32 = new Checksum.Checksum({ algorithm: "crc32", digest: new Uint8Array(4) })
const md5 = new Checksum.Checksum({ algorithm: "md5", digest: new Uint8Array(16) })

const halfway: Draft = {
  upload: { offset: bytes(5), length: Option.some(bytes(10)), expiresAt: Option.some(at(1)) },
  offset: 5,
  contentLength: 5
}
const full: Draft = {
  upload: {
    offset: bytes(10),
    length: Option.some(bytes(10)),
    completion: { _tag: "Complete", at: now, answer: Option.none() }
  },
  offset: 10
}
const deferred: Draft = { ...halfway, upload: { offset: bytes(5) } }

const withUpload = (draft: Draft, fields: Draft["upload"]): Draft => ({
  ...draft,
  upload: { ...draft.upload, ...fields }
})

const refusalOf = (draft: Draft, rules = policy) => Either.getOrThrow(Either.flip(decide(draft, rules)))

describe("Append", () => {
  describe("the order of refusals", () =>
    inOrder<Draft>(halfway, decide, [
      {
        name: "an expired upload",
        refused: "410 UploadExpired",
        of: ["life"],
        spoil: (draft) => withUpload(draft, { expiresAt: Option.some(now) })
      },
      {
        name: "a final upload",
        refused: "403 FinalUpload",
        of: ["kind"],
        spoil: (draft) =>
          withUpload(draft, {
            kind: { _tag: "Final", parts: [id("b")], concat: `final;/files/${id("b")}` },
            offset: bytes(0)
          })
      },
      {
        name: "an upload that the application has rejected",
        refused: "422 UploadRejected",
        of: ["life", "kind"],
        spoil: (draft) =>
          withUpload(draft, {
            offset: bytes(10),
            expiresAt: Option.none(),
            completion: { _tag: "Rejected", status: 422, reason: "a virus" }
          })
      },
      {
        name: "an algorithm that is not offered",
        refused: "400 upload-checksum",
        of: ["checksum"],
        spoil: (draft) => ({ ...draft, checksum: md5 })
      },
      {
        name: "another offset",
        refused: "409 OffsetMismatch",
        of: ["offset"],
        spoil: (draft) => ({ ...draft, offset: 4 })
      },
      {
        name: "another length",
        refused: "400 LengthConflict",
        of: ["length"],
        spoil: (draft) => ({ ...draft, length: 11 })
      },
      {
        name: "a length below the offset",
        refused: "400 LengthConflict",
        of: ["length", "kind"],
        spoil: (draft) => ({ ...withUpload(draft, { length: Option.none() }), length: 4 })
      },
      {
        name: "a length beyond the maximum",
        refused: "413 TooLarge",
        of: ["length", "kind"],
        spoil: (draft) => ({ ...withUpload(draft, { length: Option.none() }), length: 101 })
      },
      {
        name: "a body beyond the length",
        refused: "413 TooLarge",
        of: ["body"],
        spoil: (draft) => ({ ...draft, contentLength: 6 })
      }
    ]))

  it("The Server MUST respond with 403 to PATCH requests against a final upload, in any state of it", () => {
    const kind: Upload.Kind = { _tag: "Final", parts: [id("b")], concat: `final;/files/${id("b")}` }
    for (
      const upload of [
        { kind },
        { kind, length: Option.some(bytes(0)) },
        { ...full.upload, kind },
        { ...full.upload, kind, completion: { _tag: "Finishing" } as const },
        { ...full.upload, kind, completion: { _tag: "Rejected", status: 422, reason: "x" } as const }
      ]
    ) {
      for (const offset of [0, 10, 3]) {
        assert.strictEqual(told(refusalOf({ upload, offset, checksum: md5, contentLength: 1000 })), "403 FinalUpload")
      }
    }
  })

  it("If the offsets do not match, the Server MUST respond with 409, and the response names both", () => {
    for (const offset of [0, 4, 6, 10, Number.MAX_SAFE_INTEGER]) {
      const refusal = refusalOf({ ...halfway, offset })
      assert.strictEqual(statusOf(refusal), 409)
      assert.strictEqual(
        sentenceOf(refusal),
        `Upload-Offset: expected 5, where the upload stands, got ${offset}`
      )
    }
  })

  it("an unsupported checksum algorithm is refused with 400", () => {
    const refusal = refusalOf({ ...halfway, checksum: md5 })
    assert.strictEqual(statusOf(refusal), 400)
    assert.strictEqual(
      sentenceOf(refusal),
      "Upload-Checksum: expected one of the algorithms sha1, crc32, got \"md5\""
    )
  })

  describe("the length", () => {
    it("Once set the length MUST NOT be changed", () => {
      for (const length of [0, 5, 9, 11, 1000]) {
        const refusal = refusalOf({ ...halfway, length })
        assert.strictEqual(statusOf(refusal), 400)
        assert.strictEqual(sentenceOf(refusal), `Upload-Length: expected 10, as declared before, got ${length}`)
      }
    })

    it("the same length may be sent again", () => {
      const plan = Either.getOrThrow(decide({ ...halfway, length: 10 }))
      deepStrictEqual(plan.length, Option.some(bytes(10)))
    })

    it("a PATCH may set a deferred length", () => {
      deepStrictEqual(Either.getOrThrow(decide({ ...deferred, length: 10 })).length, Option.some(bytes(10)))
      deepStrictEqual(Either.getOrThrow(decide(deferred)).length, Option.none())
    })

    it("the length may equal the offset, and must not be below it", () => {
      assert(Either.isRight(decide({ ...deferred, length: 5, contentLength: 0 })))
      assert.strictEqual(
        sentenceOf(refusalOf({ ...deferred, length: 4, contentLength: 0 })),
        "Upload-Length: expected at least 5, the bytes that are already here, got 4"
      )
    })

    it("a length that comes with a body limits that body", () => {
      assert.strictEqual(told(refusalOf({ ...deferred, length: 9 })), "413 TooLarge")
      assert(Either.isRight(decide({ ...deferred, length: 10 })))
    })

    it("an upload may reach the maximum size and not exceed it", () => {
      assert(Either.isRight(decide({ ...deferred, length: 100 })))
      assert.strictEqual(told(refusalOf({ ...deferred, length: 101 })), "413 TooLarge")
      assert(Either.isRight(decide({ ...deferred, length: Number.MAX_SAFE_INTEGER }, unlimited)))
    })
  })

  it("a complete upload accepts an empty PATCH and no other", () => {
    assert(Either.isRight(decide(full)))
    assert(Either.isRight(decide({ ...full, contentLength: 0 })))
    assert.strictEqual(told(refusalOf({ ...full, contentLength: 1 })), "413 TooLarge")
    assert.strictEqual(told(refusalOf({ ...full, offset: 0, contentLength: 1 })), "409 OffsetMismatch")
    assert.strictEqual(Either.getOrThrow(decide(full)).room, 0)
  })

  it("an upload exists until the moment at which it expires", () => {
    assert(Either.isRight(decide(withUpload(halfway, { expiresAt: Option.some(at(0.001)) }))))
    assert.strictEqual(told(refusalOf(withUpload(halfway, { expiresAt: Option.some(now) }))), "410 UploadExpired")
    assert.strictEqual(told(refusalOf(withUpload(halfway, { expiresAt: Option.some(at(-1)) }))), "410 UploadExpired")
  })

  it("a PATCH to a rejected upload gets the refusal that the application gave", () => {
    const refusal = refusalOf({
      ...full,
      upload: { ...full.upload, completion: { _tag: "Rejected", status: 415, reason: "not an image" } }
    })
    assert.strictEqual(statusOf(refusal), 415)
    assert.strictEqual(sentenceOf(refusal), "not an image")
  })

  describe("the response", () => {
    it("The Server MUST acknowledge successful PATCH requests with 204 and Upload-Offset", () => {
      const response = Append.respond(uploadOf(full.upload))
      deepStrictEqual<unknown>(TusDialect.encode({ reply: response }), {
        status: 204,
        headers: { "tus-resumable": "1.0.0", "upload-offset": "10" }
      })
    })

    it("Upload-Expires MUST be included in every PATCH response if the upload is going to expire", () => {
      deepStrictEqual<object>(TusDialect.encode({ reply: Append.respond(uploadOf(halfway.upload)) }).headers, {
        "tus-resumable": "1.0.0",
        "upload-offset": "5",
        "upload-expires": "Sun, 22 Nov 2026 12:00:01 GMT"
      })
    })
  })

  it.prop("every state and request has a decision, and no plan exceeds the room that is left", [
    uploads,
    AppendHeaders.Request
  ], (
    [upload, headers]
  ) => {
    const request = AppendHeaders.read(headers)
    for (const offset of [request.offset, upload.offset]) {
      const decision = Append.decide(upload, { ...request, offset }, now, unlimited)
      if (Either.isLeft(decision)) {
        assert.isTrue(Refusal.isRefusal(decision.left))
        continue
      }
      const { length, room, upload: planned } = decision.right
      assert.strictEqual(planned, upload)
      assert.strictEqual(offset, upload.offset)
      assert.isFalse(upload.isFinal || upload.hasExpired(now) || upload.completion._tag === "Rejected")
      assert.isAtLeast(room, 0)
      assert.isTrue(Option.isNone(upload.length) || Option.getOrNull(length) === upload.length.value)
      assert.isAtMost(Option.getOrElse(request.contentLength, () => 0), room)
      assert.isTrue(Option.match(length, { onNone: () => true, onSome: (length) => offset + room === length }))
    }
  })

  describe("sequences of requests", () => {
    interface Step {
      readonly astray: number
      readonly length: number | undefined
      readonly sent: number
      readonly told: boolean
      readonly verification: "none" | "good" | "bad"
      readonly ending: "Ended" | Refusal.Interrupted["reason"]
      readonly later: number
    }

    const step: FastCheck.Arbitrary<Step> = FastCheck.record({
      astray: FastCheck.oneof({ weight: 5, arbitrary: FastCheck.constant(0) }, FastCheck.integer({ min: -2, max: 2 })),
      length: FastCheck.option(FastCheck.nat(12), { nil: undefined, freq: 2 }),
      sent: FastCheck.nat(5),
      told: FastCheck.boolean(),
      verification: FastCheck.constantFrom("none", "good", "bad"),
      ending: FastCheck.constantFrom("Ended", "Ended", "Ended", "Disconnected", "Idle", "TakenOver", "Shutdown"),
      later: FastCheck.nat(30)
    })

    const begun = FastCheck.oneof(
      takers,
      fulls.filter(({ isFinal }) => !isFinal),
      FastCheck.constantFrom(
        uploadOf({ expiresAt: Option.some(at(60)) }),
        uploadOf({ length: Option.some(bytes(12)) }),
        uploadOf({ kind: { _tag: "Partial" }, length: Option.some(bytes(7)) })
      )
    )

    /** One PATCH: the state before, the state after, and whether it was refused. */
    const perform = (upload: Upload.Upload, step: Step, moment: DateTime.Utc) => {
      const request = requestOf({
        offset: Math.min(Math.max(0, upload.offset + step.astray), Number.MAX_SAFE_INTEGER),
        ...(step.length === undefined ? {} : { length: step.length }),
        ...(step.told ? { contentLength: step.sent } : {}),
        ...(step.verification === "none" ? {} : { checksum: crc32 })
      })
      const decision = Append.decide(upload, request, moment, unlimited)
      if (Either.isLeft(decision)) {
        return { next: upload, refusal: Option.some(decision.left) }
      }
      const plan = decision.right
      const received = Math.min(step.sent, plan.room)
      const verdict = step.verification === "bad"
        ? Either.left(new Refusal.ChecksumMismatch({ algorithm: "crc32" }))
        : Either.void
      const ending = step.sent > received ? "Overrun" : step.ending
      const { refusal, upload: next } = Transfer.settle(plan, { received, ending, verdict }, moment, unlimited)
      return { next, refusal }
    }

    it.prop(
      "the offset never decreases and never exceeds the length, a set length stays, and a complete upload stays complete",
      [
        begun,
        FastCheck.array(step, { maxLength: 20 })
      ],
      ([first, steps]) => {
        let upload = first
        let moment = now
        for (const step of steps) {
          moment = DateTime.addDuration(moment, Duration.seconds(step.later))
          const { next, refusal } = perform(upload, step, moment)
          assert.isAtLeast(next.offset, upload.offset)
          assert.isAtMost(next.offset, upload.offset + step.sent)
          assert.isTrue(Option.match(next.length, { onNone: () => true, onSome: (length) => next.offset <= length }))
          assert.isTrue(Option.isNone(upload.length) || Option.getOrNull(next.length) === upload.length.value)
          if (!upload.isOpen || (Option.isSome(refusal) && step.verification !== "none")) {
            assert.strictEqual(next, upload)
          }
          for (const field of ["id", "kind", "metadata", "createdAt", "dialect"] as const) {
            deepStrictEqual(next[field], upload[field])
          }
          upload = next
        }
      },
      { fastCheck: { numRuns: 500 } }
    )

    it.prop("sending the rest from the current offset completes an upload", [begun, FastCheck.array(step)], (
      [first, steps]
    ) => {
      const upload = steps.reduce((upload, step) => perform(upload, step, now).next, first)
      const rest = { astray: 0, told: true, verification: "good", ending: "Ended", later: 0 } as const
      const { next, refusal } = perform(upload, {
        ...rest,
        length: Option.getOrElse(upload.length, () => upload.offset + 3),
        sent: Option.getOrElse(upload.length, () => upload.offset + 3) - upload.offset
      }, now)
      assert.strictEqual(Option.isSome(refusal), upload.completion._tag === "Rejected")
      assert.isFalse(next.isOpen)
    })
  })
})
