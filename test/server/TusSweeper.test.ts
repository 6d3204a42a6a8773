import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, Upload, UploadRegistry } from "effect-tus"
import { TusSweeper, UploadEvents } from "effect-tus/server"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/UploadBody.js"
import { server } from "./doors.js"
import { create, head, patch } from "./requests.js"

const idOf = (path: string) => Upload.UploadId.make(path.split("/").at(-1) ?? "")

const events: Array<string> = []
const recorded = Layer.succeed(UploadEvents.UploadEvents, {
  publish: ({ _tag, upload }) => Effect.sync(() => events.push(`${_tag} ${upload.id}`))
})

describe("TusSweeper", () => {
  it.effect("removes unfinished uploads whose time has run out, state and bytes, and never a completed one", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const registry = yield* UploadRegistry.UploadRegistry
      const old = yield* create({ "upload-length": "3" })
      const done = yield* create({ "upload-length": "3" })
      yield* patch(old, 0, "ab")
      yield* patch(done, 0, "abc")
      yield* TestClock.adjust("50 minutes")
      const young = yield* create({ "upload-length": "3" })
      yield* TestClock.adjust("20 minutes")
      assert.strictEqual((yield* head(old)).status, 410)
      yield* sweep()
      deepStrictEqual(
        (yield* Effect.all([head(old), head(done), head(young)])).map(({ status }) => status),
        [404, 200, 200]
      )
      deepStrictEqual(yield* bytes.size(idOf(old)), Option.none())
      deepStrictEqual(yield* bytes.size(idOf(done)), Option.some(3))
      deepStrictEqual((yield* registry.usage).uploads, 2)
      assert.include(events, `Expired ${idOf(old)}`)
    }).pipe(Effect.provide(Layer.provideMerge(server({ expiresAfter: "1 hour" }), recorded))))

  it.effect("an acknowledged byte renews the life of an upload", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const path = yield* create({ "upload-length": "9" })
      for (let i = 0; i < 5; i++) {
        yield* TestClock.adjust("50 minutes")
        assert.strictEqual((yield* patch(path, i, "x")).status, 204)
      }
      yield* sweep()
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "5")
    }).pipe(Effect.provide(server({ expiresAfter: "1 hour" }))))

  it.effect("leaves an upload alone that is being written", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const path = yield* create({ "upload-length": "3" })
      const asked = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const waiting: UploadBody.UploadBody = {
        ...UploadBody.empty,
        pull: Deferred.succeed(asked, undefined).pipe(
          Effect.zipRight(Deferred.await(gate)),
          Effect.zipRight(Effect.fail(Option.none()))
        )
      }
      const running = yield* Effect.fork(patch(path, 0, waiting))
      yield* Deferred.await(asked)
      yield* TestClock.adjust("2 hours")
      yield* sweep()
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(running)).status, 204)
    }).pipe(Effect.provide(server({ expiresAfter: "1 hour" }))))

  it.effect("removes used-up partials only where it is told to, and only when every final is complete", () =>
    Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const part = yield* create({ "upload-length": "1", "upload-concat": "partial" })
      const other = yield* create({ "upload-length": "1", "upload-concat": "partial" })
      yield* patch(part, 0, "a")
      yield* create({ "upload-concat": `final;${part}` })
      const waiting = yield* create({ "upload-concat": `final;${part} ${other}` })
      yield* sweep({ removeUsedPartials: true })
      assert.strictEqual((yield* head(part)).status, 200)
      yield* patch(other, 0, "b")
      yield* sweep()
      assert.strictEqual((yield* head(waiting)).headers["upload-offset"], "2")
      assert.strictEqual((yield* head(part)).status, 200)
      yield* sweep({ removeUsedPartials: true })
      deepStrictEqual(
        (yield* Effect.all([head(part), head(other), head(waiting)])).map(({ status }) => status),
        [404, 404, 200]
      )
    }).pipe(Effect.provide(server())))

  it.effect("removes bytes without a state, and unfinished states without their bytes", () =>
    Effect.gen(function*() {
      const { sweepOrphans } = yield* TusSweeper.make
      const bytes = yield* ByteStore.ByteStore
      const stray = Upload.UploadId.make("0123456789abcdef0123456789abcdef")
      yield* ByteStore.appendStream(bytes)(stray, 0, Stream.make(new Uint8Array(3)), () => Effect.void)
      const lost = yield* create({ "upload-length": "3" })
      yield* patch(lost, 0, "ab")
      yield* bytes.remove(idOf(lost))
      const moved = yield* create({ "upload-length": "1" })
      yield* patch(moved, 0, "a")
      yield* bytes.remove(idOf(moved))
      const fresh = yield* create({ "upload-length": "3" })
      yield* sweepOrphans
      deepStrictEqual(yield* bytes.size(stray), Option.none())
      deepStrictEqual(
        (yield* Effect.all([head(lost), head(moved), head(fresh)])).map(({ status }) => status),
        [404, 200, 200]
      )
    }).pipe(Effect.provide(server())))

  it.effect("sweeps at once and then as the schedule says", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      yield* Layer.build(TusSweeper.layer())
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual((yield* head(path)).status, 200)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* head(path)).status, 404)
    }).pipe(Effect.scoped, Effect.provide(server({ expiresAfter: "1 hour" }))))
})
