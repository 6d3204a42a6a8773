import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Pull } from "effect-tus"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Later from "../../src/testing/Later.js"

const bytes = new Uint8Array(10)

/** A reading of a stream that does not end by itself, and what its finalizer was told. */
const told = () => {
  const exits = new Array<Exit.Exit<unknown, unknown>>()
  const stream = Stream.concat(Stream.make(bytes), Stream.never).pipe(
    Stream.ensuringWith((exit) => Effect.sync(() => exits.push(exit)))
  )
  return { exits, open: Pull.fromStream(stream) }
}

describe("a reading of a stream", () => {
  for (
    const [title, read] of [
      ["used", (open, act) => Pull.use(open, (pull) => Effect.zipRight(pull, act))],
      ["made a stream again", (open, act) => Stream.runForEach(Stream.take(Pull.toStream(open), 1), () => act)]
    ] satisfies ReadonlyArray<
      readonly [
        string,
        (open: ReturnType<typeof told>["open"], act: Effect.Effect<void, string>) => Effect.Effect<void, unknown>
      ]
    >
  ) {
    describe(title, () => {
      it.effect("runs its finalizers with a success", () =>
        Effect.gen(function*() {
          const { exits, open } = told()
          yield* read(open, Effect.void)
          deepStrictEqual(exits.map(Exit.isSuccess), [true])
        }))

      it.effect("runs its finalizers with its failure", () =>
        Effect.gen(function*() {
          const { exits, open } = told()
          yield* Effect.exit(read(open, Effect.fail("refused")))
          deepStrictEqual(exits, [Exit.fail("refused")])
        }))

      it.effect("runs its finalizers with the interruption", () =>
        Effect.gen(function*() {
          const { exits, open } = told()
          const reading = yield* Effect.fork(read(open, Effect.never))
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(reading)
          deepStrictEqual(exits.map(Exit.isInterrupted), [true])
        }))
    })
  }
})

describe("forEachBatch", () => {
  const batch = FastCheck.array(FastCheck.uint8Array({ maxLength: 4 }), { maxLength: 3 }).map(Chunk.fromIterable)

  it.effect.prop(
    "acts when it runs, and not before, in whatever order it is made and run",
    [FastCheck.array(FastCheck.record({ batch, isWhole: FastCheck.boolean(), waits: Later.anyWait }))],
    ([steps]) =>
      Effect.gen(function*() {
        const called: Array<Chunk.Chunk<Uint8Array>> = []
        const acted: typeof called = []
        const expected: typeof called = []
        yield* Later.run(steps, ({ batch, isWhole }) => {
          const pull = isWhole ? Pull.whole(batch) : Pull.after(batch, Pull.end)
          const made = Pull.forEachBatch(pull, (batch) => {
            called.push(batch)
            return Effect.sync(() => acted.push(batch))
          })
          return Effect.map(made, () => {
            expected.push(batch)
            deepStrictEqual([called, acted], [expected, expected])
          })
        })
      })
  )
})
