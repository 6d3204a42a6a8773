import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import type { Update } from "../../src/cli/terminal/FileUpload.js"
import * as Report from "../../src/cli/terminal/Report.js"
import * as Jobs from "./jobs.js"

const after = (jobs: number, updates: ReadonlyArray<Update>) => updates.reduce(Report.add, Report.make(jobs))

const one = Jobs.job("one", 100)
const two = Jobs.job("two", 300)

const summary = (report: Report.Report) => Report.summary(report, Duration.seconds(65))

const failing = (count: number) =>
  summary(after(9, Array.from({ length: count }, (_, i) => Jobs.failed(Jobs.job(`${i}`)))))

describe("the summary", () => {
  it("counts the completed files and their bytes", () => {
    const report = after(2, [
      Jobs.started(one),
      Jobs.progress(one, "Sent", 50),
      Jobs.progress(one, "Complete", 100),
      Jobs.progress(two, "Complete", 300)
    ])
    assert.strictEqual(summary(report), "2 of 2 files, 400 B in 1 min 5 s")
    assert.strictEqual(Report.exitCode(report), 0)
  })

  it("counts bytes of earlier sessions separately", () => {
    const report = after(2, [
      Jobs.progress(one, "Complete", 100, { resumed: 60 }),
      Jobs.progress(two, "Complete", 300)
    ])
    assert.strictEqual(summary(report), "2 of 2 files, 340 B in 1 min 5 s (60 B were sent before)")
  })

  it("names the failed files, without the bytes that they had sent", () => {
    const report = after(2, [
      Jobs.progress(one, "Sent", 50),
      Jobs.retrying(one, "1 second"),
      Jobs.failed(one),
      Jobs.progress(two, "Complete", 300)
    ])
    assert.strictEqual(summary(report), "1 of 2 files, 300 B in 1 min 5 s; failed: one")
    assert.strictEqual(Report.exitCode(report), 1)
    deepStrictEqual(report.failed, [[one, Jobs.unreachable]])
  })

  it("names five of many failed files", () => {
    assert.match(failing(5), /; failed: 0, 1, 2, 3, 4$/)
    assert.match(failing(7), /; failed: 0, 1, 2, 3, 4 and 2 more$/)
  })

  it("is a failure only if a file failed", () => {
    assert.strictEqual(Report.exitCode(Report.make(3)), 0)
    assert.strictEqual(Report.exitCode(after(3, [Jobs.retrying(one, "1 second")])), 0)
  })
})
