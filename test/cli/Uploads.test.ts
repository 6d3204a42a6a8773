import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Uploads from "../../src/cli/commands/Uploads.js"
import type * as Journal from "../../src/cli/options/Journal.js"
import type { Job } from "../../src/cli/terminal/FileUpload.js"
import * as Report from "../../src/cli/terminal/Report.js"
import * as Size from "../../src/cli/terminal/Size.js"
import type { TusError } from "../../src/client/transport/TusError.js"
import { passing } from "../client/world.js"
import * as Jobs from "./jobs.js"

/** The time of each attempt in seconds, if every attempt fails. */
const failing = Effect.fnUntraced(function*(
  options: { readonly retries?: number; readonly retryFor?: Duration.DurationInput },
  error: TusError = Jobs.unreachable
) {
  const attempts: Array<number> = []
  const schedule = Uploads.schedule({
    retries: options.retries ?? 1000,
    retryFor: Option.map(Option.fromNullable(options.retryFor), Duration.decode)
  })
  const attempt = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    attempts.push(now / 1000)
    return Effect.fail(error)
  })
  yield* passing(Effect.flip(Effect.retry(attempt, schedule)))
  const pauses = attempts.slice(1).map((at, i) => at - (attempts[i] ?? 0))
  return { attempts, pauses }
})

describe("the retry options", () => {
  it.effect("set the number of attempts after the first", () =>
    Effect.gen(function*() {
      for (const retries of [0, 1, 10]) {
        const { attempts } = yield* failing({ retries })
        assert.lengthOf(attempts, retries + 1)
      }
    }))

  it.effect("wait half a second, then twice as long, up to half a minute, less up to a third", () =>
    Effect.gen(function*() {
      const { pauses } = yield* failing({ retries: 12 })
      for (const [i, pause] of pauses.entries()) {
        const expected = Math.min(0.5 * 2 ** i, 30)
        assert.isAtLeast(pause, expected * (2 / 3) - 0.001)
        assert.isAtMost(pause, expected + 0.001)
      }
      assert.isTrue(pauses.slice(-6).some((pause) => Math.abs(pause - 30) > 0.01))
    }))

  it.effect("set a time limit", () =>
    Effect.gen(function*() {
      const { attempts } = yield* failing({ retryFor: "10 minutes" })
      assert.isAbove(attempts.at(-2) ?? 0, 480)
      assert.isBelow(attempts.at(-2) ?? 0, 600)
      const short = yield* failing({ retries: 2, retryFor: "10 minutes" })
      assert.lengthOf(short.attempts, 3)
    }))
})

const jobs = ["one", "two", "three"].map((name) => Jobs.job(name, 100))
const [one, two, three] = jobs as [Job, Job, Job]
const stdin = { ...Jobs.job("standard input"), resumable: false }

const farewell = (
  jobs: ReadonlyArray<Job>,
  begun: ReadonlyArray<Job>,
  journal: Journal.Choice = { _tag: "Default" },
  report = Report.make(jobs.length)
) => Uploads.farewell(jobs, report, new Set(begun), { journal, terminateOnAbort: false })

/** The directory in the printed command. */
const directory = (path: string) => farewell([one], [one], { _tag: "Directory", path }).replace(/^.*--journal /, "")

describe("the message after an interruption", () => {
  it("is the command that continues", () => {
    assert.strictEqual(farewell([one], [one]), "interrupted; continue with: effect-tus resume")
  })

  it("quotes the directory for a shell", () => {
    assert.strictEqual(directory("/tmp/a-b_1.c"), "/tmp/a-b_1.c")
    assert.strictEqual(directory("a b"), "'a b'")
    assert.strictEqual(directory("it's $HOME"), `'it'\\''s $HOME'`)
    assert.strictEqual(directory(""), "''")
  })

  it("says if nothing can be resumed, or nothing was sent", () => {
    assert.strictEqual(farewell([one], [one], { _tag: "None" }), "interrupted; this cannot be resumed")
    assert.strictEqual(farewell([stdin], [stdin]), "interrupted; this cannot be resumed")
    assert.match(farewell(jobs, []), /run the same command again/)
  })

  it("names uploads that cannot be resumed, and files that were not started", () => {
    assert.strictEqual(
      farewell([one, stdin], [one, stdin]),
      "interrupted; continue with: effect-tus resume (the standard input cannot be resumed)"
    )
    assert.strictEqual(
      farewell(jobs, [two]),
      "interrupted; continue with: effect-tus resume (not started: 2 of 3 files)"
    )
  })

  it("does not count completed or failed files", () => {
    const report = [Jobs.progress(one, "Complete", 100), Jobs.failed(two)].reduce(Report.add, Report.make(3))
    assert.strictEqual(
      farewell(jobs, [one, two, three], undefined, report),
      "interrupted; continue with: effect-tus resume"
    )
  })

  it("says if all unfinished uploads were removed", () => {
    assert.strictEqual(
      Uploads.farewell(jobs, Report.make(3), new Set(jobs), { journal: { _tag: "Default" }, terminateOnAbort: true }),
      "interrupted; unfinished uploads were removed from the server"
    )
  })
})

describe("the positions after an interruption", () => {
  it("are one line for each running upload", () => {
    const half = Jobs.progress(two, "Sent", 150).progress
    const report = Report.add(Report.make(3), Jobs.progress(one, "Complete", 100))
    deepStrictEqual(Uploads.standings(report, new Map([[one, half], [two, half]])), [
      `${two.name}: stopped at ${Size.percent(150, Option.getOrThrow(half.total))} % (150 B of ${
        Size.print(Option.getOrThrow(half.total))
      })`
    ])
  })
})
