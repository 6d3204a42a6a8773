import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Metadata, Refusal } from "effect-tus"
import { TypedUploads, UploadEvents, UploadHooks } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { create, head, patch, request } from "../support/memory.js"
import { server } from "./doors.js"

const Photo = Schema.Struct({ filename: Schema.NonEmptyString, taken: Schema.DateTimeUtc })
const photos = TypedUploads.make(Photo)

const taken = DateTime.unsafeMake("2026-11-27T12:00:00Z")
const photo = (filename: string) => Schema.encodeSync(Metadata.schema(Photo))({ filename, taken })

const typed = (hooks: TypedUploads.TypedHooks<typeof Photo.Type>) =>
  server().pipe(
    Layer.provideMerge(UploadEvents.layerFeed()),
    Layer.provide(Layer.succeed(UploadHooks.UploadHooks, photos.hooks(hooks)))
  )

describe("uploads with typed metadata", () => {
  it.effect("reach hooks and listeners with their metadata decoded by the Schema", () => {
    const seen: Array<unknown> = []
    const see = (hook: string) => ({ isOpen, metadata }: TypedUploads.TypedUpload<typeof Photo.Type>) =>
      Effect.sync(() => void seen.push([hook, metadata.filename, DateTime.toEpochMillis(metadata.taken), isOpen]))
    return Effect.gen(function*() {
      const heard = yield* Effect.fork(Stream.runCollect(Stream.take(photos.feed, 3)))
      yield* Effect.yieldNow()
      const path = yield* create({ "upload-length": "3", "upload-metadata": photo("a.jpg") })
      assert.strictEqual((yield* patch(path, 0, "abc")).status, 204)
      assert.strictEqual((yield* request("DELETE", path)).status, 204)
      const millis = DateTime.toEpochMillis(taken)
      deepStrictEqual(seen, [
        ["create", "a.jpg", millis, true],
        ["complete", "a.jpg", millis, false],
        ["terminate", "a.jpg", millis, false]
      ])
      deepStrictEqual(
        Chunk.toReadonlyArray(yield* Fiber.join(heard)).map(({ _tag, upload }) => [_tag, upload.metadata.filename]),
        [["Created", "a.jpg"], ["Completed", "a.jpg"], ["Terminated", "a.jpg"]]
      )
    }).pipe(
      Effect.provide(typed({ onCreate: see("create"), onComplete: see("complete"), onTerminate: see("terminate") }))
    )
  })

  it.effect("are refused if the Schema does not accept their metadata", () =>
    Effect.gen(function*() {
      for (const metadata of ["filename eA==", "taken eA==", ""]) {
        const { body, status } = yield* request("POST", "/files", { "upload-length": "3", "upload-metadata": metadata })
        assert.strictEqual(status, 400)
        assert.match(body ?? "", /^Upload-Metadata: .* for the key (taken|filename)\n$/s)
      }
    }).pipe(Effect.provide(typed({}))))

  it.effect("are checked by authorize like other uploads", () =>
    Effect.gen(function*() {
      const { status } = yield* request("POST", "/files", { "upload-length": "3", "upload-metadata": photo("a.jpg") })
      assert.strictEqual(status, 402)
    }).pipe(Effect.provide(typed({ authorize: () => new Refusal.Denied({ status: 402, reason: "it costs" }) }))))

  it.effect("wait for their hooks within the time limit of hooks", () =>
    Effect.gen(function*() {
      const creating = yield* Effect.fork(
        request("POST", "/files", { "upload-length": "3", "upload-metadata": photo("a.jpg") })
      )
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(creating)).status, 503)
    }).pipe(Effect.provide(typed({ onCreate: () => Effect.never, timeLimit: "2 seconds" }))))

  it.effect("may get other metadata from onCreate, as a value", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3", "upload-metadata": photo("A.JPG") })
      assert.strictEqual((yield* head(path)).headers["upload-metadata"], photo("a.jpg"))
    }).pipe(Effect.provide(typed({
      onCreate: ({ metadata }) =>
        Effect.succeed({ metadata: { ...metadata, filename: metadata.filename.toLowerCase() } })
    }))))

  it.effect("may be partial, with any metadata or none", () =>
    Effect.gen(function*() {
      const part = yield* create({ "upload-length": "3", "upload-concat": "partial" })
      yield* patch(part, 0, "abc")
      const final = { "upload-concat": `final;${part}` }
      assert.strictEqual((yield* request("POST", "/files", final)).status, 400)
      assert.strictEqual((yield* request("POST", "/files", { ...final, "upload-metadata": photo("a") })).status, 201)
    }).pipe(Effect.provide(typed({}))))

  it.effect("stay if they were stored with other metadata, and their client gets 500", () =>
    Effect.gen(function*() {
      // The hook changes the metadata to a value that the Schema refuses.
      const path = yield* create({ "upload-length": "3" })
      assert.strictEqual((yield* patch(path, 0, "abc")).status, 500)
      assert.strictEqual((yield* head(path)).status, 423)
    }).pipe(
      Effect.provide(
        server().pipe(Layer.provide(Layer.succeed(UploadHooks.UploadHooks, {
          ...photos.hooks({ onComplete: () => Effect.void }),
          onCreate: () => Effect.void
        })))
      ),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    ))
})
