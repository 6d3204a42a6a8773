/**
 * The contract of every `UploadLock`. Run it over a layer of your own; each test builds the layer anew over an empty
 * registry.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Uploads from "../../protocol/Upload.js"
import * as Locks from "../../store/UploadLock.js"
import * as Registries from "../../store/UploadRegistry.js"
import { patience } from "../Fixtures.js"

type Lock = Locks.UploadLock["Type"]
type UploadId = Uploads.UploadId
const { UploadLock } = Locks
const { UploadRegistry } = Registries
const { UploadId } = Uploads

/** What the suite has to know of a lock. */
export interface Options {
  /**
   * For a lock that asks somebody else: waits, by the real clock, until all requests under way have been answered and
   * all notifications have come. Without it, whatever can happen has to happen within a hundred yields.
   */
  readonly settle?: Effect.Effect<void> | undefined
}

/**
 * Declares the tests in the file that calls it, under `name`. The layer gets a registry in memory.
 *
 * @example
 * ```ts
 * import { UploadLock } from "effect-tus"
 * import { UploadLockSuite } from "effect-tus/testing"
 *
 * UploadLockSuite.suite("my lock", UploadLock.layerMemory) // your layer
 * ```
 */
export const suite = (
  name: string,
  layer: Layer.Layer<Locks.UploadLock, unknown, Registries.UploadRegistry>,
  { settle }: Options = {}
): void => {
  const aWhile = settle ?? steps(100)
  /** A busy machine may need several whiles. */
  const hasEnded = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) =>
    Effect.map(
      Effect.repeat(Effect.zipRight(aWhile, Fiber.poll(fiber)), { until: Option.isSome, times: 100 }),
      Option.isSome
    )
  const effect = settle === undefined ? it.effect : it.live
  /** In the middle of which operations a fiber is made to yield. A wait of real time allows fewer of them. */
  const interrupted = Arr.range(1, 60).filter((operation) => settle === undefined || operation % 7 === 1)

  const lockOver = (registry: Layer.Layer<Registries.UploadRegistry>) => Layer.provide(layer, registry)

  const test = <A, E>(title: string, self: (lock: Lock) => Effect.Effect<A, E>) =>
    effect(title, () => Effect.provide(Effect.flatMap(UploadLock, self), lockOver(Registries.layerMemory)))

  describe(name, patience, () => {
    describe("withLock", () => {
      test("has the result of its effect", (lock) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* lock.withLock(a, () => Effect.succeed(1)), 1)
          assert.strictEqual(yield* Effect.flip(lock.withLock(a, () => Effect.fail(2))), 2)
        }))

      test("runs one effect at a time, in the order of arrival", (lock) =>
        Effect.gen(function*() {
          const journal: Array<string> = []
          const write = (n: number) =>
            lock.withLock(a, () =>
              Effect.sync(() => journal.push(`enter ${n}`)).pipe(
                Effect.zipRight(aWhile),
                Effect.zipRight(Effect.sync(() => journal.push(`leave ${n}`)))
              ))
          const fibers = yield* Effect.forEach(Arr.range(1, 20), (n) => Effect.fork(write(n)))
          yield* Fiber.join(Fiber.all(fibers))
          deepStrictEqual(journal, Arr.range(1, 20).flatMap((n) => [`enter ${n}`, `leave ${n}`]))
        }))

      test("gives each holder a fence above all earlier ones", (lock) =>
        Effect.gen(function*() {
          const ids = Arr.makeBy(30, (n) => n % 2 === 0 ? a : b)
          const fences = yield* Effect.forEach(ids, (id) => lock.withLock(id, fenceOf))
          const free = yield* lock.withLockIfFree(a, fenceOf)
          const all = [...fences, ...Option.toArray(free)]
          deepStrictEqual(all, [...new Set(all)].toSorted((one, other) => one - other))
        }))

      effect("gives fences above all in the registry", () =>
        Effect.gen(function*() {
          const registry = yield* UploadRegistry
          yield* registry.create(upload, { fence: 4711, durable: false })
          const fence = yield* Effect.provide(
            Effect.flatMap(UploadLock, (lock) => lock.withLock(a, fenceOf)),
            lockOver(Layer.succeed(UploadRegistry, registry))
          )
          assert.isAbove(fence, 4711)
        }).pipe(Effect.provide(Registries.layerMemory)))

      test("does not wait for another upload", (lock) =>
        Effect.gen(function*() {
          const holder = yield* hold(lock, a)
          assert.strictEqual(yield* lock.withLock(b, () => Effect.succeed(1)), 1)
          yield* holder.leave
        }))

      test("asks the holder to leave as soon as somebody waits, and not before", (lock) =>
        Effect.gen(function*() {
          const holder = yield* hold(lock, a)
          const asked = yield* listen(holder.lease)
          yield* lock.withLock(b, () => Effect.void)
          yield* aWhile
          assert.strictEqual(asked.count(), 0)
          const waiter = yield* Effect.fork(lock.withLock(a, () => Effect.void))
          yield* asked.once
          yield* holder.leave
          yield* Fiber.join(waiter)
        }))

      test("asks a holder at once that starts to listen when somebody waits already", (lock) =>
        Effect.gen(function*() {
          const holder = yield* hold(lock, a)
          const asked = yield* listen(holder.lease)
          const waiter = yield* Effect.fork(lock.withLock(a, () => Effect.void))
          yield* asked.once
          let isAsked = false
          holder.lease.onRequested(() => {
            isAsked = true
          })
          assert.isTrue(isAsked)
          yield* holder.leave
          yield* Fiber.join(waiter)
        }))

      test("asks the next holder at once if somebody waits behind it, and does not ask the last one", (lock) =>
        Effect.gen(function*() {
          const first = yield* hold(lock, a)
          const second = yield* Effect.fork(lock.withLock(a, askedAtOnce))
          const third = yield* Effect.fork(lock.withLock(a, askedAtOnce))
          yield* aWhile
          yield* first.leave
          assert.isTrue(yield* Fiber.join(second))
          assert.isFalse(yield* Fiber.join(third))
        }))

      test("asks a holder once, for any number of waiters, and calls all its listeners", (lock) =>
        Effect.gen(function*() {
          const holder = yield* hold(lock, a)
          const asked = yield* Effect.all([listen(holder.lease), listen(holder.lease)])
          const waiters = yield* Effect.forEach(Arr.range(1, 5), () => Effect.fork(lock.withLock(a, () => Effect.void)))
          yield* aWhile
          deepStrictEqual(asked.map(({ count }) => count()), [1, 1])
          yield* holder.leave
          yield* Fiber.join(Fiber.all(waiters))
        }))

      test("never ends a holder that does not leave", (lock) =>
        Effect.gen(function*() {
          const holder = yield* hold(lock, a)
          const waiter = yield* Effect.fork(lock.withLock(a, () => Effect.void))
          yield* aWhile
          assert.isTrue(Option.isNone(yield* Fiber.poll(waiter)))
          assert.isTrue(Option.isNone(yield* Fiber.poll(holder.fiber)))
          yield* holder.leave
          yield* Fiber.join(waiter)
        }))

      test("is released by a holder that fails, dies or is interrupted", (lock) =>
        Effect.gen(function*() {
          for (const end of [Effect.fail("no"), Effect.die("a bug"), Effect.interrupt]) {
            const exit = yield* Effect.exit(Effect.fork(lock.withLock(a, () => end)).pipe(Effect.flatMap(Fiber.join)))
            assert.isTrue(Exit.isFailure(exit))
            yield* free(lock, a)
          }
          const holder = yield* hold(lock, a)
          const waiter = yield* Effect.fork(lock.withLock(a, () => Effect.succeed(1)))
          yield* aWhile
          yield* Fiber.interrupt(holder.fiber)
          assert.strictEqual(yield* Fiber.join(waiter), 1)
        }))

      test("is released by a holder that dies at once", (lock) =>
        Effect.gen(function*() {
          const bug = lock.withLock(a, (): Effect.Effect<void> => {
            throw new Error("a bug")
          })
          assert.isTrue(Exit.isFailure(yield* Effect.exit(bug)))
          yield* free(lock, a)
        }))

      test("lets a waiter give up, and the others keep their places", (lock) =>
        Effect.gen(function*() {
          const holder = yield* hold(lock, a)
          const journal: Array<number> = []
          const waiters = yield* Effect.forEach(Arr.range(0, 9), (n) =>
            Effect.fork(lock.withLock(a, () => Effect.sync(() => journal.push(n)))))
          yield* aWhile
          const leaving = waiters.filter((_, n) =>
            n % 3 === 0
          )
          yield* Fiber.interruptAll(leaving)
          deepStrictEqual(journal, [])
          yield* holder.leave
          yield* Fiber.awaitAll(waiters)
          deepStrictEqual(journal, [1, 2, 4, 5, 7, 8])
        }))

      test("is not leaked by a waiter that is interrupted when its turn comes", (lock) =>
        Effect.forEach(
          Arr.cartesian(interrupted, Arr.range(-5, 5)),
          ([operation, delay]) =>
            Effect.gen(function*() {
              const holder = yield* hold(lock, a)
              const waiter = yield* lock.withLock(a, () => Effect.void).pipe(
                Effect.withScheduler(makingWay((n) => n === operation)),
                Effect.fork
              )
              const next = yield* Effect.fork(lock.withLock(a, () => Effect.succeed(1)))
              yield* aWhile
              const [first, second] = delay < 0
                ? [Fiber.interruptFork(waiter), holder.leave] as const
                : [holder.leave, Fiber.interruptFork(waiter)] as const
              yield* first
              yield* steps(Math.abs(delay))
              yield* second
              yield* aWhile
              assert.isTrue(yield* hasEnded(next), "somebody has kept the lock")
              yield* free(lock, a)
            })
        ))
    })

    describe("a lock that is made and does not run", () => {
      test("holds nothing, and asks nobody to leave", (lock) =>
        Effect.gen(function*() {
          const ran: Array<string> = []
          const make = () => [
            lock.withLock(a, () => Effect.sync(() => ran.push("withLock"))),
            lock.withLockIfFree(a, () => Effect.sync(() => ran.push("withLockIfFree")))
          ]
          make()
          assert.isTrue(lock.isFree?.(a) ?? true)
          yield* free(lock, a)
          const holder = yield* hold(lock, a)
          const asked = yield* listen(holder.lease)
          make()
          yield* aWhile
          assert.strictEqual(asked.count(), 0)
          yield* holder.leave
          yield* Fiber.join(holder.fiber)
          yield* free(lock, a)
          deepStrictEqual(ran, [])
        }))

      test("has its turn and its fence when it runs", (lock) =>
        Effect.gen(function*() {
          const made = Arr.makeBy(4, (n) =>
            n % 2 === 0
              ? lock.withLock(a, fenceOf)
              : Effect.map(lock.withLockIfFree(a, fenceOf), Option.getOrThrow))
          yield* free(lock, a)
          const fences = yield* Effect.all([...made.toReversed(), ...made])
          deepStrictEqual(fences, [...new Set(fences)].toSorted((one, other) => one - other))
        }))
    })

    describe("isFree", () => {
      test("tells whether somebody holds the upload, if the lock knows", (lock) =>
        Effect.gen(function*() {
          const { isFree } = lock
          if (isFree !== undefined) {
            const holder = yield* hold(lock, a)
            deepStrictEqual([isFree(a), isFree(b)], [false, true])
            const next = yield* Effect.fork(lock.withLock(a, () => Effect.sync(() => isFree(a))))
            yield* aWhile
            yield* holder.leave
            yield* Fiber.join(holder.fiber)
            deepStrictEqual([yield* Fiber.join(next), isFree(a)], [false, true])
          }
        }))
    })

    describe("withLockIfFree", () => {
      test("runs if the upload is free, with the result of its effect", (lock) =>
        Effect.gen(function*() {
          deepStrictEqual(yield* lock.withLockIfFree(a, () => Effect.succeed(1)), Option.some(1))
          assert.strictEqual(yield* Effect.flip(lock.withLockIfFree(a, () => Effect.fail(2))), 2)
          yield* free(lock, a)
        }))

      test("does nothing if the upload is held, and asks no holder to leave", (lock) =>
        Effect.gen(function*() {
          const holder = yield* hold(lock, a)
          const asked = yield* listen(holder.lease)
          deepStrictEqual(yield* lock.withLockIfFree(a, () => Effect.dieMessage("ran")), Option.none())
          yield* aWhile
          assert.strictEqual(asked.count(), 0)
          yield* holder.leave
          yield* Fiber.join(holder.fiber)
          yield* free(lock, a)
        }))

      test("holds the upload, and is asked to leave by newcomers", (lock) =>
        Effect.gen(function*() {
          const entered = yield* Deferred.make<Locks.Lease>()
          const sweeper = yield* Effect.fork(lock.withLockIfFree(a, (lease) =>
            Effect.zipRight(
              Deferred.succeed(entered, lease),
              Effect.async<void>((resume) => lease.onRequested(() => resume(Effect.void)))
            )))
          yield* Deferred.await(entered)
          assert.strictEqual(yield* lock.withLock(a, () => Effect.succeed(1)), 1)
          yield* Fiber.join(sweeper)
        }))

      test("never waits, wherever its fiber yields", (lock) =>
        Effect.forEach(interrupted, (operation) =>
          Effect.gen(function*() {
            const goOn = yield* Deferred.make<void>()
            const sweeper = yield* lock.withLockIfFree(a, () => Effect.void).pipe(
              Effect.withScheduler(makingWay((n) => n === operation)),
              Effect.fork
            )
            const holder = yield* Effect.fork(lock.withLock(a, () => Deferred.await(goOn)))
            yield* aWhile
            assert.isTrue(yield* hasEnded(sweeper))
            yield* Deferred.succeed(goOn, undefined)
            yield* Fiber.join(holder)
          })))
    })

    effect.prop(
      "keeps all promises for any sequence of users",
      [FastCheck.array(anyVisit, { minLength: 2, maxLength: 12 }), FastCheck.nat()],
      ([visits, seed]) =>
        Effect.gen(function*() {
          const lock = yield* UploadLock
          const inside = new Set<UploadId>()
          const fences = new Map<UploadId, number>()
          const use = (visit: Visit) => ({ fence }: Locks.Lease) =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                assert.isFalse(inside.has(visit.id), "somebody is inside already")
                assert.isAbove(fence, fences.get(visit.id) ?? 0)
                fences.set(visit.id, fence)
                inside.add(visit.id)
              }),
              () => Effect.zipRight(steps(visit.stay), visit.end),
              () => Effect.sync(() => inside.delete(visit.id))
            )
          const fibers = yield* Effect.forEach(visits, (visit) =>
            steps(visit.arrival).pipe(
              Effect.zipRight(
                visit.waits
                  ? Effect.asSome(lock.withLock(visit.id, use(visit)))
                  : lock.withLockIfFree(visit.id, use(visit))
              ),
              Effect.fork
            ))
          yield* Effect.forEach(
            Arr.zip(visits, fibers),
            ([{ patience }, fiber]) =>
              patience === null ? Effect.void : Effect.zipRight(steps(patience), Fiber.interruptFork(fiber)),
            { concurrency: "unbounded" }
          )
          const exits = yield* Effect.forEach(fibers, Fiber.await)
          Arr.zip(visits, exits).forEach(([{ end, patience, waits }, exit]) => {
            if (patience === null && end === Effect.void && waits) {
              deepStrictEqual(exit, Exit.succeed(Option.some(undefined)))
            }
          })
          yield* free(lock, a)
          yield* free(lock, b)
        }).pipe(
          Effect.withScheduler(makingWay(oneIn(24, seed))),
          Effect.provide(lockOver(Registries.layerMemory))
        ),
      { fastCheck: { numRuns: settle === undefined ? 300 : 30 } }
    )
  })
}

const a = UploadId.make("a".repeat(22))
const b = UploadId.make("b".repeat(22))

const upload = new Uploads.Upload({
  id: a,
  kind: { _tag: "Whole" },
  offset: Uploads.Bytes.make(0),
  length: Option.none(),
  metadata: Option.none(),
  createdAt: DateTime.unsafeMake(0),
  expiresAt: Option.none(),
  expiryIsFixed: false,
  completion: { _tag: "Open" },
  owner: Option.none(),
  dialect: "tus"
})

/** Yields to other fibers `count` times. */
const steps = (count: number) => count === 0 ? Effect.void : Effect.repeatN(Effect.yieldNow(), count - 1)

/**
 * A scheduler that makes fibers yield in the middle of their work, before each operation that `isWay` chooses. A yield
 * takes about ten operations itself, so choosing every tenth one would never get anything done.
 */
const makingWay = (isWay: (operation: number) => boolean): Scheduler.Scheduler => {
  let operation = 0
  return {
    shouldYield: () => isWay(++operation) ? 0 : false,
    scheduleTask: (task, priority, fiber) => Scheduler.defaultScheduler.scheduleTask(task, priority, fiber)
  }
}

/** Pseudo-random with a seed. */
const oneIn = (odds: number, seed: number) => (n: number) => Math.abs(Hash.number(Math.sin(seed + n))) % odds === 0

/** Holds the lock until told to release it. */
const hold = Effect.fnUntraced(function*(lock: Lock, id: UploadId) {
  const entered = yield* Deferred.make<Locks.Lease>()
  const left = yield* Deferred.make<void>()
  const fiber = yield* Effect.fork(
    lock.withLock(id, (lease) => Effect.zipRight(Deferred.succeed(entered, lease), Deferred.await(left)))
  )
  return { fiber, lease: yield* Deferred.await(entered), leave: Effect.asVoid(Deferred.succeed(left, undefined)) }
})

const listen = ({ onRequested }: Locks.Lease) =>
  Effect.map(Deferred.make<void>(), (asked) => {
    let count = 0
    onRequested(() => {
      count++
      Deferred.unsafeDone(asked, Exit.void)
    })
    return { once: Deferred.await(asked), count: () => count }
  })

const fenceOf = ({ fence }: Locks.Lease) => Effect.succeed(fence)

const askedAtOnce = ({ onRequested }: Locks.Lease) =>
  Effect.sync(() => {
    let isAsked = false
    onRequested(() => {
      isAsked = true
    })
    return isAsked
  })

const free = (lock: Lock, id: UploadId) =>
  Effect.map(
    lock.withLockIfFree(id, () => Effect.void),
    (ran) => assert.isTrue(Option.isSome(ran), "somebody has kept the lock")
  )

interface Visit {
  readonly id: UploadId
  readonly waits: boolean
  /** Steps before the visit, during it, and before its fiber is interrupted. */
  readonly arrival: number
  readonly stay: number
  readonly patience: number | null
  readonly end: Effect.Effect<void, string>
}

const count = (max: number) => FastCheck.integer({ min: 0, max })
const anyVisit: FastCheck.Arbitrary<Visit> = FastCheck.record({
  id: FastCheck.constantFrom(a, a, a, b),
  waits: FastCheck.constantFrom(true, true, true, false),
  arrival: count(5),
  stay: count(10),
  patience: FastCheck.option(count(60), { freq: 2 }),
  end: FastCheck.constantFrom<Effect.Effect<void, string>>(
    Effect.void,
    Effect.void,
    Effect.fail("no"),
    Effect.die("a bug"),
    Effect.interrupt
  )
})
