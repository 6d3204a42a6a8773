import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Bar from "../../src/cli/terminal/Bar.js"
import * as Text from "../../src/cli/terminal/Text.js"
import { names } from "./jobs.js"

const half: Bar.Bar = {
  name: "film.mp4",
  position: 5 * 1024 ** 2,
  total: Option.some(10 * 1024 ** 2),
  rate: 1024 ** 2,
  eta: Option.some(Duration.seconds(5))
}

const option = <A>(arbitrary: FastCheck.Arbitrary<A>) =>
  FastCheck.option(arbitrary).map((value) => Option.fromNullable(value))

const bars: FastCheck.Arbitrary<Bar.Bar> = FastCheck.record({
  name: names,
  position: FastCheck.maxSafeNat(),
  total: option(FastCheck.maxSafeNat()),
  rate: FastCheck.oneof(FastCheck.constant(0), FastCheck.double({ min: 0, max: 1e12, noNaN: true })),
  eta: option(FastCheck.maxSafeNat().map(Duration.millis))
})

const columns = FastCheck.integer({ min: 1, max: 300 })

describe("a bar", () => {
  it("has fewer parts on a narrow terminal: the bytes are left out first, the percentage last", () => {
    deepStrictEqual([80, 70, 50, 40, 30, 20, 10, 5, 1].map((columns) => Bar.progress(half, columns)), [
      "film.mp4         ██████░░░░░░░  50%     5.0 MiB/10.0 MiB    1.0 MiB/s      0:05",
      "film.mp4               █████████░░░░░░░░░  50%    1.0 MiB/s      0:05",
      "film.mp4          ██████░░░░░░░  50%    1.0 MiB/s",
      "film.mp4      █████░░░░░  50%      0:05",
      "film.mp4      █████░░░░░  50%",
      "film.mp4        50%",
      "fi…4  50%",
      "  5…",
      ""
    ])
  })

  it.prop("is as wide as possible, and always less wide than the terminal", [bars, columns], ([bar, columns]) => {
    assert.strictEqual(Text.width(Bar.progress(bar, columns)), columns - 1)
  })

  it.prop("is full when all bytes are there, and only then", [FastCheck.integer({ min: 1, max: 1000 }), columns], ([
    total,
    columns
  ]) => {
    const line = (position: number) => Bar.progress({ ...half, name: "", position, total: Option.some(total) }, columns)
    assert.notInclude(line(total), "░")
    assert.notInclude(line(0), "█")
    if (line(0).includes("░")) {
      assert.include(line(total), "█")
      assert.include(line(total - 1), "░")
    }
  })

  it.prop("has a percentage as long as there is room", [bars, FastCheck.integer({ min: 6, max: 300 })], ([
    bar,
    columns
  ]) => {
    const line = Bar.progress({ ...bar, total: Option.some(100), position: 42 }, columns)
    assert.include(line, " 42%")
  })

  it("of an unknown size shows how much was sent", () => {
    deepStrictEqual([60, 40, 20].map((columns) => Bar.progress({ ...half, total: Option.none() }, columns)), [
      "film.mp4                               5.0 MiB    1.0 MiB/s",
      "film.mp4                        5.0 MiB",
      "film.mp4    5.0 MiB"
    ])
  })

  it("has no speed and no time if they are unknown", () => {
    assert.strictEqual(
      Bar.progress({ ...half, position: 0, rate: 0, eta: Option.none() }, 100).trimEnd(),
      "film.mp4                    ░░░░░░░░░░░░░░░░░░░░░░   0%         0 B/10.0 MiB"
    )
  })
})

describe("a note in place of a bar", () => {
  it("follows the name, and is cut if it is too long", () => {
    assert.strictEqual(Bar.message("a.bin", "retrying in 3 s", 80), "a.bin  retrying in 3 s")
    assert.strictEqual(Bar.message("a.bin", "retrying in 3 s", 15), "a.bin  retryi…")
    assert.strictEqual(Bar.note("and 3 more", 80), "and 3 more")
    assert.strictEqual(Bar.note("and 3 more", 8), "and 3 …")
  })

  it.prop("is always less wide than the terminal", [names, names, columns], ([name, text, columns]) => {
    assert.isBelow(Text.width(Bar.message(name, text, columns)), columns)
    assert.isBelow(Text.width(Bar.note(text, columns)), columns)
  })
})
