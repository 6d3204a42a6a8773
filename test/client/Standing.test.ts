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
    deepStrictEqual(Standing.bounds(before), [0, 0])
    const sending = Standing.sending(Standing.confirmed(before, at, 10), 30)
    deepStrictEqual(Standing.bounds(sending), [10, 30])
    deepStrictEqual(Standing.bounds(Standing.unsure(sending, at)), [10, 30])
    deepStrictEqual(Standing.bounds(Standing.sending(sending, 20)), [10, 30])
    deepStrictEqual(Standing.bounds(Standing.confirmed(sending, at, 25)), [25, 30])
    deepStrictEqual(Standing.bounds(Standing.sending(sending, 1000)), [10, 100])
  })

  it("has any of it where another session has left it, until the server says", () => {
    const found = Standing.found(total, at, Option.none())
    deepStrictEqual(Standing.bounds(found), [0, 100])
    deepStrictEqual(Standing.isFound(found), true)
    const confirmed = Standing.confirmed(found, at, 40)
    deepStrictEqual(Standing.bounds(confirmed), [40, 40])
    deepStrictEqual(Standing.isFound(confirmed), false)
    deepStrictEqual(Standing.bounds(Standing.found(Option.none(), at, Option.none())), [0, Standing.unlimited])
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
      const [least, most] = Standing.bounds(standing)
      standing = sends
        ? Standing.sending(standing, least + offset)
        : Standing.confirmed(standing, at, Math.min(least + offset, most))
      const [now, then] = Standing.bounds(standing)
      deepStrictEqual(now >= least && then >= most && now <= then, true)
    }
  })
})
