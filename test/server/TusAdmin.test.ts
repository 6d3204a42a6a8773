import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Refusal } from "effect-tus"
import { TusAdmin, TusSweeper, UploadHooks } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import { create, head, patch } from "../support/memory.js"
import { idOf } from "../support/uploads.js"
import { server } from "./doors.js"

const administered = (hooks: UploadHooks.Hooks = {}) =>
  TusAdmin.layer.pipe(
    Layer.provideMerge(server({ expiresAfter: "1 hour" })),
    Layer.provideMerge(Layer.succeed(UploadHooks.UploadHooks, hooks))
  )

describe("an operator", () => {
  it.effect("lists all uploads", () =>
    Effect.gen(function*() {
      const admin = yield* TusAdmin.TusAdmin
      deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(admin.list)), [])
      const paths = yield* Effect.all(Array.from({ length: 300 }, () => create({ "upload-length": "3" })))
      yield* patch(paths[0] ?? "", 0, "abc")
      const uploads = Either.getOrThrow(Either.all(yield* Stream.runCollect(admin.list)))
      deepStrictEqual(uploads.map(({ id }) => id), paths.map(idOf).toSorted())
      const { synced, upload } = yield* admin.inspect(idOf(paths[0] ?? ""))
      deepStrictEqual([upload.offset, upload.completion._tag, synced], [3, "Complete", 3])
      assert.strictEqual((yield* Effect.flip(admin.inspect(idOf("x".repeat(22)))))._tag, "UploadNotFound")
    }).pipe(Effect.provide(administered())))

  it.effect("extends the expiry of an upload, also of an expired one", () =>
    Effect.gen(function*() {
      const admin = yield* TusAdmin.TusAdmin
      const { sweep } = yield* TusSweeper.make
      const path = yield* create({ "upload-length": "3" })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* head(path)).status, 410)
      const end = DateTime.unsafeMake(10 * 3_600_000)
      yield* admin.extend(idOf(path), Option.some(end))
      yield* sweep()
      const { headers } = yield* patch(path, 0, "a")
      assert.strictEqual(headers["upload-expires"], "Thu, 01 Jan 1970 10:00:00 GMT")
      yield* admin.extend(idOf(path), Option.none())
      yield* TestClock.adjust("1000 hours")
      yield* sweep()
      assert.strictEqual((yield* patch(path, 1, "bc")).status, 204)
      // A completed upload has no expiry.
      deepStrictEqual((yield* admin.extend(idOf(path), Option.some(end))).expiresAt, Option.none())
    }).pipe(Effect.provide(administered())))

  it.effect("does not interrupt a writer to extend an upload, but does so to remove it", () =>
    Effect.gen(function*() {
      const admin = yield* TusAdmin.TusAdmin
      const path = yield* create({ "upload-length": "3" })
      const running = yield* Effect.fork(patch(path, 0, UploadBody.fromPull(Effect.never, {})))
      yield* Effect.yieldNow()
      assert.strictEqual((yield* Effect.flip(admin.extend(idOf(path), Option.none())))._tag, "Contended")
      const terminating = yield* Effect.fork(admin.terminate(idOf(path)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(terminating)
      assert.strictEqual((yield* Fiber.join(running)).status, 423)
      assert.strictEqual((yield* head(path)).status, 404)
    }).pipe(Effect.provide(administered())))

  it.effect("cannot remove an upload that the application refuses to terminate", () =>
    Effect.gen(function*() {
      const admin = yield* TusAdmin.TusAdmin
      const path = yield* create({ "upload-length": "3" })
      assert.strictEqual((yield* Effect.flip(admin.terminate(idOf(path))))._tag, "Denied")
      assert.strictEqual((yield* head(path)).status, 200)
    }).pipe(Effect.provide(administered({
      onTerminate: () => new Refusal.Denied({ status: 403, reason: "it stays" })
    }))))
})
