import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Checksum, type Policy, Refusal, Transfer, type Upload } from "effect-tus"
import type * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { at, bytes, fulls, now, policy, takers, unlimited, uploadOf } from "./arbitraries.js"
import { statusOf } from "./defects.js"

const none: Transfer.Verification = { _tag: "None" }
const byTrailer: Transfer.Verification = { _tag: "After", read: () => Option.none() }
const byHeader: Transfer.Verification = {
  _tag: "Before",
  checksum: new Checksum.Checksum({ algorithm: "crc32", digest: new Uint8Array(4) })
}

const endings = ["Ended", "Overrun", "Disconnected", "Idle", "TakenOver", "Shutdown"] as const
const wrong = Either.left(new Refusal.ChecksumMismatch({ algorithm: "crc32" }))

const planOf = (
  upload: Upload.Upload,
  options: {
    readonly length?: Option.Option<Upload.Bytes>
    readonly verification?: Transfer.Verification
    readonly contentLength?: number
    readonly isLast?: boolean
    readonly policy?: Policy.Policy
  } = {}
) =>
  Transfer.plan(
    upload,
    options.length ?? upload.length,
    {
      contentLength: Option.fromNullable(options.contentLength),
      verification: options.verification ?? none,
      isLast: Option.fromNullable(options.isLast)
    },
    options.policy ?? unlimited
  )

const planned = (...args: Parameters<typeof planOf>) => Either.getOrThrow(planOf(...args))

/** A plan, and a receipt that is possible under it. */
const received = (verifications: ReadonlyArray<Transfer.Verification>) =>
  FastCheck.record({
    upload: FastCheck.oneof(takers, fulls),
    verification: FastCheck.constantFrom(...verifications),
    sent: FastCheck.nat(6),
    ending: FastCheck.constantFrom(...endings),
    verdict: FastCheck.constantFrom<Transfer.Receipt["verdict"]>(Either.void, wrong),
    finishes: FastCheck.boolean()
  }).map(({ ending, finishes, sent, upload, verdict, verification }) => {
    const plan = planned(upload, { verification })
    const received = ending === "Overrun" && plan.room < Infinity ? plan.room : Math.min(sent, plan.room)
    const receipt: Transfer.Receipt = {
      received,
      ending,
      verdict: verification._tag === "None" ? Either.void : verdict
    }
    return { plan, policy: { ...unlimited, finishes }, receipt, upload }
  })

describe("Transfer", () => {
  describe("the plan", () => {
    const at3 = uploadOf({ offset: bytes(3) })
    const of10 = uploadOf({ offset: bytes(3), length: Option.some(bytes(10)) })

    it("has room for the rest of the upload", () => {
      assert.strictEqual(planned(of10).room, 7)
      assert.strictEqual(planned(at3, { length: Option.some(bytes(10)) }).room, 7)
      assert.strictEqual(planned(at3, { length: Option.some(bytes(3)) }).room, 0)
    })

    it("has room up to the maximum if the length is not known", () => {
      assert.strictEqual(planned(at3, { policy }).room, 97)
      assert.strictEqual(planned(at3, { policy: unlimited }).room, Infinity)
    })

    it("has no negative room if the maximum has been lowered since", () => {
      const lowered = { ...policy, maxSize: Option.some(2) }
      assert.strictEqual(planned(at3, { policy: lowered }).room, 0)
      assert(Either.isLeft(planOf(at3, { contentLength: 1, policy: lowered })))
    })

    it("refuses a body that announces too many bytes, before its first byte", () => {
      assert(Either.isRight(planOf(of10, { contentLength: 7 })))
      const beyondLength = Either.getOrThrow(Either.flip(planOf(of10, { contentLength: 8 })))
      assert.strictEqual(statusOf(beyondLength), 413)
      assert.strictEqual(beyondLength.message, "expected a body of at most 7 bytes, the rest of the upload")
      const beyondMaximum = Either.getOrThrow(Either.flip(planOf(at3, { contentLength: 98, policy })))
      assert.strictEqual(statusOf(beyondMaximum), 413)
      assert.strictEqual(beyondMaximum.message, "expected an upload of at most 100 bytes")
    })

    it.prop("refuses a body if and only if it is longer than the room, with the same refusal as for an overrun", [
      takers,
      FastCheck.nat(10)
    ], ([upload, contentLength]) => {
      const { limit, room } = planned(upload)
      const decision = planOf(upload, { contentLength })
      assert.strictEqual(Either.isLeft(decision), contentLength > room)
      if (Either.isLeft(decision)) {
        deepStrictEqual(decision.left, new Refusal.TooLarge(limit))
      }
    })
  })

  describe("the settlement", () => {
    it("Upload-Offset MUST be the sum of the offset before and the number of bytes received", () => {
      const upload = uploadOf({ offset: bytes(3), length: Option.some(bytes(10)) })
      const settled = Transfer.settle(
        planned(upload),
        { received: 4, ending: "Ended", verdict: Either.void },
        now,
        policy
      )
      assert.strictEqual(settled.upload.offset, 7)
      deepStrictEqual(settled.refusal, Option.none())
    })

    it("a checksum mismatch is 460: the chunk MUST be discarded and the offset MUST NOT be updated", () => {
      const upload = uploadOf({ length: Option.some(bytes(10)), expiresAt: Option.some(at(1)) })
      for (const verification of [byHeader, byTrailer]) {
        for (const received of [0, 4, 10]) {
          const plan = planned(upload, { verification })
          const settled = Transfer.settle(plan, { received, ending: "Ended", verdict: wrong }, now, policy)
          assert.strictEqual(settled.upload, upload)
          assert.strictEqual(statusOf(Option.getOrThrow(settled.refusal)), 460)
        }
      }
    })

    it("a length that came with a mismatching body is not set either", () => {
      const upload = uploadOf({})
      const plan = planned(upload, { length: Option.some(bytes(4)), verification: byHeader })
      const { upload: next } = Transfer.settle(plan, { received: 4, ending: "Ended", verdict: wrong }, now, policy)
      deepStrictEqual(next.length, Option.none())
    })

    it("The Server SHOULD always attempt to store as much of the received data as possible", () => {
      const upload = uploadOf({ length: Option.some(bytes(10)) })
      const status = { Disconnected: 503, Idle: 503, Shutdown: 503, TakenOver: 423 }
      for (const ending of ["Disconnected", "Idle", "Shutdown", "TakenOver"] as const) {
        const settled = Transfer.settle(planned(upload), { received: 4, ending, verdict: Either.void }, now, policy)
        assert.strictEqual(settled.upload.offset, 4)
        const refusal = Option.getOrThrow(settled.refusal)
        assert.strictEqual(statusOf(refusal), status[ending])
        assert.match(refusal.message, /; the upload stands at 4, continue from there$/)
      }
    })

    it("a body that is cut off under a checksum is discarded, and the refusal says the offset", () => {
      const upload = uploadOf({ offset: bytes(3), length: Option.some(bytes(10)) })
      for (const verification of [byHeader, byTrailer]) {
        const plan = planned(upload, { verification })
        const receipt = { received: 4, ending: "Disconnected", verdict: Either.void } as const
        const settled = Transfer.settle(plan, receipt, now, policy)
        assert.strictEqual(settled.upload, upload)
        assert.include(Option.getOrThrow(settled.refusal).message, "stands at 3")
      }
    })

    it("a body that is too long fills the upload and is refused; with a checksum it is discarded", () => {
      const upload = uploadOf({ offset: bytes(3), length: Option.some(bytes(10)) })
      const receipt = { received: 7, ending: "Overrun", verdict: Either.void } as const
      const without = Transfer.settle(planned(upload), receipt, now, policy)
      assert.strictEqual(without.upload.offset, 10)
      assert.isFalse(without.upload.isOpen)
      assert.strictEqual(statusOf(Option.getOrThrow(without.refusal)), 413)
      const under = Transfer.settle(planned(upload, { verification: byHeader }), receipt, now, policy)
      assert.strictEqual(under.upload, upload)
      assert.strictEqual(statusOf(Option.getOrThrow(under.refusal)), 413)
    })

    it("the deferred length of a request is set even if no bytes arrived", () => {
      const upload = uploadOf({ offset: bytes(3) })
      const plan = planned(upload, { length: Option.some(bytes(9)) })
      const receipt = { received: 0, ending: "Disconnected", verdict: Either.void } as const
      deepStrictEqual(Transfer.settle(plan, receipt, now, policy).upload.length, Option.some(bytes(9)))
    })

    it("an upload whose offset reaches its new length completes", () => {
      const upload = uploadOf({ offset: bytes(3), expiresAt: Option.some(at(1)) })
      const plan = planned(upload, { length: Option.some(bytes(3)) })
      const settled = Transfer.settle(plan, { received: 0, ending: "Ended", verdict: Either.void }, now, policy)
      deepStrictEqual<unknown>(settled.upload.completion, { _tag: "Complete", at: now, answer: Option.none() })
      deepStrictEqual(settled.upload.expiresAt, Option.none())
    })

    it("bytes that count renew the expiry", () => {
      const upload = uploadOf({ length: Option.some(bytes(9)), expiresAt: Option.some(at(1)) })
      const receipt = { received: 1, ending: "Ended", verdict: Either.void } as const
      deepStrictEqual(Transfer.settle(planned(upload), receipt, now, policy).upload.expiresAt, Option.some(at(60)))
      const eternal = { ...policy, expiresAfter: Option.none<Duration.Duration>() }
      deepStrictEqual(Transfer.settle(planned(upload), receipt, now, eternal).upload.expiresAt, Option.none())
    })

    it.prop(
      "counts what arrived, however the body ended",
      [received([none])],
      ([{ plan, policy, receipt, upload }]) => {
        const settled = Transfer.settle(plan, receipt, now, policy)
        assert.strictEqual(settled.upload.offset, upload.offset + receipt.received)
        deepStrictEqual(settled.upload.length, plan.length)
        assert.strictEqual(Option.isNone(settled.refusal), receipt.ending === "Ended")
        if (Option.isSome(settled.refusal) && settled.refusal.value._tag === "Interrupted") {
          assert.strictEqual(settled.refusal.value.offset, settled.upload.offset)
        }
      },
      { fastCheck: { numRuns: 300 } }
    )

    it.prop("keeps all bytes that match a checksum, and else changes nothing", [received([byHeader, byTrailer])], (
      [{ plan, policy, receipt, upload }]
    ) => {
      const settled = Transfer.settle(plan, receipt, now, policy)
      const verified = receipt.ending === "Ended" && Either.isRight(receipt.verdict)
      assert.strictEqual(Option.isNone(settled.refusal), verified)
      assert.strictEqual(settled.upload.offset, upload.offset + (verified ? receipt.received : 0))
      if (!verified) {
        assert.strictEqual(settled.upload, upload)
      }
    }, { fastCheck: { numRuns: 300 } })

    it.prop("an upload is full with its last byte and not before", [received([none, byHeader])], (
      [{ plan, policy, receipt, upload }]
    ) => {
      const { upload: next } = Transfer.settle(plan, receipt, now, policy)
      if (!upload.isOpen) {
        assert.strictEqual(next, upload)
        return
      }
      assert.strictEqual(next.isOpen, Option.isNone(next.length) || next.offset < next.length.value)
      if (!next.isOpen) {
        assert.strictEqual(next.completion._tag, policy.finishes && !next.isPartial ? "Finishing" : "Complete")
        deepStrictEqual(next.expiresAt, Option.none())
      }
    }, { fastCheck: { numRuns: 300 } })
  })

  describe("the checkpoint", () => {
    it.prop("counts what has arrived except the last byte, and only without a checksum", [
      received([none, byHeader, byTrailer])
    ], ([{ plan, policy, receipt, upload }]) => {
      const checkpoint = Transfer.checkpoint(plan, receipt.received, now, policy)
      const expected = upload.isOpen && plan.verification._tag === "None" && receipt.received > 0 &&
        receipt.received < plan.room
      assert.strictEqual(Option.isSome(checkpoint), expected)
      if (Option.isSome(checkpoint)) {
        assert.isTrue(checkpoint.value.isOpen)
        assert.strictEqual(checkpoint.value.offset, upload.offset + receipt.received)
        deepStrictEqual(checkpoint.value.length, plan.length)
        deepStrictEqual(checkpoint.value.expiresAt, Option.some(at(60)))
      }
    }, { fastCheck: { numRuns: 300 } })

    it.prop("is never ahead of the settlement that follows", [received([none]), FastCheck.nat(6)], (
      [{ plan, policy, receipt }, sooner]
    ) => {
      const before = Transfer.checkpoint(plan, Math.max(0, receipt.received - sooner), now, policy)
      const after = Transfer.settle(plan, receipt, now, policy)
      assert.isTrue(Option.match(before, { onNone: () => true, onSome: ({ offset }) => offset <= after.upload.offset }))
    })

    it("never reports a full upload, even if its length came with this request", () => {
      const upload = uploadOf({ offset: bytes(3) })
      const plan = planned(upload, { length: Option.some(bytes(5)) })
      deepStrictEqual(Transfer.checkpoint(plan, 2, now, policy), Option.none())
      const checkpoint = Option.getOrThrow(Transfer.checkpoint(plan, 1, now, policy))
      assert.strictEqual(checkpoint.offset, 4)
      deepStrictEqual(checkpoint.length, Option.some(bytes(5)))
    })
  })

  it("partial uploads complete without the hook", () => {
    const finishing = { ...policy, finishes: true }
    deepStrictEqual<unknown>(Transfer.completionOf({ isPartial: false }, now, finishing), { _tag: "Finishing" })
    assert.strictEqual(Transfer.completionOf({ isPartial: true }, now, finishing)._tag, "Complete")
    deepStrictEqual<unknown>(Transfer.completionOf({ isPartial: false }, now, policy), {
      _tag: "Complete",
      at: now,
      answer: Option.none()
    })
  })
})
