import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, Upload, UploadLock, UploadRegistry, UploadStore, UsageLedger } from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import { TusPolicy, TusServer, TusSweeper, UploadHooks, UploadLimits } from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Allowance } from "../../src/server/body/Allowance.js"
import * as BoundedBody from "../../src/server/body/BoundedBody.js"
import { uploadOf } from "../protocol/arbitraries.js"
import { octets } from "../support/exchange.js"
import { bodyOf, create, head, inPieces, patch, request } from "../support/memory.js"

const sum = (sizes: ReadonlyArray<number>) => sizes.reduce((sum, size) => sum + size, 0)

const octetsOf = (text: string) => new TextEncoder().encode(text)

const owned = UploadHooks.owned(({ headers }) => Effect.succeed(headers.authorization ?? "nobody"))

/**
 * A server with limits on a disk of `size` bytes, from which stored bytes are subtracted. `turns`: how many turns other
 * fibers get between a query for free space and its use, one number per query.
 */
const limited = (limits: UploadLimits.Options, size = Infinity, turns: ReadonlyArray<number> = []) => {
  const left = [...turns]
  const counted = Layer.provide(UsageLedger.layer, UploadRegistry.layerMemory)
  const bytes = Layer.provide(
    Layer.effect(
      ByteStore.ByteStore,
      Effect.gen(function*() {
        const bytes = yield* ByteStore.ByteStore
        const sizes = Stream.mapEffect(bytes.list, ({ look }) => look)
        const stored = Stream.runFold(sizes, 0, (sum, look) => sum + Option.getOrThrow(look).size)
        const late = Effect.suspend(() => Effect.forEach(Array(left.shift() ?? 0), () => Effect.yieldNow()))
        const free = Effect.map(stored, (stored) => size - stored)
        return { ...bytes, free: Effect.zipLeft(free, late) }
      })
    ),
    ByteStore.layerMemory
  )
  return TusServer.layer.pipe(
    Layer.provideMerge(Layer.merge(UploadStore.layer, UploadLock.layerMemory)),
    Layer.provideMerge(UploadLimits.layer(limits)),
    Layer.provideMerge(bytes),
    Layer.provideMerge(counted),
    Layer.provideMerge(NodeHashFunctions.layer),
    Layer.provideMerge(Layer.succeed(TusPolicy.TusPolicy, { expiresAfter: "1 hour" })),
    Layer.provide(Layer.succeed(UploadHooks.UploadHooks, owned))
  )
}

const as = (authorization: string) => ({ authorization })
const post = (who: string, headers: Readonly<Record<string, string>>, body?: string) =>
  request("POST", "/files", { ...as(who), ...headers, ...(body === undefined ? {} : octets) }, bodyOf(body ?? ""))

const statuses = (requests: ReadonlyArray<Effect.Effect<{ readonly status: number }, unknown, TusServer.TusServer>>) =>
  Effect.map(
    Effect.all(requests, { concurrency: "unbounded" }),
    (answers) => answers.map(({ status }) => status).toSorted()
  )

describe("the bytes of an owner", () => {
  it.effect("are granted once, to any number of concurrent requests", () =>
    Effect.gen(function*() {
      const requests = Array.from({ length: 10 }, () => post("ann", { "upload-length": "30" }))
      deepStrictEqual(yield* statuses(requests), [...Array(3).fill(201), ...Array(7).fill(507)])
      assert.strictEqual((yield* post("bob", { "upload-length": "100" })).status, 201)
      const refused = yield* post("ann", { "upload-length": "11" })
      deepStrictEqual([refused.status, refused.headers["retry-after"]], [507, "60"])
      assert.match(refused.body ?? "", /at most 100 bytes together/)
      assert.strictEqual((yield* post("ann", { "upload-length": "10" })).status, 201)
    }).pipe(Effect.provide(limited({ bytesPerOwner: 100 }))))

  it.effect("are free again when an upload is terminated or has expired", () =>
    Effect.gen(function*() {
      const first = yield* create({ "upload-length": "100", ...as("ann") })
      assert.strictEqual((yield* post("ann", { "upload-length": "1" })).status, 507)
      yield* request("DELETE", first, as("ann"))
      assert.strictEqual((yield* post("ann", { "upload-length": "100" })).status, 201)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* post("ann", { "upload-length": "1" })).status, 507)
      yield* Effect.flatMap(TusSweeper.make, ({ sweep }) => sweep())
      assert.strictEqual((yield* post("ann", { "upload-length": "100" })).status, 201)
    }).pipe(Effect.provide(limited({ bytesPerOwner: 100 }))))

  it.effect("that run out in the middle of a body end it with a refusal, and the bytes before are kept", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-defer-length": "1", ...as("ann") })
      const refused = yield* patch(path, 0, "0123456789abc", as("ann"))
      deepStrictEqual([refused.status, refused.headers["retry-after"]], [507, "60"])
      assert.match(refused.body ?? "", /at most 10 bytes together/)
      assert.strictEqual((yield* request("HEAD", path, as("ann"))).headers["upload-offset"], "10")
      assert.strictEqual((yield* patch(path, 10, "d", as("ann"))).status, 507)
    }).pipe(Effect.provide(limited({ bytesPerOwner: 10 }))))

  it.effect("that do not suffice for an announced length refuse the body before its first byte", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-defer-length": "1", ...as("ann") })
      const told = { ...as("ann"), "content-length": "13" }
      assert.strictEqual((yield* patch(path, 0, "0123456789abc", told)).status, 507)
      assert.strictEqual((yield* request("HEAD", path, as("ann"))).headers["upload-offset"], "0")
      const declared = { ...as("ann"), "upload-length": "11" }
      assert.strictEqual((yield* patch(path, 0, "0123", declared)).status, 507)
      assert.strictEqual((yield* patch(path, 0, "0123", { ...declared, "upload-length": "10" })).status, 204)
    }).pipe(Effect.provide(limited({ bytesPerOwner: 10 }))))

  it.effect("are reserved in steps for a body of unknown length, and free again when it ends", () =>
    Effect.gen(function*() {
      const [a, b] = yield* Effect.all([1, 2].map(() => create({ "upload-defer-length": "1", ...as("ann") })))
      const more = yield* Deferred.make<void>()
      const body = bodyOf("abc")
      const running = yield* Effect.fork(
        patch(a ?? "", 0, { ...body, pull: Effect.zipLeft(body.pull, Deferred.await(more)) }, as("ann"))
      )
      yield* Effect.yieldNow()
      assert.strictEqual((yield* post("ann", { "upload-length": "6" })).status, 507)
      assert.strictEqual((yield* patch(b ?? "", 0, "vwxyz", as("ann"))).status, 204)
      yield* Deferred.succeed(more, undefined)
      assert.strictEqual((yield* Fiber.join(running)).status, 204)
      assert.strictEqual((yield* patch(b ?? "", 5, "01", as("ann"))).status, 204)
      assert.strictEqual((yield* patch(b ?? "", 7, "2", as("ann"))).status, 507)
    }).pipe(Effect.provide(limited({ bytesPerOwner: 10 }))))

  it.effect("are reserved for the body of a creation", () =>
    Effect.gen(function*() {
      deepStrictEqual((yield* post("ann", { "upload-defer-length": "1" }, "0123456789abc")).status, 507)
      deepStrictEqual((yield* post("ann", { "upload-defer-length": "1" }, "0123456789")).status, 201)
      deepStrictEqual((yield* post("ann", { "upload-length": "1" }, "0")).status, 507)
      const { bytes } = yield* Effect.flatMap(UploadRegistry.UploadRegistry, ({ usage }) => usage)
      assert.strictEqual(bytes, 10)
    }).pipe(Effect.provide(limited({ bytesPerOwner: 10 }))))
})

describe("the unfinished uploads of an owner", () => {
  it.effect("are limited in number, and one is free again when another completes", () =>
    Effect.gen(function*() {
      const requests = Array.from({ length: 5 }, () => post("ann", { "upload-defer-length": "1" }))
      deepStrictEqual(yield* statuses(requests), [201, 201, 429, 429, 429])
      const whole = yield* post("bob", { "upload-length": "3" }, "abc")
      assert.strictEqual(whole.status, 201)
      const paths = yield* Effect.all([1, 2].map(() => create({ "upload-length": "3", ...as("bob") })))
      const refused = yield* post("bob", { "upload-length": "3" })
      deepStrictEqual([refused.status, refused.headers["retry-after"]], [429, "60"])
      yield* patch(paths[0] ?? "", 0, "abc", as("bob"))
      assert.strictEqual((yield* post("bob", { "upload-length": "3" })).status, 201)
    }).pipe(Effect.provide(limited({ unfinishedPerOwner: 2 }))))
})

describe("the disk", () => {
  it.effect("has room for all announced bytes and for its reserve", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "60", ...as("ann") })
      yield* patch(path, 0, "0123456789", as("ann"))
      const refused = yield* post("bob", { "upload-length": "31" })
      deepStrictEqual([refused.status, refused.headers["retry-after"]], [507, "60"])
      assert.strictEqual((yield* post("bob", { "upload-length": "30" })).status, 201)
      assert.strictEqual((yield* post("bob", { "upload-length": "0" })).status, 201)
    }).pipe(Effect.provide(limited({ minFreeBytes: 10 }, 100))))
})

const digits = "0123456789".repeat(10)

describe("bodies of unknown length", () => {
  for (
    const [what, limits, size] of [
      ["an owner may have", { bytesPerOwner: 30 }, Infinity],
      ["the disk has", { minFreeBytes: 10 }, 40]
    ] as const
  ) {
    it.effect.prop(
      `together fill ${what}: no byte beyond it, and none of it is lost`,
      [
        FastCheck.array(FastCheck.array(FastCheck.nat(9), { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        FastCheck.array(FastCheck.nat(40), { maxLength: 20 })
      ],
      ([bodies, turns]) =>
        Effect.gen(function*() {
          const texts = bodies.map((sizes) => digits.slice(0, sum(sizes)))
          const paths = yield* Effect.all(texts.map(() => create({ "upload-defer-length": "1", ...as("ann") })))
          const send = (path: string, at: number, from: number) =>
            patch(path, from, inPieces((texts[at] ?? "").slice(from), bodies[at] ?? []), as("ann"))
          const stored = Effect.forEach(paths, (path) =>
            Effect.map(request("HEAD", path, as("ann")), ({ headers }) => Number(headers["upload-offset"])))
          const wanted = sum(texts.map(({ length }) =>
            length
          ))

          const answers = yield* Effect.all(paths.map((path, at) => send(path, at, 0)), { concurrency: "unbounded" })
          const offsets = yield* stored
          assert.isAtMost(sum(offsets), 30)
          answers.forEach(({ status }, at) => {
            const text = texts[at] ?? ""
            // An empty body is refused, too, if there is no space: nobody knows in advance that it is empty.
            const expected = offsets[at] !== text.length ? [507] : text === "" ? [204, 507] : [204]
            assert.include(expected, status)
          })
          yield* Effect.forEach(paths, (path, at) => send(path, at, offsets[at] ?? 0))
          const reached = yield* stored
          assert.strictEqual(sum(reached), Math.min(wanted, 30))
          const { read } = yield* ByteStore.ByteStore
          for (const [at, path] of paths.entries()) {
            const end = reached[at] ?? 0
            const id = Upload.UploadId.make(path.replace("/files/", ""))
            const chunks = yield* Stream.runCollect(read(id, { start: 0, end }))
            deepStrictEqual(Buffer.concat(Chunk.toReadonlyArray(chunks)).toString(), digits.slice(0, end))
          }
        }).pipe(Effect.provide(limited(limits, size, turns)))
    )
  }

  it.effect("end with a defect, not in a loop, if an application grants no more room than before", () =>
    Effect.gen(function*() {
      const same: Allowance = { size: 2, more: () => Effect.succeed(same) }
      const intake = BoundedBody.make(
        inPieces("abc", [3]),
        { room: 10, upload: uploadOf({}) },
        same,
        Option.none()
      )
      deepStrictEqual(Chunk.toReadonlyArray(yield* intake.pull), [octetsOf("ab")])
      const cause = yield* Effect.flip(Effect.sandbox(intake.pull))
      assert.match(Cause.pretty(cause), /expected more room than 2 bytes/)
    }))
})

describe("a final that is assembled later", () => {
  const deferred = { "upload-defer-length": "1", "upload-concat": "partial", ...as("ann") }
  const waiting = Effect.repeatN(Effect.yieldNow(), 200)
  const finalOf = (...parts: ReadonlyArray<string>) =>
    create({ "upload-concat": `final;${parts.join(" ")}`, ...as("ann") })
  const offsets = (finals: ReadonlyArray<string>) =>
    Effect.forEach(
      finals,
      (final) =>
        Effect.map(request("HEAD", final, as("ann")), ({ headers, status }) =>
          status === 200 ? headers["upload-offset"] : status)
    )

  for (
    const [what, limits, size] of [
      ["an owner may have", { bytesPerOwner: 100 }, Infinity],
      ["the disk has", { minFreeBytes: 10 }, 110]
    ] as const
  ) {
    it.effect(`stays within ${what}, counts a part as often as it is named, and waits for room`, () =>
      Effect.gen(function*() {
        const part = yield* create(deferred)
        const finals = yield* Effect.all([finalOf(part, part), finalOf(part, part), finalOf(part, part, part, part)])
        deepStrictEqual(yield* offsets(finals), [undefined, undefined, undefined])
        const declared = { ...as("ann"), "upload-length": "30" }
        assert.strictEqual((yield* patch(part, 0, "x".repeat(30), declared)).status, 204)
        yield* waiting
        deepStrictEqual(yield* offsets(finals), ["60", 507, 507])
        const refused = yield* request("GET", finals[1], as("ann"))
        assert.notStrictEqual(refused.status, 200)
        const { bytes } = yield* Effect.flatMap(UploadRegistry.UploadRegistry, ({ usage }) => usage)
        assert.strictEqual(bytes, 90)
        const denial = yield* request("HEAD", finals[1], as("ann"))
        deepStrictEqual(denial.headers["retry-after"], "60")
        assert.strictEqual((yield* request("DELETE", finals[0], as("ann"))).status, 204)
        yield* Effect.flatMap(TusSweeper.make, ({ sweep }) => sweep())
        deepStrictEqual(yield* offsets([part, ...finals.slice(1)]), ["30", "60", 507])
      }).pipe(Effect.provide(limited(limits, size))))
  }

  it.effect("reserves its room while it is assembled", () =>
    Effect.gen(function*() {
      const parts = yield* Effect.all([create(deferred), create(deferred)])
      const finals = yield* Effect.forEach(parts, (part) => finalOf(part, part))
      const declared = { ...as("ann"), "upload-length": "20" }
      yield* Effect.all(parts.map((part) => patch(part, 0, "x".repeat(20), declared)), { concurrency: "unbounded" })
      yield* waiting
      deepStrictEqual((yield* offsets(finals)).toSorted(), ["40", 507])
    }).pipe(Effect.provide(limited({ bytesPerOwner: 100 }))))

  it.effect("is refused at its creation if its parts are complete and there is no room", () =>
    Effect.gen(function*() {
      const part = (yield* post("ann", { "upload-length": "30", "upload-concat": "partial" }, "x".repeat(30))).headers
      const named = `final;${[1, 2, 3].map(() => part["location"]).join(" ")}`
      assert.strictEqual((yield* post("ann", { "upload-concat": named })).status, 507)
      const { uploads } = yield* Effect.flatMap(UploadRegistry.UploadRegistry, ({ usage }) => usage)
      assert.strictEqual(uploads, 1)
    }).pipe(Effect.provide(limited({ bytesPerOwner: 100 }))))
})

describe("concurrent writes", () => {
  it.effect("are limited in number", () =>
    Effect.gen(function*() {
      const paths = yield* Effect.all([1, 2].map(() => create({ "upload-length": "6" })))
      const more = yield* Deferred.make<void>()
      const body = bodyOf("abc")
      const running = yield* Effect.fork(
        patch(paths[0] ?? "", 0, { ...body, pull: Effect.zipLeft(body.pull, Deferred.await(more)) })
      )
      yield* Effect.yieldNow()
      const refused = yield* patch(paths[1] ?? "", 0, "abc")
      deepStrictEqual([refused.status, refused.headers["retry-after"]], [503, "1"])
      assert.strictEqual((yield* head(paths[1] ?? "")).status, 200)
      yield* Deferred.succeed(more, undefined)
      assert.strictEqual((yield* Fiber.join(running)).status, 204)
      assert.strictEqual((yield* patch(paths[1] ?? "", 0, "abc")).status, 204)
    }).pipe(Effect.provide(limited({ concurrentWrites: 1 }))))
})

describe("the bandwidth", () => {
  it.effect("is shared by all bodies", () =>
    Effect.gen(function*() {
      const paths = yield* Effect.all([1, 2, 3].map(() => create({ "upload-length": "1000" })))
      const running = yield* Effect.fork(
        Effect.all(paths.map((path) => patch(path, 0, "x".repeat(1000))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("2999 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(running)))
      yield* TestClock.adjust("1 millis")
      deepStrictEqual((yield* Fiber.join(running)).map(({ status }) => status), [204, 204, 204])
    }).pipe(Effect.provide(limited({ bytesPerSecond: 1000 }))))

  it.effect("does not delay a takeover", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "2000" })
      const running = yield* Effect.fork(patch(path, 0, "x".repeat(1000)))
      yield* Effect.yieldNow()
      assert.strictEqual((yield* request("DELETE", path)).status, 204)
      yield* Fiber.join(running)
    }).pipe(Effect.provide(limited({ bytesPerSecond: 1 }))))

  it.effect("does not delay the end of the server", () =>
    Effect.gen(function*() {
      const running = yield* Layer.build(limited({ bytesPerSecond: 1 })).pipe(
        Effect.flatMap((context) =>
          Effect.gen(function*() {
            const path = yield* create({ "upload-length": "2000" })
            const running = yield* Effect.forkDaemon(patch(path, 0, "x".repeat(1000)))
            yield* Effect.repeatN(Effect.yieldNow(), 100)
            assert.isNull(running.unsafePoll())
            return running
          }).pipe(Effect.provide(context))
        ),
        Effect.scoped
      )
      const { body, status } = yield* Fiber.join(running)
      assert.strictEqual(status, 503)
      assert.match(body ?? "", /stands at 1000/)
    }))
})
