import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Display from "../../src/cli/terminal/Display.js"
import * as Text from "../../src/cli/terminal/Text.js"
import * as Jobs from "./jobs.js"

const url = "http://example.com/files/d8b5b4105da0d94acbd0e03d33ee8a71"

const finished = (name: string, columns: number, withUrl = true) =>
  Display.finished(
    Jobs.job(name),
    { acknowledged: 1_500_000, resumed: 0, elapsed: Duration.seconds(12), url: Option.some(url) },
    columns,
    withUrl
  )

describe("a completed file", () => {
  it("has one line with its URL if there is room", () => {
    deepStrictEqual(finished("a.bin", 100), [`✓ a.bin  1.4 MiB in 12 s  ${url}`])
    deepStrictEqual(finished("a.bin", 100, false), ["✓ a.bin  1.4 MiB in 12 s"])
  })

  it("has its URL on a line of its own if there is no room", () => {
    deepStrictEqual(finished("a.bin", 80), ["✓ a.bin  1.4 MiB in 12 s", `  ${url}`])
    deepStrictEqual(finished("holidays.tar.gz", 30), ["✓ holid…r.gz  1.4 MiB in 12 s", `  ${url}`])
  })

  it.prop("never breaks a line, except for a URL, which is always whole", [
    Jobs.names,
    FastCheck.integer({ min: 24, max: 200 }),
    FastCheck.boolean()
  ], ([name, columns, withUrl]) => {
    const lines = finished(name, columns, withUrl)
    assert.isBelow(Text.width(lines[0] ?? ""), columns)
    assert.strictEqual(lines.join("\n").includes(url), withUrl)
    assert.lengthOf(lines.slice(1).filter((line) => line !== `  ${url}`), 0)
  })
})
