import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { Update } from "../../src/cli/terminal/FileUpload.js"
import * as Json from "../../src/cli/terminal/Json.js"
import * as Report from "../../src/cli/terminal/Report.js"
import { SourceError } from "../../src/client/sources/UploadSource.js"
import type { Progress } from "../../src/client/upload/Progress.js"
import * as Jobs from "./jobs.js"

/** The printed events for updates at these times. */
const told = (updates: ReadonlyArray<readonly [at: number, update: Update]>): ReadonlyArray<string> => {
  let state = Json.none
  return updates.flatMap(([at, update]) => {
    const [next, line] = Json.next(state, update, at)
    state = next
    return Option.toArray(line)
  })
}

const once = (update: Update) => told([[0, update]]).map((line): unknown => JSON.parse(line))

const file = Jobs.job("a.bin", 1000)

const standing = { url: "http://example.com/files/1", total: 1000, sent: 500, acknowledged: 500, rate: 0, eta: null }

describe("the JSON output", () => {
  it("has the beginning and the end of an upload", () => {
    deepStrictEqual(once(Jobs.started(file)), [{ event: "started", file: "a.bin", total: 1000 }])
    deepStrictEqual(once(Jobs.started(Jobs.job("-"))), [{ event: "started", file: "-", total: null }])
    deepStrictEqual(once(Jobs.progress(file, "Complete", 1000, { retries: 3 })), [{
      event: "complete",
      file: "a.bin",
      url: "http://example.com/files/1",
      bytes: 1000,
      resumed: 0,
      seconds: 2,
      retries: 3
    }])
  })

  it("has the position of each upload", () => {
    const events = {
      Created: "created",
      Resumed: "resumed",
      Recreated: "recreated",
      Shrunk: "shrunk",
      Sent: "progress"
    }
    for (const [event, name] of Object.entries(events)) {
      deepStrictEqual(once(Jobs.progress(file, event as Progress["event"], 500)), [
        { event: name, file: "a.bin", ...standing }
      ])
    }
    deepStrictEqual(
      once(Jobs.progress(Jobs.job("-"), "Acknowledged", 500, {
        url: Option.none(),
        acknowledged: 400,
        rate: 12.6,
        eta: Option.some(Duration.millis(1500))
      })),
      [{ event: "progress", file: "-", url: null, total: null, sent: 500, acknowledged: 400, rate: 13, eta: 1.5 }]
    )
  })

  it("has problems with fields that a program can distinguish", () => {
    deepStrictEqual(once(Jobs.failed(file, Jobs.refused(403))), [{
      event: "failed",
      file: "a.bin",
      error: "Refused",
      message: "PATCH http://example.com/files/1 was answered 403",
      status: 403
    }])
    deepStrictEqual(once(Jobs.retrying(file, "2500 millis")), [{
      event: "retrying",
      file: "a.bin",
      in: 2.5,
      error: "Unanswered",
      message: "cannot connect to http://example.com (refused)",
      reason: "Unreachable"
    }])
    deepStrictEqual(
      once(Jobs.failed(file, new SourceError({ reason: "Changed", source: "/a.bin", detail: "it has changed" }))),
      [{
        event: "failed",
        file: "a.bin",
        error: "SourceError",
        message: "/a.bin: it has changed",
        reason: "Changed"
      }]
    )
  })

  it("has each failed attempt once", () => {
    deepStrictEqual(once(Jobs.progress(file, "Retrying", 0)), [])
  })

  it("has progress every half second for each file, and everything else at once", () => {
    const other = Jobs.job("b.bin", 1000)
    deepStrictEqual(
      told([
        [0, Jobs.progress(file, "Sent", 1)],
        [1, Jobs.progress(other, "Sent", 2)],
        [2, Jobs.progress(file, "Resumed", 3)],
        [499, Jobs.progress(file, "Acknowledged", 4)],
        [500, Jobs.progress(file, "Acknowledged", 5)],
        [500, Jobs.progress(other, "Sent", 6)],
        [501, Jobs.progress(file, "Complete", 7)]
      ]).map((line) => {
        const { event, file, sent } = JSON.parse(line) as Record<string, unknown>
        return [event, file, sent]
      }),
      [
        ["progress", "a.bin", 1],
        ["progress", "b.bin", 2],
        ["resumed", "a.bin", 3],
        ["progress", "a.bin", 5],
        ["complete", "a.bin", undefined]
      ]
    )
  })

  it("begins each object with the event and the file", () => {
    assert.match(told([[0, Jobs.started(file)]]).join(), /^\{"event":"started","file":"a\.bin",/)
  })

  it("ends with a summary", () => {
    const report = [Jobs.progress(file, "Complete", 1000), Jobs.failed(file)].reduce(Report.add, Report.make(3))
    deepStrictEqual(JSON.parse(Json.summary(report, Duration.millis(1500), true)), {
      event: "summary",
      files: 3,
      succeeded: 1,
      failed: 1,
      bytes: 1000,
      seconds: 1.5,
      interrupted: true
    })
  })

  it.prop("has one object per line, for any name", [FastCheck.string({ unit: "binary" })], ([name]) => {
    const [line = ""] = told([[0, Jobs.started(Jobs.job(name))]])
    assert.notMatch(line, /[\r\n]/)
    deepStrictEqual(JSON.parse(line), { event: "started", file: name, total: null })
  })
})
