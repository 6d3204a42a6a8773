import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { Job, Update } from "../../src/cli/terminal/FileUpload.js"
import * as ProgressBars from "../../src/cli/terminal/ProgressBars.js"
import * as Text from "../../src/cli/terminal/Text.js"
import * as Jobs from "./jobs.js"

const screen = { columns: 100, rows: 24 }

const after = (jobs: ReadonlyArray<Job>, updates: ReadonlyArray<Update>, at = 0) =>
  updates.reduce((board, update) => ProgressBars.next(board, update, at), ProgressBars.make(jobs))

/** The lines without bars and repeated spaces. */
const shown = (board: ProgressBars.Board, now = 0, size = screen) =>
  ProgressBars.lines(board, now, size).map((line) => line.replace(/[█░]+/g, "").replace(/\s+/g, " ").trim())

const one = Jobs.job("one", 100)
const two = Jobs.job("two", 300)
const stream = Jobs.job("stream")

/** A few files with any names and sizes, and any updates about them. */
const scenes = FastCheck.array(FastCheck.tuple(Jobs.names, FastCheck.option(FastCheck.nat()))).chain((files) => {
  const jobs = files.map(([name, size]) => Jobs.job(name, size ?? undefined))
  const updates: FastCheck.Arbitrary<ReadonlyArray<Update>> = jobs.length === 0
    ? FastCheck.constant([])
    : FastCheck.array(
      FastCheck.tuple(FastCheck.constantFrom(...jobs), FastCheck.nat(), FastCheck.nat({ max: 5 })).map(
        ([job, n, kind]): Update =>
          [
            Jobs.started(job),
            Jobs.retrying(job, n),
            Jobs.failed(job),
            Jobs.progress(job, "Sent", n, { rate: n }),
            Jobs.progress(job, "Complete", n),
            Jobs.progress(job, "Retrying", n)
          ][kind] ?? Jobs.started(job)
      )
    )
  return FastCheck.record({ jobs: FastCheck.constant(jobs), updates })
})

describe("the progress bars", () => {
  it("are absent in the beginning, then one line for a single file", () => {
    deepStrictEqual(shown(after([one], [])), [])
    deepStrictEqual(shown(after([one], [Jobs.started(one)])), ["one 0% 0 B/100 B"])
    deepStrictEqual(shown(after([one], [Jobs.started(one), Jobs.progress(one, "Sent", 50)])), ["one 50% 50 B/100 B"])
    deepStrictEqual(shown(after([one], [Jobs.progress(one, "Complete", 100)])), [])
  })

  it("are one line for each file, and one for all together below", () => {
    deepStrictEqual(
      shown(after([one, two], [
        Jobs.started(one),
        Jobs.started(two),
        Jobs.progress(one, "Sent", 50, { rate: 10 }),
        Jobs.progress(two, "Sent", 50, { rate: 20, eta: Option.some(Duration.seconds(12.5)) })
      ])),
      ["one 50% 50 B/100 B 10 B/s", "two 16% 50 B/300 B 20 B/s 0:13", "0 of 2 files 25% 100 B/400 B 30 B/s 0:10"]
    )
  })

  it("show no speed for a file that has not moved for three seconds", () => {
    const board = after([one, two], [
      Jobs.progress(one, "Sent", 50, { rate: 10, eta: Option.some(Duration.seconds(5)) }),
      Jobs.progress(two, "Sent", 50)
    ])
    deepStrictEqual(shown(board, 3000)[0], "one 50% 50 B/100 B 10 B/s 0:05")
    deepStrictEqual(shown(board, 3001), ["one 50% 50 B/100 B", "two 16% 50 B/300 B", "0 of 2 files 25% 100 B/400 B"])
  })

  it("count completed files", () => {
    deepStrictEqual(
      shown(after([one, two], [Jobs.progress(one, "Complete", 100), Jobs.progress(two, "Sent", 100)])),
      ["two 33% 100 B/300 B", "1 of 2 files 50% 200 B/400 B"]
    )
  })

  it("leave failed files out of the total", () => {
    const sent = [Jobs.progress(one, "Sent", 50), Jobs.progress(two, "Sent", 150)]
    deepStrictEqual(shown(after([one, two], [...sent, Jobs.failed(one)])), [
      "two 50% 150 B/300 B",
      "1 of 2 files 50% 150 B/300 B"
    ])
    deepStrictEqual(shown(after([one, two], [Jobs.failed(two), Jobs.progress(one, "Complete", 100)])), [
      "2 of 2 files 100% 100 B/100 B"
    ])
    deepStrictEqual(shown(after([one, two], [Jobs.failed(two), Jobs.failed(one)])), ["2 of 2 files 100% 0 B/0 B"])
  })

  it("have no total if a size is unknown", () => {
    deepStrictEqual(
      shown(after([one, stream], [Jobs.progress(one, "Sent", 50), Jobs.progress(stream, "Sent", 5000)])),
      ["one 50% 50 B/100 B", "stream 4.9 KiB", "0 of 2 files 4.9 KiB"]
    )
  })

  it("count down to the next attempt, with its reason", () => {
    const board = after([one], [Jobs.progress(one, "Sent", 50), Jobs.retrying(one, "3 seconds")], 1000)
    const why = "cannot connect to http://example.com (refused); check the address, and that the server is running"
    deepStrictEqual(shown(board, 1000, { columns: 200, rows: 24 }), [`one retrying in 3 s: ${why}`])
    deepStrictEqual(shown(board, 3999, { columns: 200, rows: 24 }), [`one retrying in 1 s: ${why}`])
    deepStrictEqual(shown(board, 4000, { columns: 200, rows: 24 }), [`one trying again: ${why}`])
  })

  it("show progress again when bytes move, but not because of the failed attempt", () => {
    const board = after([one], [Jobs.retrying(one, "3 seconds"), Jobs.progress(one, "Retrying", 0)])
    assert.match(shown(board).join(), /^one retrying in 3 s: cannot/)
    deepStrictEqual(shown(ProgressBars.next(board, Jobs.progress(one, "Sent", 10), 1)), ["one 10% 10 B/100 B"])
  })

  it("are limited on a low screen, with the number of hidden files", () => {
    const jobs = Array.from({ length: 5 }, (_, i) => Jobs.job(`${i}`, 100))
    const board = after(jobs, jobs.map(Jobs.started))
    const of = (rows: number) => shown(board, 0, { columns: 100, rows }).map((line) => line.replace(/ 0%.*/, ""))
    deepStrictEqual(of(7), ["0", "1", "2", "3", "4", "0 of 5 files"])
    deepStrictEqual(of(6), ["0", "1", "2", "and 2 more", "0 of 5 files"])
    deepStrictEqual(of(3), ["and 5 more", "0 of 5 files"])
    deepStrictEqual(of(2), ["0 of 5 files"])
    deepStrictEqual(of(1), ["0 of 5 files"])
  })

  it.prop(
    "never exceed the screen: fewer lines than rows, each less wide than the columns",
    [scenes, FastCheck.integer({ min: 1, max: 200 }), FastCheck.integer({ min: 2, max: 12 })],
    ([{ jobs, updates }, columns, rows]) => {
      const lines = ProgressBars.lines(after(jobs, updates), 10, { columns, rows })
      assert.isBelow(lines.length, rows)
      for (const line of lines) {
        assert.isBelow(Text.width(line), columns)
      }
    }
  )
})
