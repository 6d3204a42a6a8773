/**
 * HEAD while another request writes: what has arrived is committed first, seldom, and nobody is disturbed.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import { TusServer } from "effect-tus/server"
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import { interruptingBefore } from "../support/interrupting.js"
import { create, head, patch } from "../support/memory.js"

type Commit = (next: Effect.Effect<UploadRegistry.StoredUpload, CommitError>) => typeof next
type CommitError = UploadStoreError.Superseded | UploadStoreError.UploadStoreError

/** A server in memory that counts commits, and lets `commit` change them. */
const server = (commits: Array<number> = [], commit: Commit = (next) => next, bytes = ByteStore.layerMemory) =>
  TusServer.layer.pipe(
    Layer.provide(Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory)),
    Layer.provide(
      Layer.effect(
        UploadRegistry.UploadRegistry,
        Effect.map(UploadRegistry.UploadRegistry, (registry) => ({
          ...registry,
          commit: (entry, next, options) =>
            Effect.suspend(() => {
              commits.push(next.offset)
              return commit(registry.commit(entry, next, options))
            })
        }))
      )
    ),
    Layer.provide(Layer.mergeAll(bytes, UploadRegistry.layerMemory))
  )

/** A PATCH at 0 whose body is sent piece by piece, and ends with `end`. */
const hanging = Effect.fnUntraced(function*(path: string, headers?: Readonly<Record<string, string>>) {
  const pieces = yield* Queue.unbounded<Option.Option<string>>()
  const source = Effect.map(Effect.flatten(Queue.take(pieces)), (text) => Chunk.of(new TextEncoder().encode(text)))
  const body = UploadBody.fromPull(Effect.mapError(source, () => Option.none()), { idleTimeout: "1 hour" })
  const response = yield* Effect.fork(patch(path, 0, body, headers))
  return {
    send: (text: string) => Effect.zipRight(Queue.offer(pieces, Option.some(text)), settled),
    /** Ends the body, and returns the status of the answer. */
    end: Queue.offer(pieces, Option.none()).pipe(
      Effect.zipRight(Fiber.join(response)),
      Effect.map(({ status }) => status)
    ),
    status: Effect.map(Fiber.join(response), ({ status }) => status)
  }
})

/** Lets all fibers run that need no time. */
const settled = Effect.repeatN(Effect.yieldNow(), 200)

const offsetOf = (path: string) => Effect.map(head(path), ({ headers }) => headers["upload-offset"])

/** The offset that a HEAD tells after so long a time, `Option.none` if it has not answered. */
const asked = (path: string, millis: number) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(offsetOf(path))
    yield* settled
    yield* TestClock.adjust(millis)
    yield* settled
    return yield* Fiber.poll(fiber).pipe(Effect.flatMap(Option.match({
      onNone: () => Effect.succeed("nothing yet"),
      onSome: (exit) => exit
    })))
  })

describe("HEAD while a body arrives", () => {
  it.effect("tells what has arrived, and the body goes on", () =>
    Effect.gen(function*() {
      const commits: Array<number> = []
      yield* Effect.gen(function*() {
        const path = yield* create({ "upload-length": "9" })
        const { end, send } = yield* hanging(path)
        yield* send("abc")
        assert.strictEqual(yield* asked(path, 250), "3")
        yield* send("def")
        assert.strictEqual(yield* asked(path, 250), "6")
        yield* send("ghi")
        assert.strictEqual(yield* end, 204)
        assert.strictEqual(yield* offsetOf(path), "9")
        deepStrictEqual(commits, [3, 6, 9])
      }).pipe(Effect.provide(server(commits)))
    }))

  it.effect("answers at once where nothing has arrived since the last commit", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "9" })
      const { send } = yield* hanging(path)
      assert.strictEqual(yield* asked(path, 0), "0")
      yield* send("abc")
      assert.strictEqual(yield* asked(path, 250), "3")
      assert.strictEqual(yield* asked(path, 0), "3")
    }).pipe(Effect.provide(server())))

  it.effect("commits once in 250 ms, however many ask", () =>
    Effect.gen(function*() {
      const commits: Array<number> = []
      yield* Effect.gen(function*() {
        const path = yield* create({ "upload-length": "99" })
        const { send } = yield* hanging(path)
        yield* send("abc")
        const first = yield* Effect.fork(Effect.all(Array.from({ length: 50 }, () => offsetOf(path)), {
          concurrency: "unbounded"
        }))
        yield* settled
        yield* TestClock.adjust(250)
        deepStrictEqual(new Set(yield* Fiber.join(first)), new Set(["3"]))
        yield* send("def")
        assert.strictEqual(yield* asked(path, 249), "nothing yet")
        deepStrictEqual(commits, [3])
        assert.strictEqual(yield* asked(path, 1), "6")
        deepStrictEqual(commits, [3, 6])
      }).pipe(Effect.provide(server(commits)))
    }))

  it.effect("tells the last commit where a checksum covers the body: its bytes do not count yet", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "9" })
      const { end, send } = yield* hanging(path, { "upload-checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=" })
      yield* send("abc")
      assert.strictEqual(yield* asked(path, 0), "0")
      yield* send("defghi")
      assert.strictEqual(yield* end, 460)
    }).pipe(Effect.provide(Layer.provide(server(), NodeHashFunctions.layer))))

  it.effect("a client that comes back goes on from there: the hung request leaves, and nothing conflicts", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "6" })
      const { send, status } = yield* hanging(path)
      yield* send("abc")
      assert.strictEqual(yield* asked(path, 250), "3")
      const next = yield* Effect.fork(patch(path, 3, "def"))
      yield* settled
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(next)).status, 204)
      assert.notStrictEqual(yield* status, 204)
    }).pipe(Effect.provide(server())))

  it.effect("has a small body hand over what it holds back", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "6" })
      const [flushed, ended] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const waits = [
        Effect.as(Deferred.await(flushed), Chunk.of(new TextEncoder().encode("abc"))),
        Effect.as(Deferred.await(ended), Chunk.of(new TextEncoder().encode("def")))
      ]
      const response = yield* Effect.fork(patch(path, 0, {
        ...UploadBody.empty,
        pull: Effect.suspend(() => waits.shift() ?? Effect.fail(Option.none())),
        hasEnded: () => waits.length === 0,
        flush: () => Deferred.unsafeDone(flushed, Effect.void) === undefined
      }))
      yield* settled
      assert.strictEqual(yield* asked(path, 250), "3")
      yield* Deferred.succeed(ended, undefined)
      assert.strictEqual((yield* Fiber.join(response)).status, 204)
      assert.strictEqual(yield* offsetOf(path), "6")
    }).pipe(Effect.provide(server())))

  it.effect("does not wait for a request that has been interrupted, before whatever operation", () =>
    Effect.gen(function*() {
      const answers = yield* Effect.forEach(Arr.range(1, 100), (operation) =>
        Effect.gen(function*() {
          const path = yield* create({ "upload-length": "6" })
          const body = { ...UploadBody.empty, pull: Effect.never, hasEnded: () => false, flush: () => true }
          const request = yield* Effect.fork(Effect.withScheduler(patch(path, 0, body), interruptingBefore(operation)))
          yield* settled
          yield* Fiber.interrupt(request)
          const answer = yield* asked(path, 0)
          yield* TestClock.adjust("1 second")
          return [operation, answer] as const
        }).pipe(Effect.provide(server())))
      deepStrictEqual(answers.filter(([, answer]) => answer !== "0"), [])
    }))

  const throwing = Layer.effect(
    ByteStore.ByteStore,
    Effect.map(ByteStore.ByteStore, (store) => ({
      ...store,
      append: () => {
        throw new Error("a bug")
      }
    }))
  ).pipe(Layer.provide(ByteStore.layerMemory))

  for (
    const [title, pull, bytes] of [
      ["body", Effect.die("a bug"), ByteStore.layerMemory],
      ["store", Effect.succeed(Chunk.of(new TextEncoder().encode("abc"))), throwing]
    ] as const
  ) {
    it.effect(`does not wait for a request that has died of its ${title}`, () =>
      Effect.gen(function*() {
        const path = yield* create({ "upload-length": "6" })
        const body = { ...UploadBody.empty, pull, hasEnded: () => true, flush: () => true }
        assert.strictEqual((yield* patch(path, 0, body)).status, 500)
        const answer = yield* asked(path, 0)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(answer, "0")
      }).pipe(Effect.provide(server([], (next) => next, bytes))))
  }

  it.effect("waits for a second at most, and tells the last commit then", () =>
    Effect.gen(function*() {
      const goOn = yield* Deferred.make<void>()
      yield* Effect.gen(function*() {
        const path = yield* create({ "upload-length": "6" })
        const { end, send } = yield* hanging(path)
        yield* send("abc")
        assert.strictEqual(yield* asked(path, 999), "nothing yet")
        assert.strictEqual(yield* asked(path, 1000), "0")
        yield* Deferred.succeed(goOn, undefined)
        yield* send("def")
        assert.strictEqual(yield* end, 204)
        assert.strictEqual(yield* offsetOf(path), "6")
      }).pipe(Effect.provide(server([], (next) => Effect.zipRight(Deferred.await(goOn), next))))
    }))

  it.effect("a commit that fails fails the request whose bytes it was to keep", () =>
    Effect.gen(function*() {
      const broken = new UploadStoreError.UploadStoreError({ reason: "Write", operation: "commit" })
      let fails = true
      yield* Effect.gen(function*() {
        const path = yield* create({ "upload-length": "6" })
        const { send, status } = yield* hanging(path)
        yield* send("abc")
        assert.strictEqual(yield* asked(path, 250), "0")
        fails = false
        yield* send("def")
        assert.strictEqual(yield* status, 500)
        assert.strictEqual(yield* offsetOf(path), "0")
      }).pipe(Effect.provide(server([], (next) => fails ? broken : next)))
    }))
})
