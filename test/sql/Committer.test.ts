import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { UploadStoreError } from "effect-tus"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Committer from "../../src/sql/Committer.js"

interface Write {
  readonly id: string
  readonly value: number
}

/** A committer that records its batches, and writes each with `write`. */
const committer = (write: (batch: ReadonlyArray<Write>) => Effect.Effect<void, UploadStoreError.UploadStoreError>) => {
  const batches: Array<ReadonlyArray<Write>> = []
  return Effect.map(
    Committer.make<Write>({
      idOf: ({ id }) => id,
      limit: 10,
      isOutage: ({ reason }) => reason === "Read",
      write: (batch) => {
        batches.push(batch)
        return Effect.as(write(batch), new Set(batch.filter(({ value }) => value >= 0).map(({ id }) => id)))
      }
    }),
    (commit) => ({ submit: (write: Write) => commit(write, Effect.succeed), batches })
  )
}

const numbered = (count: number): ReadonlyArray<Write> => Arr.makeBy(count, (value) => ({ id: `id-${value}`, value }))
const sizes = (batches: ReadonlyArray<ReadonlyArray<Write>>) => batches.map(({ length }) => length)
const everyone = { concurrency: "unbounded" } as const
const succeed = () => Effect.void
const storeError = (reason: "Read" | "Write") => new UploadStoreError.UploadStoreError({ reason, operation: "test" })

describe("Committer", () => {
  it.scoped("writes concurrent updates together, counts them, and reports to each caller whether its update took effect", () =>
    Effect.gen(function*() {
      const { batches, submit } = yield* committer(succeed)
      const before = yield* Metric.value(Committer.batchSize)
      const writes = [{ id: "a", value: 1 }, { id: "b", value: -1 }, { id: "c", value: 2 }]
      deepStrictEqual(yield* Effect.forEach(writes, submit, everyone), [true, false, true])
      deepStrictEqual(batches, [writes])
      const after = yield* Metric.value(Committer.batchSize)
      deepStrictEqual([after.count - before.count, after.sum - before.sum], [1, 3])
    }))

  it.scoped("writes together the updates of requests that are read in one turn of the event loop", () =>
    Effect.gen(function*() {
      const { batches, submit } = yield* committer(succeed)
      const runtime = yield* Effect.runtime()
      yield* Effect.forEach(numbered(8), (write) =>
        Effect.async<boolean>((resume) => {
          setImmediate(() =>
            Runtime.runCallback(runtime, submit(write), { onExit: (exit) => resume(Effect.orDie(exit)) })
          )
        }), everyone)
      deepStrictEqual(sizes(batches), [8])
    }))

  it.scoped("splits a batch that is full", () =>
    Effect.gen(function*() {
      const { batches, submit } = yield* committer(succeed)
      yield* Effect.forEach(numbered(25), submit, everyone)
      deepStrictEqual(sizes(batches), [10, 10, 5])
      deepStrictEqual(batches.flat(), numbered(25))
    }))

  it.scoped("puts updates that arrive during a write into the next batch", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const { batches, submit } = yield* committer(() =>
        Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(go))
      )
      const first = yield* Effect.fork(submit({ id: "a", value: 1 }))
      yield* Deferred.await(started)
      const rest = yield* Effect.forEach(numbered(9), (write) => Effect.fork(submit(write)))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.joinAll([first, ...rest])
      deepStrictEqual(sizes(batches), [1, 9])
    }))

  it.scoped("never writes to one upload twice in a batch, and keeps the order", () =>
    Effect.gen(function*() {
      const { batches, submit } = yield* committer(succeed)
      const writes = [..."aabcbbca"].map((id, value) => ({ id, value }))
      yield* Effect.forEach(writes, submit, everyone)
      batches.forEach((batch) => assert.strictEqual(new Set(batch.map(({ id }) => id)).size, batch.length))
      deepStrictEqual(batches.flat(), writes)
    }))

  it.scoped("fails no update for the fault of another one in its batch", () =>
    Effect.gen(function*() {
      const { submit } = yield* committer((batch) =>
        batch.some(({ value }) => value === 3) ? storeError("Write") : Effect.void
      )
      const results = yield* Effect.forEach(numbered(8), (write) => Effect.either(submit(write)), everyone)
      results.forEach((result, value) =>
        deepStrictEqual(result, value === 3 ? Either.left(storeError("Write")) : Either.right(true))
      )
    }))

  it.scoped("does not retry updates one by one if no update is to blame", () =>
    Effect.gen(function*() {
      const { batches, submit } = yield* committer(() => storeError("Read"))
      const results = yield* Effect.forEach(numbered(8), (write) => Effect.either(submit(write)), everyone)
      assert.isTrue(results.every(Either.isLeft))
      deepStrictEqual(sizes(batches), [8])
    }))

  it.scoped("continues after an error and after a defect, which the caller receives", () =>
    Effect.gen(function*() {
      const { submit } = yield* committer(([write]) =>
        write?.value === 1 ? storeError("Write") : write?.value === 2 ? Effect.dieMessage("a bug") : Effect.void
      )
      deepStrictEqual(yield* Effect.flip(submit({ id: "a", value: 1 })), storeError("Write"))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(submit({ id: "a", value: 2 }))))
      assert.isTrue(yield* submit({ id: "a", value: 3 }))
    }))

  it.scoped("writes an update even if its caller no longer waits", () =>
    Effect.gen(function*() {
      const { batches, submit } = yield* committer(succeed)
      const caller = yield* Effect.fork(submit({ id: "a", value: 1 }))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(caller)
      assert.isTrue(yield* submit({ id: "a", value: 2 }))
      deepStrictEqual(batches.flat().map(({ value }) => value), [1, 2])
    }))

  it.effect("writes the queue before its scope closes, and nothing afterwards", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { batches, submit } = yield* Scope.extend(committer(succeed), scope)
      const callers = yield* Effect.forEach(numbered(25), (write) => Effect.fork(submit(write)))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      deepStrictEqual(sizes(batches), [10, 10, 5])
      assert.isTrue((yield* Fiber.join(Fiber.all(callers))).every((done) => done))
      const late = yield* Effect.flip(submit({ id: "a", value: 1 }))
      assert.strictEqual(late.reason, "Write")
      assert.strictEqual(batches.length, 3)
    }))
})
