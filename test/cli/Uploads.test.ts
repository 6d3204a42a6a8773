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

describe("attempts", () => {
  it.effect("are as many as were asked for, after the first", () =>
    Effect.gen(function*() {
      for (const retries of [0, 1, 10]) {
        const { attempts } = yield* failing({ retries })
        assert.lengthOf(attempts, retries + 1)
      }
    }))

  it.effect("follow after half a second, then twice as long, up to half a minute, or up to a third less", () =>
    Effect.gen(function*() {
      const { pauses } = yield* failing({ retries: 12 })
      for (const [i, pause] of pauses.entries()) {
        const expected = Math.min(0.5 * 2 ** i, 30)
        assert.isAtLeast(pause, expected * (2 / 3) - 0.001)
        assert.isAtMost(pause, expected + 0.001)
      }
      assert.isTrue(pauses.slice(-6).some((pause) => Math.abs(pause - 30) > 0.01))
    }))

  it.effect("end after a time, where that is wanted", () =>
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

describe("what is said where it was interrupted", () => {
  it("is how to go on", () => {
    assert.strictEqual(farewell([one], [one]), "interrupted; continue with: effect-tus resume")
  })

  it("names the directory as a shell takes it", () => {
    assert.strictEqual(directory("/tmp/a-b_1.c"), "/tmp/a-b_1.c")
    assert.strictEqual(directory("a b"), "'a b'")
    assert.strictEqual(directory("it's $HOME"), `'it'\\''s $HOME'`)
    assert.strictEqual(directory(""), "''")
  })

  it("is that nothing was remembered, or nothing sent, where that is so", () => {
    assert.strictEqual(farewell([one], [one], { _tag: "None" }), "interrupted; this cannot be resumed")
    assert.strictEqual(farewell([stdin], [stdin]), "interrupted; this cannot be resumed")
    assert.match(farewell(jobs, []), /run the same command again/)
  })

  it("tells of what cannot be resumed, and of what has not begun", () => {
    assert.strictEqual(
      farewell([one, stdin], [one, stdin]),
      "interrupted; continue with: effect-tus resume (the standard input cannot be resumed)"
    )
    assert.strictEqual(
      farewell(jobs, [two]),
      "interrupted; continue with: effect-tus resume (not started: 2 of 3 files)"
    )
  })

  it("does not tell of what is done or has failed", () => {
    const report = [Jobs.progress(one, "Complete", 100), Jobs.failed(two)].reduce(Report.add, Report.make(3))
    assert.strictEqual(
      farewell(jobs, [one, two, three], undefined, report),
      "interrupted; continue with: effect-tus resume"
    )
  })

  it("is that all was removed, where that was wanted", () => {
    assert.strictEqual(
      Uploads.farewell(jobs, Report.make(3), new Set(jobs), { journal: { _tag: "Default" }, terminateOnAbort: true }),
      "interrupted; unfinished uploads were removed from the server"
    )
  })
})

describe("where the files stand that were interrupted", () => {
  it("is a line for each that was under way", () => {
    const half = Jobs.progress(two, "Sent", 150).progress
    const report = Report.add(Report.make(3), Jobs.progress(one, "Complete", 100))
    deepStrictEqual(Uploads.standings(report, new Map([[one, half], [two, half]])), [
      `${two.name}: stopped at ${Size.percent(150, Option.getOrThrow(half.total))} % (150 B of ${
        Size.print(Option.getOrThrow(half.total))
      })`
    ])
  })
})
