import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore } from "effect-tus"
import { S3ByteStore, S3Objects } from "effect-tus/s3"
import { TusPolicy } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { generator } from "../random.js"
import { filename, layerTemporary } from "../sql/database.js"
import { Engine, type Fault, type Rules } from "./engine.js"
import { id, live, remains, States, type Story } from "./lives.js"

const rules: ReadonlyArray<Rules> = [
  { smallestPart: 16 },
  { smallestPart: 16, equalParts: true, unlisted: "refuse", completesAgain: true },
  { smallestPart: 16, copies: false }
]

const faults: ReadonlyArray<Fault> = ["Slow", "Unreached", "Lost", "Unanswered", "Late", "Twice"]

const seal = (name: string) => ({ _tag: "Seal", name }) as const

const story = (pick: (most: number) => number): Story => {
  const bodies = (name: string) => {
    let to = 0
    return Array.from({ length: 1 + pick(5) }, () => {
      to += 1 + pick(40)
      return { _tag: "Append", name, to, isCut: pick(3) === 0, batch: 1 + pick(20) } as const
    })
  }
  return {
    commitsOften: pick(2) === 0,
    steps: [
      ...bodies("a"),
      seal("a"),
      ...bodies("b"),
      seal("b"),
      { _tag: "Concat", name: "c", parts: ["a", "b"] },
      seal("c")
    ]
  }
}

/** A third of all calls fail in some way, and clients try again. Then the store is well, and late calls arrive. */
const storm = (seed: number) =>
  Effect.scoped(Effect.gen(function*() {
    const dice = generator(seed)
    const pick = (most: number) => Math.floor(dice() * most)
    const told = story(pick)
    const engine = new Engine(rules[seed % rules.length])
    const states = new States()
    let isStorm = false
    let failed = 0
    const life = yield* live(engine, yield* filename, (outside) =>
      Effect.sync(() => {
        if (!isStorm || outside.verb === "sql" || pick(3) > 0) {
          return undefined
        }
        failed++
        if (pick(8) === 0) {
          engine.settle()
        }
        return faults[pick(faults.length)]
      }))
    isStorm = true
    let refused = 0
    while (Either.isLeft(yield* Effect.either(life.play(states, told)))) {
      isStorm = ++refused < 20
      assert.isBelow(refused, 40, "the story does not end although the store is well")
    }
    isStorm = false
    engine.settle()
    yield* TestClock.adjust("2 days")
    yield* life.sweep
    deepStrictEqual(yield* remains(engine, life, told), [], `seed ${seed}`)
    yield* life.end
    return failed
  }))

/** The bytes of a complete upload are there, or its loss is told: never other bytes, never a false success. */
const abortedBehind = (rule: Rules, verb: "part" | "complete") =>
  Effect.scoped(Effect.gen(function*() {
    const engine = new Engine(rule)
    const states = new States()
    const told: Story = {
      commitsOften: true,
      steps: [
        { _tag: "Append", name: "a", to: 40, isCut: false, batch: 7 },
        { _tag: "Append", name: "a", to: 70, isCut: false, batch: 7 },
        { _tag: "Seal", name: "a" }
      ]
    }
    let isAborted = false
    const life = yield* live(engine, yield* filename, (outside) =>
      Effect.sync(() => {
        if (!isAborted && states.done.size > 0 && outside.verb === verb) {
          isAborted = true
          engine.abortAll()
        }
        return undefined
      }))
    const error = yield* Effect.flip(life.play(states, told))
    assert.isTrue(isAborted)
    assert.propertyVal(error, "reason", "Corrupt")
    const size = Option.getOrElse(yield* life.store.size(id("a")), () => 0)
    assert.isBelow(size, 70)
    // The server sets the state back to what is there, and the client goes on from that.
    states.of("a").committed = size
    states.done.clear()
    yield* life.play(states, told)
    deepStrictEqual(yield* remains(engine, life, told), [])
    yield* life.end
  }))

describe("a store whose calls fail", { timeout: 300_000 }, () => {
  const seeds = Array.from({ length: Number(process.env.SEEDS ?? 40) }, (_, i) => Number(process.env.SEED ?? 1) + i)
  it.effect(`keeps all bytes, and leaves nothing behind: ${seeds.length} stories`, () =>
    Effect.gen(function*() {
      const failed = yield* Effect.forEach(seeds, storm)
      assert.isAbove(Math.max(...failed), 10)
    }))

  for (const verb of ["part", "complete"] as const) {
    rules.forEach((rule, n) =>
      it.effect(`tells that a multipart upload was aborted by somebody else before ${verb} (${n})`, () =>
        abortedBehind(rule, verb))
    )
  }
})

/** What a store says when it starts on a bucket that has a rule and whose calls fail. */
const start = (fault: (verb: string) => Fault | undefined, days?: number, policy: TusPolicy.Options = {}) => {
  const engine = new Engine({ smallestPart: 16 })
  const objects = engine.layer(({ verb }) => Effect.sync(() => fault(verb)))
  const ruled = days === undefined ? objects : Layer.effect(
    S3Objects.S3Objects,
    Effect.map(S3Objects.S3Objects, (s3) => ({ ...s3, abortRule: () => Effect.succeedSome(days) }))
  ).pipe(Layer.provide(objects))
  return Effect.as(ByteStore.ByteStore, "started").pipe(
    Effect.provide(
      Layer.provide(S3ByteStore.layer({ partSize: 16, memory: 64 }), Layer.merge(ruled, Layer.orDie(layerTemporary)))
    ),
    Effect.provideService(TusPolicy.TusPolicy, policy),
    Effect.either,
    Effect.map(Either.match({ onLeft: ({ message }) => message, onRight: (started) => started }))
  )
}

describe("the bucket at the start", () => {
  it.effect("has to be one that can be written, read and cleared", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* start(() => undefined), "started")
      for (const verb of ["put", "get", "remove"]) {
        assert.match(yield* start((made) => made === verb ? "Unreached" : undefined), /^use the bucket memory: /)
      }
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))), 60_000)

  it.effect("must not drop unfinished uploads before they expire", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* start(() => undefined, 7, { expiresAfter: "6 days" }), "started")
      assert.strictEqual(yield* start(() => undefined, 7), "started")
      assert.strictEqual(
        yield* start(() => undefined, 7, { expiresAfter: "7 days" }),
        `expiresAfter: expected less than 7 days, because the bucket memory drops incomplete multipart uploads after 7 days, got "7d"`
      )
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))
})
