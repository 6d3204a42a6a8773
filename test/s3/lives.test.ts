import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as TestClock from "effect/TestClock"
import { filename } from "../sql/database.js"
import { Engine, type Fault, type Rules } from "./engine.js"
import { live, type Outside, remains, States, type Step, type Story, until } from "./lives.js"

const strict: ReadonlyArray<Rules> = [
  { smallestPart: 16 },
  { smallestPart: 16, equalParts: true, unlisted: "refuse", completesAgain: true },
  { smallestPart: 16, copies: false }
]

const append = (name: string, to: number, isCut = false, batch = 7): Step => ({
  _tag: "Append",
  name,
  to,
  isCut,
  batch
})
const seal = (name: string): Step => ({ _tag: "Seal", name })

const stories: ReadonlyArray<readonly [string, Story]> = [
  ["large, in one body", { commitsOften: true, steps: [append("a", 50), seal("a")] }],
  ["in many bodies, some cut", {
    commitsOften: true,
    steps: [
      append("a", 5),
      append("a", 20, true),
      append("a", 32),
      append("a", 35, true, 1),
      append("a", 70),
      seal("a")
    ]
  }],
  ["counted late", {
    commitsOften: false,
    steps: [append("a", 10, true), append("a", 45), append("a", 47), append("a", 64, true, 3), seal("a")]
  }],
  ["small, empty, and removed", {
    commitsOften: true,
    steps: [append("a", 9), seal("a"), seal("b"), append("c", 40), { _tag: "Remove", name: "c" }]
  }],
  ["joined", {
    commitsOften: true,
    steps: [
      append("a", 37),
      seal("a"),
      append("b", 20),
      seal("b"),
      { _tag: "Concat", name: "c", parts: ["a", "b"] },
      seal("c"),
      { _tag: "Remove", name: "b" }
    ]
  }]
]

/** A random story of up to three uploads. */
const anyStory = (seed: number): Story => {
  const sizes = FastCheck.sample(
    FastCheck.array(FastCheck.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
    {
      seed,
      numRuns: 3
    }
  )
  const [cuts = [], often = []] = FastCheck.sample(
    FastCheck.array(FastCheck.boolean(), { minLength: 9, maxLength: 9 }),
    {
      seed,
      numRuns: 2
    }
  )
  const steps = sizes.flatMap((bodies, upload) => {
    const name = "abc".charAt(upload)
    let to = 0
    return [
      ...bodies.map((size, i) => append(name, to += size, cuts[i + upload] === true, 1 + ((size * 7) % 11))),
      seal(name)
    ]
  })
  return { steps, commitsOften: often[0] === true }
}

/** Plays a story whose first process ends at its n-th step outside. Returns how many steps it has made. */
const endingAt = (story: Story, rules: Rules, n: number, how: Fault) =>
  Effect.scoped(Effect.gen(function*() {
    const engine = new Engine(rules)
    const file = yield* filename
    const states = new States()
    const died = yield* Deferred.make<void>()
    let steps = 0
    let isBegun = false
    const first = yield* live(engine, file, () =>
      Effect.suspend(() => {
        const stops = isBegun && ++steps >= n
        return stops
          ? Effect.as(Deferred.succeed(died, undefined), steps === n ? how : "Stuck")
          : Effect.succeed(undefined)
      }))
    isBegun = true
    yield* until(first, states, story, died)
    yield* first.end
    let calls = 0
    const second = yield* live(engine, file, () =>
      Effect.sync(() => {
        if (++calls === n % 13) {
          engine.settle()
        }
        return undefined
      }))
    yield* second.play(states, story)
    engine.settle()
    yield* TestClock.adjust("2 days")
    yield* second.sweep
    const wrong = yield* remains(engine, second, story)
    deepStrictEqual(wrong, [], `ended at step ${n} (${how})`)
    yield* second.end
    return steps
  }))

/**
 * `EVERY=1` tries every step. By default it is every fifth, from another one on each time.
 */
const stride = Number(process.env.EVERY ?? 5)
const first = 1 + (Date.now() % stride)

const ways: ReadonlyArray<Fault> = ["Stuck", "StuckAfter", "StuckLate"]

const everywhere = (story: Story, rules: Rules) =>
  Effect.gen(function*() {
    const steps = yield* endingAt(story, rules, Number.POSITIVE_INFINITY, "Stuck")
    assert.isAbove(steps, 5)
    for (let n = first; n <= steps; n += stride) {
      const way = ways[n % 3] ?? "Stuck"
      yield* endingAt(story, rules, n, way)
    }
  })

const seeds = Array.from({ length: Number(process.env.SEEDS ?? 2) }, (_, i) => Number(process.env.SEED ?? 1) + i)

describe("an upload whose server ends at any call or statement", { timeout: 600_000 }, () => {
  stories.forEach(([title, story], i) => it.effect(title, () => everywhere(story, strict[i % strict.length] ?? {})))

  for (const seed of seeds) {
    it.effect(`as seed ${seed} tells it`, () => everywhere(anyStory(seed), strict[seed % strict.length] ?? {}))
  }
})

/** Whether a process may stand still here: at no statement, since others would wait for its lock of SQLite. */
const isFree = (outside: Outside): boolean => outside.verb !== "sql"

/** The first process stands still at its n-th step outside, and wakes once a second one has taken `after` steps. */
const pausedAt = (story: Story, rules: Rules, n: number, after: number) =>
  Effect.scoped(Effect.gen(function*() {
    const engine = new Engine(rules)
    const file = yield* filename
    const paused = yield* Deferred.make<void>()
    const wake = yield* Deferred.make<void>()
    const states = new States()
    let steps = 0
    let isBegun = false
    const first = yield* live(engine, file, (outside) =>
      Effect.suspend(() =>
        isBegun && isFree(outside) && ++steps === n
          ? Effect.as(Effect.zipRight(Deferred.succeed(paused, undefined), Deferred.await(wake)), undefined)
          : Effect.succeed(undefined)
      ))
    isBegun = true
    const ended = yield* Deferred.make<void, unknown>()
    yield* Effect.forkDaemon(Effect.intoDeferred(first.play(states, story), ended))
    yield* Effect.raceFirst(Effect.exit(Deferred.await(ended)), Deferred.await(paused))
    let calls = 0
    const second = yield* live(engine, file, (outside) =>
      Effect.suspend(() =>
        isFree(outside) && ++calls === after
          ? Effect.as(Effect.zipRight(Deferred.succeed(wake, undefined), Effect.exit(Deferred.await(ended))), undefined)
          : Effect.succeed(undefined)
      ))
    const played = yield* Effect.exit(second.play(states, story))
    assert.strictEqual(played._tag, "Success", `paused at ${n}, woken after ${after}: ${String(played)}`)
    yield* Deferred.succeed(wake, undefined)
    yield* Effect.exit(Deferred.await(ended))
    yield* TestClock.adjust("2 days")
    yield* second.sweep
    deepStrictEqual(yield* remains(engine, second, story), [], `paused at ${n}, woken after ${after}`)
    yield* first.end
    yield* second.end
    return steps
  }))

describe("a server that stands still at any call, and wakes when another one has gone on", { timeout: 600_000 }, () => {
  const alone: ReadonlyArray<readonly [string, Story]> = stories.slice(0, 3)
  alone.forEach(([title, story], i) =>
    it.effect(title, () =>
      Effect.gen(function*() {
        const rules = strict[i % strict.length] ?? {}
        const steps = yield* pausedAt(story, rules, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
        for (let n = first; n <= steps; n += stride) {
          yield* pausedAt(story, rules, n, [2, 7, 1000][n % 3] ?? 1)
        }
      }))
  )
})
