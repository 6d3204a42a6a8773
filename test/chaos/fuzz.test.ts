/**
 * Random requests over real sockets to a server on files and SQLite. Each answer is the expected one, nothing is stored
 * but what was accepted, and a refused request changes nothing.
 *
 * `REQUESTS=100000` sends more of them, `SEED` repeats a run, `STORY` plays one story.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { randomInt } from "node:crypto"
import { stories } from "./fuzz/Grammar.js"
import { play } from "./fuzz/Play.js"
import { type Probe, probe } from "./fuzz/Probe.js"
import { parse, type Story, tell } from "./fuzz/Story.js"
import { size } from "./size.js"

const requests = size("REQUESTS", 5000, 100_000)
const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
/** Servers that are tested concurrently: most of the time is spent waiting for connections to end. */
const servers = 8

/** Where small uploads go; two of four servers write files in the background. */
const places = ["later", "files", "later", "database"] as const

const command = "npx vitest run test/chaos/fuzz.test.ts"

/** Plays random stories until so many requests were sent. A story that fails is shrunk. */
const fuzz = async (probe: Probe, seed: number, requests: number) => {
  const sent = { requests: 0 }
  for (let round = 0; sent.requests < requests; round++) {
    const property = FastCheck.asyncProperty(stories, async (story) => {
      sent.requests += await play(probe, story)
    })
    const { counterexample, errorInstance, failed } = await FastCheck.check(property, {
      seed: seed + round,
      numRuns: 100
    })
    if (failed) {
      const [story] = counterexample ?? assert.fail("no story")
      throw new Error(
        `${String(errorInstance)}\nthe shortest story in which it does:\n  STORY='${quote(story)}' ${command}\n` +
          `all of it again:\n  SEED=${seed + round} ${command}`,
        { cause: errorInstance }
      )
    }
  }
  return sent.requests
}

/** Quoted for a shell, within single quotes. */
const quote = (story: Story) => tell(story).replaceAll("'", `'\\''`)

describe("fuzz", () => {
  it.scopedLive(`${requests} random requests get the responses of the reference`, () =>
    Effect.gen(function*() {
      const rejections: Array<unknown> = []
      const onRejection = (reason: unknown) => rejections.push(reason)
      process.on("unhandledRejection", onRejection)
      const { STORY } = process.env
      const probes = yield* Effect.all(
        Array.from({ length: servers }, (_, i) => probe(places[i % places.length]))
      )
      yield* Effect.promise(async () => {
        const sent = await Promise.all(
          STORY === undefined
            ? probes.map((probe, i) => fuzz(probe, seed + i * 1_000_000, requests / servers))
            : probes.slice(0, 1).map((probe) => play(probe, parse(STORY)))
        )
        assert.isAtLeast(sent.reduce((sum, n) => sum + n, 0), STORY === undefined ? requests : 1)
      })
      process.off("unhandledRejection", onRejection)
      assert.strictEqual(rejections.join(), "")
    }), 60_000 + requests * 60)
})
