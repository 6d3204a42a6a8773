import { describe, it } from "@effect/vitest"
import { assertNone, deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as UploadPosition from "../../src/client/upload/UploadPosition.js"

const at = { url: "http://a/1", crossOrigin: false }
const total = Option.some(100)

describe("where an upload stands", () => {
  it("has none of it before anything was sent, and then at most what was", () => {
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

  it("has come furthest where it was before it lost some", () => {
    const back = UploadPosition.confirmed(UploadPosition.confirmed(UploadPosition.notCreated(total), at, 10), at, 4)
    deepStrictEqual([back.confirmed, back.furthest], [4, 10])
  })

  it("has any of it where another session has left it, until the server says", () => {
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

  it("is at its end when the server has said so, and knows that it is the end", () => {
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

  it.prop("never had more confirmed than it can have", [FastCheck.array(step)], ([steps]) => {
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
