import { describe, it } from "@effect/vitest"
import { assertNone, deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as UploadPosition from "../../src/client/upload/UploadPosition.js"

const at = { url: "http://a/1", crossOrigin: false }
const total = Option.some(100)

describe("UploadPosition", () => {
  it("is 0 before anything was sent, and afterwards at most what was sent", () => {
    const before = UploadPosition.notCreated(total)
    deepStrictEqual(UploadPosition.bounds(before, false), [0, 0])
    const sending = UploadPosition.sending(UploadPosition.confirmed(before, at, 10), 30)
    deepStrictEqual(UploadPosition.bounds(sending, false), [10, 30])
    deepStrictEqual(UploadPosition.bounds(UploadPosition.offsetUnknown(sending, at), false), [10, 30])
    deepStrictEqual(UploadPosition.bounds(UploadPosition.sending(sending, 20), false), [10, 30])
    deepStrictEqual(UploadPosition.bounds(UploadPosition.confirmed(sending, at, 25), false), [25, 30])
    deepStrictEqual(UploadPosition.bounds(UploadPosition.sending(sending, 1000), false), [10, 100])
    deepStrictEqual(UploadPosition.bounds(sending, true), [0, 30])
  })

  it("keeps its furthest offset when bytes were lost", () => {
    const back = UploadPosition.confirmed(UploadPosition.confirmed(UploadPosition.notCreated(total), at, 10), at, 4)
    deepStrictEqual([back.confirmed, back.furthest], [4, 10])
  })

  it("may have any offset if another session left the upload, until the server reports it", () => {
    const found = UploadPosition.existing(total, at, Option.none())
    deepStrictEqual(UploadPosition.bounds(found, false), [0, 100])
    deepStrictEqual(UploadPosition.isResuming(found), true)
    const confirmed = UploadPosition.confirmed(found, at, 40)
    deepStrictEqual(UploadPosition.bounds(confirmed, false), [40, 40])
    deepStrictEqual(UploadPosition.isResuming(confirmed), false)
    deepStrictEqual(UploadPosition.bounds(UploadPosition.existing(Option.none(), at, Option.none()), false), [
      0,
      UploadPosition.unlimited
    ])
  })

  it("has ended if the server has confirmed all bytes of a declared length", () => {
    const all = UploadPosition.confirmed({ ...UploadPosition.notCreated(total), declared: true }, at, 100)
    deepStrictEqual(UploadPosition.ended(all, UploadPosition.unlimited), Option.some("Complete"))
    deepStrictEqual(UploadPosition.ended(all, 50), Option.some("Complete"))
    assertNone(UploadPosition.ended({ ...all, declared: false }, UploadPosition.unlimited))
    assertNone(UploadPosition.ended({ ...all, total: Option.none() }, UploadPosition.unlimited))
    assertNone(UploadPosition.ended(UploadPosition.offsetUnknown(all, at), UploadPosition.unlimited))
    const half = UploadPosition.confirmed(all, at, 50)
    deepStrictEqual(UploadPosition.ended(half, 50), Option.some("Stopped"))
    assertNone(UploadPosition.ended(half, 51))
    assertNone(UploadPosition.ended(UploadPosition.notCreated(total), 0))
  })

  const step = FastCheck.record({ sends: FastCheck.boolean(), offset: FastCheck.nat(200) })

  it.prop("never has more confirmed bytes than possible", [FastCheck.array(step)], ([steps]) => {
    let position = UploadPosition.notCreated(Option.none())
    for (const { offset, sends } of steps) {
      const [least, most] = UploadPosition.bounds(position, false)
      position = sends
        ? UploadPosition.sending(position, least + offset)
        : UploadPosition.confirmed(position, at, Math.min(least + offset, most))
      const [now, then] = UploadPosition.bounds(position, false)
      deepStrictEqual(now >= least && then >= most && now <= then, true)
    }
  })
})
