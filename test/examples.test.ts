/**
 * The examples do what their text says. Those of servers in frameworks are in `frameworks.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusError } from "effect-tus/client"
import { ByteStoreSuite } from "effect-tus/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import * as TestClock from "effect/TestClock"
import { once } from "node:events"
import { layer as ropes } from "../examples/byte-store.js"
import * as Retry from "../examples/retry.js"
import { example, spawnExample } from "./example.js"
import { createUpload, fileOf, offsetOf, server, sha256OfFile } from "./interop/server.js"
import { directory } from "./support/directory.js"
import { type Answer, fetched, type Headers, patch, request } from "./support/exchange.js"

const bearer = (token?: string): Headers => token === undefined ? {} : { authorization: `Bearer ${token}` }

/** An example that ends by itself. `says` waits for its output, `ended` for its end. */
const start = (file: string, env: Readonly<Record<string, string>>, args: ReadonlyArray<string> = []) => {
  const child = spawnExample(file, env, args)
  let output = ""
  const onOutput = (chunk: Buffer) => {
    output += chunk.toString()
    child.emit("said")
  }
  child.stdout.on("data", onOutput)
  child.stderr.on("data", onOutput)
  const limit = setTimeout(() => child.kill("SIGKILL"), 20_000)
  return {
    says: async (words: RegExp) => {
      while (!words.test(output)) {
        await once(child, "said")
      }
    },
    ended: once(child, "exit").then(([code]) => {
      clearTimeout(limit)
      return { code: Number(code), output }
    })
  }
}

/** Runs the server with an environment that it refuses, and returns its output. */
const misconfigured = (env: Readonly<Record<string, string>>) => start("node-server", env).ended

const refused = (status: number) =>
  new TusError.Refused({
    method: "PATCH",
    url: "http://127.0.0.1/files/1",
    offset: Option.none(),
    attempts: 1,
    status,
    text: "",
    retryAfter: undefined,
    location: undefined
  })

const unreachable = new TusError.Unanswered({
  method: "HEAD",
  url: "http://127.0.0.1/files/1",
  offset: Option.none(),
  attempts: 1,
  reason: "Unreachable",
  cause: new Error("offline")
})

/** The delay before each attempt, in milliseconds, until the schedule ends. */
const waits = <R>(schedule: Schedule.Schedule<unknown, TusError.TusError, R>, errors: Iterable<TusError.TusError>) =>
  Effect.gen(function*() {
    const delays: Array<number> = []
    let state: unknown = schedule.initial
    for (const error of errors) {
      const now = yield* Clock.currentTimeMillis
      const [next, , decision] = yield* schedule.step(now, error, state)
      const delay = ScheduleDecision.isDone(decision) ? 0 : ScheduleIntervals.start(decision.intervals) - now
      delays.push(delay)
      if (ScheduleDecision.isDone(decision)) {
        break
      }
      yield* TestClock.adjust(delay)
      state = next
    }
    return delays
  })

describe("examples", () => {
  it.scopedLive("byte-store: passes the contract suite", () =>
    Effect.gen(function*() {
      const { url } = yield* example("byte-store")
      yield* Effect.promise(async () => {
        const upload = await createUpload(url, 5)
        assert.strictEqual((await fetched(patch(upload, 0, "hello"))).status, 204)
        assert.strictEqual(await offsetOf(upload), 5)
      })
    }))

  it.scopedLive("users: each has their own uploads, within a quota, and events are logged", () =>
    Effect.gen(function*() {
      const { output, url } = yield* example("users", { UPLOAD_DIR: yield* directory, QUOTA: "1000" })
      const send = (token: string | undefined, length: number, path: string, body?: string) => {
        const headers = { "upload-length": length, "upload-metadata": `filename ${btoa(path)}`, ...bearer(token) }
        return fetched(request("POST", url, headers, body))
      }
      const head = async ({ headers: { location = "" } }: Answer, token: string) =>
        (await fetched(request("HEAD", new URL(location, url).href, bearer(token)))).status
      yield* Effect.promise(async () => {
        assert.strictEqual((await send(undefined, 5, "a.txt")).status, 401)
        const whole = await send("secret-of-ann", 5, "C:\\letters\\a.txt", "hello")
        deepStrictEqual([whole.status, whole.text], [201, "thank you, ann"])
        assert.strictEqual(await head(whole, "secret-of-ann"), 200)
        assert.strictEqual(await head(whole, "secret-of-bob"), 403)
        assert.strictEqual((await send("secret-of-ann", 996, "b.txt")).status, 507)
        assert.strictEqual((await send("secret-of-bob", 1000, "b.txt")).status, 201)
        const { headers, status, text } = await send("secret-of-ann", 0, "c.txt")
        deepStrictEqual([status, text, headers["location"]], [422, "c.txt is empty\n", undefined])
        while (!/Rejected c.txt: 0 bytes/.test(output())) {
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      })
      assert.match(output(), /Created a.txt: 0 bytes\nCompleted a.txt: 5 bytes\nCreated b.txt: 0 bytes\n/)
    }))

  it.scopedLive("upload: prints its progress, and the URL", () =>
    Effect.gen(function*() {
      const { directory, url } = yield* server
      for (const file of ["upload", "retry"]) {
        const { code, output } = yield* Effect.promise(() => start(file, {}, ["package-lock.json", url]).ended)
        assert.strictEqual(code, 0, output)
        const [, stored = ""] = /stored at (\S+)/.exec(output) ?? []
        const sums = yield* Effect.promise(() =>
          Promise.all([sha256OfFile("package-lock.json"), sha256OfFile(fileOf(directory, stored))])
        )
        assert.strictEqual(sums[0], sums[1])
      }
    }), 60_000)

  it.effect("retry: ends after its duration, and waits ten seconds at most", () =>
    Effect.gen(function*() {
      const delays = yield* waits(Retry.forAsLong("5 minutes"), Array.from({ length: 1000 }, () => refused(500)))
      const total = delays.reduce((sum, delay) => sum + delay, 0)
      assert.isAbove(total, 280_000)
      assert.isBelow(total, 320_000)
      assert.isAtMost(Math.max(...delays), 10_000)
    }))

  it.effect("retry: depends on the status", () =>
    Effect.gen(function*() {
      const schedule = Retry.byStatus(Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(5)))
      const statuses = (...all: ReadonlyArray<number>) => waits(schedule, all.map(refused))
      deepStrictEqual(yield* statuses(423, 502, 500, 503, 423, 423), [250, 5000, 1000, 5000, 250, 0])
      deepStrictEqual(yield* statuses(423, 507), [250, 0])
    }))

  it.effect("retry: waits for the network if no server could be reached, and only then", () =>
    Effect.gen(function*() {
      let asked = 0
      const online = Effect.sync(() => {
        asked++
      })
      const schedule = Retry.whenOnline(online, Schedule.recurs(3))
      yield* waits(schedule, [refused(500), unreachable, unreachable])
      assert.strictEqual(asked, 2)
    }))

  it.scopedLive("retry: waits until a server listens", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const first = yield* example("node-server", { UPLOAD_DIR: path })
      yield* Effect.promise(() => first.kill("SIGTERM"))
      const uploading = start("retry", {}, ["README.md", first.url])
      yield* Effect.promise(() => uploading.says(/offline, waiting/))
      yield* example("node-server", { UPLOAD_DIR: path, PORT: new URL(first.url).port })
      const { code, output } = yield* Effect.promise(() => uploading.ended)
      assert.strictEqual(code, 0, output)
      assert.match(output, /stored at/)
    }), 60_000)

  it.scopedLive("node-server: a bad value is one clear line", () =>
    Effect.gen(function*() {
      const path = yield* directory
      for (
        const [env, line] of [
          [{ PORT: "http" }, /^effect-tus: PORT: expected a whole number from 0 to 65535, got "http"\n$/],
          [{ PORT: "70000" }, /PORT.*0 to 65535/],
          [{ MAX_SIZE: "-1" }, /MAX_SIZE.*1 to/],
          [{ EXPIRES_AFTER: "soon" }, /EXPIRES_AFTER/],
          [{ DURABILITY: "maybe" }, /DURABILITY.*process/],
          [{ UPLOAD_DIR: "/dev/null/uploads" }, /\/dev\/null\/uploads/],
          [{ HOST: "192.0.2.1", PORT: "0" }, /192\.0\.2\.1/]
        ] as const
      ) {
        const { code, output } = yield* Effect.promise(() => misconfigured({ UPLOAD_DIR: path, ...env }))
        assert.strictEqual(code, 1, output)
        assert.match(output, line)
        assert.match(output, /^effect-tus: [^\n]+\n$/)
      }
    }), 60_000)

  it.scopedLive(
    "node-server: a directory has one server, and is free after its end, however it ended",
    () =>
      Effect.gen(function*() {
        const path = yield* directory
        const first = yield* example("node-server", { UPLOAD_DIR: path })
        const { code, output } = yield* Effect.promise(() => misconfigured({ UPLOAD_DIR: path, PORT: "0" }))
        assert.strictEqual(code, 1)
        assert.match(output, /^effect-tus: [^\n]*another server[^\n]*\n$/)
        yield* Effect.promise(() => first.kill("SIGKILL"))
        yield* example("node-server", { UPLOAD_DIR: path })
      }),
    60_000
  )

  it.scopedLive("node-server: logs completed uploads, and ends at a signal at once, with code 0 and a log line", () =>
    Effect.gen(function*() {
      const server = yield* example("node-server", { UPLOAD_DIR: yield* directory })
      yield* Effect.promise(() =>
        createUpload(server.url, 5, { "upload-metadata": `filename ${btoa("film\n.mp4")}` }, "hello")
      )
      assert.strictEqual(yield* Effect.promise(() => server.kill("SIGTERM")), 0)
      assert.match(server.output(), /\nfilm\?\.mp4 is complete: 5 bytes in [\d.]+ s\n[^]*effect-tus has stopped\n$/)
    }))
})

ByteStoreSuite.suite("the byte store of examples/byte-store.ts", ropes)
