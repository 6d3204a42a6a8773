import { assert, describe, it } from "@effect/vitest"
import { assertNone, deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Time from "../../src/cli/terminal/Time.js"

const read = (text: string) => Option.map(Time.parse(text), Duration.toSeconds)

const durations = FastCheck.integer({ min: 0, max: 10 ** 10 }).map(Duration.millis)

describe("durations", () => {
  it("are parsed with one unit or several", () => {
    const texts = {
      "30s": 30,
      "500ms": 0.5,
      "5 minutes": 300,
      "1h30m": 5400,
      "1 day": 86_400,
      "1 h 30 min": 5400,
      " 2 Weeks ": 1_209_600,
      "1.5h": 5400,
      "30": 30,
      "0.25": 0.25
    }
    for (const [text, seconds] of Object.entries(texts)) {
      deepStrictEqual(read(text), Option.some(seconds), text)
    }
  })

  it("are refused if they are malformed or ambiguous", () => {
    for (
      const text of [
        "",
        "0",
        "0s",
        "-5s",
        "s",
        "5 x",
        "1h30",
        "1 2",
        "1.5.5",
        "1,5h",
        "Infinity",
        "1e3",
        "5 constructor"
      ]
    ) {
      assertNone(Time.parse(text))
    }
  })

  it("are refused at once, however long", () => {
    assertNone(Time.parse(`${"1".repeat(10_000)}!`))
    assertNone(Time.parse(`${"1s".repeat(10_000)}!`))
    assertNone(Time.parse("9".repeat(400)))
  })

  it("are parsed from hours, minutes and seconds in any combination", () => {
    for (const h of [0, 1, 27]) {
      for (const [m, s] of [[0, 1], [59, 0], [3, 7]] as const) {
        deepStrictEqual(read(`${h}h${m}m${s}s`), Option.some(h * 3600 + m * 60 + s))
      }
    }
  })

  it("are printed like a clock", () => {
    const clock = {
      "0:00": 0,
      "0:01": 0.2,
      "0:59": 59,
      "1:00": 59.5,
      "1:05": 65,
      "59:59": 3599,
      "1:00:05": 3605,
      "99:59:59": 359_999,
      "over 4 d": 360_000,
      "over 10 d": 864_000
    }
    for (const [text, seconds] of Object.entries(clock)) {
      assert.strictEqual(Time.clock(Duration.seconds(seconds)), text)
    }
  })

  it("are printed in at most two units", () => {
    const words = [
      [0, "0.0 s"],
      [0.34, "0.3 s"],
      [9.94, "9.9 s"],
      [9.96, "10 s"],
      [42.4, "42 s"],
      [59.6, "1 min"],
      [125, "2 min 5 s"],
      [3599.6, "1 h"],
      [3600 * 3 + 60 * 7 + 59, "3 h 7 min"],
      [86_399.6, "1 d"],
      [86_400 * 2 + 3600 * 4 + 3599, "2 d 4 h"]
    ] as const
    deepStrictEqual(words.map(([seconds]) => Time.words(Duration.seconds(seconds))), words.map(([, text]) => text))
  })

  it.prop("can be parsed as they were printed, and are nearly the same", [durations], ([duration]) => {
    const seconds = Duration.toSeconds(duration)
    const said = Option.getOrElse(read(Time.words(duration)), () => 0)
    assert.isAtMost(Math.abs(said - seconds), Math.max(0.06, seconds < 3600 ? 0.5 : seconds / 24))
  })

  it.prop("as a clock never show 60 minutes or seconds, or less time than there is", [durations], ([duration]) => {
    const clock = Time.clock(duration)
    if (!clock.startsWith("over")) {
      assert.match(clock, /^(\d+:)?[0-5]?\d:[0-5]\d$/)
      const seconds = clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0)
      assert.isAtLeast(seconds, Duration.toSeconds(duration))
    }
  })
})
