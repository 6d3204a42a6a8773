import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome, deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Size from "../../src/cli/terminal/Size.js"

const bytes = FastCheck.oneof(
  FastCheck.maxSafeNat(),
  FastCheck.nat({ max: 2 ** 31 }),
  FastCheck.tuple(FastCheck.integer({ min: 1, max: 53 }), FastCheck.integer({ min: -60, max: 60 })).map(
    ([power, more]) => Math.min(Math.max(0, 2 ** power + more), Number.MAX_SAFE_INTEGER)
  )
)

describe("sizes", () => {
  it("are parsed with units of 1000 and of 1024", () => {
    const sizes = {
      "1": 1,
      "500B": 500,
      "500KB": 500_000,
      "8MiB": 8 * 1024 ** 2,
      "8M": 8 * 1024 ** 2,
      " 8 mib ": 8 * 1024 ** 2,
      "1.5G": 1.5 * 1024 ** 3,
      "2tb": 2 * 1000 ** 4,
      "1PiB": 1024 ** 5,
      "1.005KB": 1005
    }
    for (const [text, expected] of Object.entries(sizes)) {
      assertSome(Size.parse(text), expected)
    }
  })

  it("are refused if they are malformed or ambiguous", () => {
    for (
      const text of [
        "",
        "0",
        "0.1",
        "-1",
        "+1",
        "1e3",
        "x",
        "MiB",
        "1 2",
        "1.",
        ".5",
        "8MiBs",
        "1,5G",
        "8EB",
        "9PiB",
        "١"
      ]
    ) {
      assertNone(Size.parse(text))
    }
    assertNone(Size.parse("1constructor"))
  })

  it("are printed for people", () => {
    const sizes = [
      [0, "0 B"],
      [999, "999 B"],
      [999.7, "1.0 KiB"],
      [1000, "1.0 KiB"],
      [1024, "1.0 KiB"],
      [1536, "1.5 KiB"],
      [1000 * 1024, "1.0 MiB"],
      [999.9 * 1024 ** 2, "999.9 MiB"],
      [999.96 * 1024 ** 2, "1.0 GiB"],
      [5 * 1024 ** 3, "5.0 GiB"],
      [Number.MAX_SAFE_INTEGER, "8.0 PiB"]
    ] as const
    deepStrictEqual(sizes.map(([size]) => Size.print(size)), sizes.map(([, text]) => text))
  })

  it.prop("have at most ten characters, also as a rate", [bytes, FastCheck.double({ min: 0, max: 1, noNaN: true })], ([
    bytes,
    part
  ]) => {
    assert.match(Size.print(bytes), /^(\d{1,3} B|\d{1,3}\.\d [KMGTP]iB)$/)
    assert.match(Size.print(bytes * part), /^(\d{1,3} B|\d{1,3}\.\d [KMGTP]iB)$/)
  })

  it.prop("can be parsed as they were printed, except for rounding", [bytes], ([bytes]) => {
    // 8.0 PiB is above the largest safe integer.
    const size = Math.min(bytes, 7 * 1024 ** 5)
    const read = Option.getOrElse(Size.parse(Size.print(size)), () => 0)
    assert.isAtMost(Math.abs(read - size), size * 0.05)
  })

  it.prop("are parsed exactly", [FastCheck.integer({ min: 1, max: 10 ** 9 })], ([thousandths]) => {
    assertSome(Size.parse(`${(thousandths / 1000).toFixed(3)}KB`), thousandths)
  })
})

describe("a percentage", () => {
  it("is 100 if all bytes are there, and if there are none", () => {
    assert.strictEqual(Size.percent(0, 0), 100)
    assert.strictEqual(Size.percent(10, 10), 100)
    assert.strictEqual(Size.percent(11, 10), 100)
    assert.strictEqual(Size.percent(0, 10), 0)
  })

  it("of a hundred is the number itself", () => {
    for (let part = 0; part <= 100; part++) {
      assert.strictEqual(Size.percent(part, 100), part)
    }
  })

  it.prop(
    "is less than 100 as long as one byte is missing",
    [FastCheck.integer({ min: 1, max: 2 ** 46 })],
    ([whole]) => {
      assert.strictEqual(Size.percent(whole - 1, whole) < 100, true)
      assert.strictEqual(Size.percent(whole, whole), 100)
    }
  )
})
