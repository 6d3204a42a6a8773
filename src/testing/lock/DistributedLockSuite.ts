/**
 * The contract of an `UploadLock` that servers in several processes share, with its registry. Each test makes a new
 * store, and servers over it: layers that know nothing of each other.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Bytes } from "../../protocol/Upload.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import { patience } from "../Fixtures.js"
import { id, open } from "../registry/States.js"
import * as Holding from "./Holding.js"

/** A store that several servers share. */
export interface Shared {
  /** One server. Each build is another one. */
  readonly server: Layer.Layer<UploadLock | UploadRegistry, unknown>
  /** Makes the leases of all servers that run now lapse, as if each had been paused for too long. None is told. */
  readonly lapse: Effect.Effect<void>
}

/**
 * Declares the tests in the file that calls it, under `name`. `make` makes an empty store.
 */
export const suite = (name: string, make: Effect.Effect<Shared, unknown, Scope.Scope>): void => {
  /** Runs with two servers over a new store. */
  const test = <A, E>(
    title: string,
    self: (one: Server, other: Server, shared: Shared) => Effect.Effect<A, E, Scope.Scope>
  ) =>
    it.scopedLive(title, () =>
      Effect.gen(function*() {
        const shared = yield* make
        return yield* self(yield* start(shared), yield* start(shared), shared)
      }))

  describe(name, patience, () => {
    test("lets one server in at a time, with a fence above all earlier ones", (one, other) =>
      Effect.gen(function*() {
        let inside = 0
        let last = 0
        const visit = ({ lock }: Server) =>
          lock.withLock(upload, ({ fence }) =>
            Effect.acquireUseRelease(
              Effect.sync(() => {
                assert.strictEqual(++inside, 1, "somebody is inside already")
                assert.isAbove(fence, last)
                last = fence
              }),
              () => Effect.yieldNow(),
              () => Effect.sync(() => inside--)
            ))
        yield* Effect.forEach(Arr.range(1, 40), (n) => visit(n % 2 === 0 ? one : other), { concurrency: "unbounded" })
      }))

    test("asks the holder on another server to leave, and waits for it", (one, other) =>
      Effect.gen(function*() {
        const holder = yield* hold(one)
        const next = yield* Effect.forkScoped(other.lock.withLock(upload, fenceOf))
        yield* holder.asked
        assert.isTrue(Option.isNone(yield* Fiber.poll(next)))
        yield* holder.leave
        assert.isAbove(yield* Fiber.join(next), holder.fence)
      }))

    test(
      "does nothing with an upload that another server holds, if it is to be free, and asks nobody",
      (one, other) =>
        Effect.gen(function*() {
          const holder = yield* hold(one)
          deepStrictEqual(yield* other.lock.withLockIfFree(upload, fenceOf), Option.none())
          assert.isFalse(yield* holder.isAsked)
          yield* holder.leave
          assert.isTrue(Option.isSome(yield* other.lock.withLockIfFree(upload, fenceOf)))
        })
    )

    test("does not keep servers apart that use different uploads", (one, other) =>
      Effect.gen(function*() {
        const holder = yield* hold(one)
        yield* other.lock.withLock(id(2), () => Effect.void)
        yield* holder.leave
      }))

    test("lets a waiter on another server give up", (one, other) =>
      Effect.gen(function*() {
        const holder = yield* hold(one)
        const waiter = yield* Effect.forkScoped(other.lock.withLock(upload, fenceOf))
        yield* holder.asked
        yield* Fiber.interrupt(waiter)
        yield* holder.leave
        assert.isTrue(Option.isSome(yield* one.lock.withLockIfFree(upload, fenceOf)))
      }))

    test(
      "gives the lock of a server that has lapsed to one other, whose claim the late writes of the first meet",
      (one, other, shared) =>
        Effect.gen(function*() {
          yield* one.registry.create(open(1), { fence: 0, durable: true })
          const late = yield* hold(one)
          const entry = yield* claimed(one, late.fence)
          yield* shared.lapse
          const fence = yield* other.lock.withLock(upload, (lease) =>
            Effect.gen(function*() {
              yield* claimed(other, lease.fence)
              // Nothing has been committed under the new fence yet.
              const written = one.registry.commit(entry, grown(entry.upload), { fence: late.fence, durable: true })
              deepStrictEqual((yield* Effect.flip(written))._tag, "Superseded")
              const removed = one.registry.remove(entry, { fence: late.fence, durable: true })
              deepStrictEqual((yield* Effect.flip(removed))._tag, "Superseded")
              return lease.fence
            }))
          assert.isAbove(fence, late.fence)
          yield* late.leave
        })
    )

    test("is not given back by a server that has lost it", (one, _, shared) =>
      Effect.gen(function*() {
        const late = yield* hold(one)
        yield* shared.lapse
        const holder = yield* hold(yield* start(shared))
        yield* late.leave
        const next = yield* start(shared)
        deepStrictEqual(yield* next.lock.withLockIfFree(upload, fenceOf), Option.none())
        yield* holder.leave
      }))

    test(
      "goes to one of many servers that want the lock of one that has lapsed",
      (one, _, shared) =>
        Effect.gen(function*() {
          const late = yield* hold(one)
          yield* shared.lapse
          const servers = yield* Effect.replicateEffect(start(shared), 3)
          let inside = 0
          const visit = ({ lock }: Server) =>
            lock.withLock(upload, () =>
              Effect.acquireUseRelease(
                Effect.sync(() => assert.strictEqual(++inside, 1, "two have it")),
                () => Effect.sleep("10 millis"),
                () => Effect.sync(() => inside--)
              ))
          yield* Effect.forEach([...servers, ...servers], visit, { concurrency: "unbounded" })
          yield* late.leave
        })
    )

    test("loads the state as of the moment in which it takes the lock", (one, other) =>
      Effect.gen(function*() {
        yield* one.registry.create(open(1), { fence: 0, durable: true })
        for (const [n, server] of [one, other, one, one, other, other].entries()) {
          yield* server.lock.withLock(upload, ({ fence }) =>
            Effect.gen(function*() {
              const entry = yield* claimed(server, fence)
              assert.strictEqual(entry.upload.offset, n)
              yield* server.registry.commit(entry, grown(entry.upload), { fence, durable: true })
            }))
        }
      }))

    test("knows no state of an upload that is absent, or has been removed", (one, other) =>
      Effect.gen(function*() {
        assert.isTrue(Option.isNone(yield* stateOf(one)))
        const entry = yield* one.registry.create(open(1), { fence: 0, durable: true })
        assert.isTrue(Option.isSome(yield* stateOf(other)))
        const current = Option.getOrThrow(yield* one.registry.get(entry.upload.id))
        yield* one.registry.remove(current, { fence: current.fence, durable: true })
        assert.isTrue(Option.isNone(yield* stateOf(other)))
      }))
  })
}

const upload = id(1)

interface Server {
  readonly lock: UploadLock["Type"]
  readonly registry: UploadRegistry["Type"]
}

const start = ({ server }: Shared): Effect.Effect<Server, unknown, Scope.Scope> =>
  Effect.map(Layer.build(Layer.fresh(server)), (context) => ({
    lock: Context.get(context, UploadLock),
    registry: Context.get(context, UploadRegistry)
  }))

const hold = ({ lock }: Server) => Holding.hold(lock, upload)

const claimed = ({ registry }: Server, fence: number) =>
  Effect.flatMap(
    registry.claim(upload, fence),
    Option.match({
      onNone: () => Effect.dieMessage("there is no such upload"),
      onSome: Effect.succeed
    })
  )

const stateOf = ({ lock, registry }: Server) => lock.withLock(upload, ({ fence }) => registry.claim(upload, fence))

const fenceOf = ({ fence }: Lease) => Effect.succeed(fence)

const grown = (upload: ReturnType<typeof open>) => upload.grow(Bytes.make(1), upload.length, upload.expiresAt)
