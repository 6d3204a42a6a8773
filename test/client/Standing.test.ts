import { describe, it } from "@effect/vitest"
import { assertNone, deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Standing from "../../src/client/Standing.js"

const at = { url: "http://a/1", foreign: false }
const total = Option.some(100)

describe("where an upload stands", () => {
  it("has none of it before anything was sent, and then at most what was", () => {
    const before = Standing.nowhere(total)
    deepStrictEqual(Standing.bounds(before, false), [0, 0])
    const sending = Standing.sending(Standing.confirmed(before, at, 10), 30)
    deepStrictEqual(Standing.bounds(sending, false), [10, 30])
    deepStrictEqual(Standing.bounds(Standing.unsure(sending, at), false), [10, 30])
    deepStrictEqual(Standing.bounds(Standing.sending(sending, 20), false), [10, 30])
    deepStrictEqual(Standing.bounds(Standing.confirmed(sending, at, 25), false), [25, 30])
    deepStrictEqual(Standing.bounds(Standing.sending(sending, 1000), false), [10, 100])
    deepStrictEqual(Standing.bounds(sending, true), [0, 30])
  })

  it("has come furthest where it was before it lost some", () => {
    const back = Standing.confirmed(Standing.confirmed(Standing.nowhere(total), at, 10), at, 4)
    deepStrictEqual([back.confirmed, back.furthest], [4, 10])
  })

  it("has any of it where another session has left it, until the server says", () => {
    const found = Standing.found(total, at, Option.none())
    deepStrictEqual(Standing.bounds(found, false), [0, 100])
    deepStrictEqual(Standing.isFound(found), true)
    const confirmed = Standing.confirmed(found, at, 40)
    deepStrictEqual(Standing.bounds(confirmed, false), [40, 40])
    deepStrictEqual(Standing.isFound(confirmed), false)
    deepStrictEqual(Standing.bounds(Standing.found(Option.none(), at, Option.none()), false), [0, Standing.unlimited])
  })

  it("is at its end when the server has said so, and knows that it is the end", () => {
    const all = Standing.confirmed({ ...Standing.nowhere(total), declared: true }, at, 100)
    deepStrictEqual(Standing.ended(all, Standing.unlimited), Option.some("Complete"))
    deepStrictEqual(Standing.ended(all, 50), Option.some("Complete"))
    assertNone(Standing.ended({ ...all, declared: false }, Standing.unlimited))
    assertNone(Standing.ended({ ...all, total: Option.none() }, Standing.unlimited))
    assertNone(Standing.ended(Standing.unsure(all, at), Standing.unlimited))
    const half = Standing.confirmed(all, at, 50)
    deepStrictEqual(Standing.ended(half, 50), Option.some("Stopped"))
    assertNone(Standing.ended(half, 51))
    assertNone(Standing.ended(Standing.nowhere(total), 0))
  })

  const step = FastCheck.record({ sends: FastCheck.boolean(), offset: FastCheck.nat(200) })

  it.prop("never had more confirmed than it can have", [FastCheck.array(step)], ([steps]) => {
    let standing = Standing.nowhere(Option.none())
    for (const { offset, sends } of steps) {
      const [least, most] = Standing.bounds(standing, false)
      standing = sends
        ? Standing.sending(standing, least + offset)
        : Standing.confirmed(standing, at, Math.min(least + offset, most))
      const [now, then] = Standing.bounds(standing, false)
      deepStrictEqual(now >= least && then >= most && now <= then, true)
    }
  })
})
