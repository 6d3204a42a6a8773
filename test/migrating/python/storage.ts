/**
 * The rows about its storage.
 */
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import { EmbeddedStore, FileByteStore, NodeTusServer } from "effect-tus/node"
import { TusAdmin, TusServer, TusSweeper, UploadEvents } from "effect-tus/server"
import { SqlUploadRegistry } from "effect-tus/sql"
import { ByteStoreSuite, UploadRegistrySuite } from "effect-tus/testing"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileOf } from "../../interop/server.js"
import { directory } from "../../support/directory.js"
import * as Raw from "../../support/raw.js"
import { idOf } from "../../support/uploads.js"
import type { Proofs } from "../tables.js"
import { bytes, requests, serve } from "./setting.js"

export const storageRows = {
  Storage: Effect.gen(function*() {
    let appended = 0
    const counting = Layer.effect(
      ByteStore.ByteStore,
      Effect.map(ByteStore.ByteStore, (bytes) =>
        ByteStore.ByteStore.of({
          ...bytes,
          append: (id, place, pull, onWritten) => {
            appended++
            return bytes.append(id, place, pull, onWritten)
          }
        }))
    )
    const store = Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
      Layer.provide(UploadRegistry.layerMemory),
      Layer.provide(counting),
      Layer.provide(ByteStore.layerMemory)
    )
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(TusServer.layer), Layer.provide(store))
    )
    const { create, patch } = requests(Context.get(context, NodeTusServer.NodeTusServer).port)
    yield* patch(yield* create(3), 0, "abc")
    assert.strictEqual(appended, 1)
    deepStrictEqual([typeof UploadRegistrySuite.suite, typeof ByteStoreSuite.suite], ["function", "function"])
  }),
  create_upload: Effect.gen(function*() {
    const { context, create } = yield* serve()
    const registry = Context.get(context, UploadRegistry.UploadRegistry)
    const { upload } = Option.getOrThrow(yield* registry.get(idOf(yield* create(3))))
    const other = upload.amend({ id: idOf(randomUUID()) })
    yield* registry.create(other, { fence: 1, durable: false })
    deepStrictEqual(Option.map(yield* registry.get(other.id), ({ upload }) => upload), Option.some(other))
    const error = yield* Effect.flip(registry.create(upload, { fence: 1, durable: false }))
    assert.strictEqual(error._tag, "Superseded")
  }),
  get_upload: Effect.gen(function*() {
    const { context, create } = yield* serve()
    const { inspect } = yield* Effect.provide(TusAdmin.make, context)
    const { get } = Context.get(context, UploadRegistry.UploadRegistry)
    const id = idOf(yield* create(6, {}, "abc"))
    assert.strictEqual((yield* inspect(id)).upload.offset, 3)
    deepStrictEqual(Option.map(yield* get(id), ({ upload }) => Number(upload.offset)), Option.some(3))
    const none = idOf(randomUUID())
    deepStrictEqual(yield* get(none), Option.none())
    assert.strictEqual((yield* Effect.flip(inspect(none)))._tag, "UploadNotFound")
  }),
  "update_offset, update_offset_atomic": Effect.gen(function*() {
    const { context, create, offsetOf } = yield* serve()
    const path = yield* create(6)
    const { commit, get } = Context.get(context, UploadRegistry.UploadRegistry)
    const entry = Option.getOrThrow(yield* get(idOf(path)))
    const write = { fence: entry.fence + 1, durable: false }
    yield* commit(entry, entry.upload.grow(3, entry.upload.length, Option.none()), write)
    assert.strictEqual(yield* offsetOf(path), 3)
    const late = yield* Effect.flip(commit(entry, entry.upload.grow(1, entry.upload.length, Option.none()), write))
    assert.strictEqual(late._tag, "Superseded")
    assert.strictEqual(yield* offsetOf(path), 3)
  }),
  "delete_upload of a Storage": Effect.gen(function*() {
    const { connection, context, create, directory: at, told } = yield* serve()
    const path = yield* create(6)
    const { received, send } = yield* connection
    yield* Effect.promise(async () => {
      await send(Raw.patch(path, 0, 6, ["Expect: 100-continue"]))
      await received(/ 100 Continue/)
    })
    const { terminate } = yield* Effect.provide(TusAdmin.make, context)
    yield* terminate(idOf(path))
    yield* Effect.promise(() => received(/HTTP\/1.1 423 /))
    assert.strictEqual(yield* told("HEAD", path), 404)
    assert.isFalse(existsSync(fileOf(at, path)))
  }),
  write_chunk: Effect.gen(function*() {
    const { connection, context, create, patch } = yield* serve()
    const store = Context.get(context, ByteStore.ByteStore)
    const own = idOf(randomUUID())
    yield* ByteStore.appendStream(store)(own, { at: 0, fence: 1 }, Stream.make(bytes, bytes), () => Effect.void)
    deepStrictEqual(yield* store.size(own), Option.some(600_000))

    const path = yield* create(6)
    const { received, send } = yield* connection
    yield* Effect.promise(async () => {
      await send(Raw.patch(path, 0, 6, ["Expect: 100-continue"]))
      await received(/ 100 Continue/)
    })
    assert.strictEqual((yield* patch(path, 0, "abcdef")).status, 204)
    yield* Effect.promise(() => received(/HTTP\/1.1 423 /))
  }),
  read_file: Effect.gen(function*() {
    const { ask, context, create } = yield* serve({ downloads: true })
    const path = yield* create(6, {}, "abcdef")
    const read = Context.get(context, ByteStore.ByteStore).read(idOf(path), { start: 1, end: 4 })
    assert.strictEqual(yield* Stream.mkString(Stream.decodeText(read)), "bcd")
    const { status, text } = yield* ask("GET", path, { range: "bytes=2-" })
    deepStrictEqual([status, text], [206, "cdef"])
    const other = yield* serve()
    assert.strictEqual(yield* other.told("GET", yield* other.create(3, {}, "abc")), 405)
  }),
  get_file_path: Effect.gen(function*() {
    const told: Array<string> = []
    const { context, create, directory: at } = yield* serve(
      {},
      Layer.succeed(UploadEvents.UploadEvents, {
        publish: (event) =>
          Effect.sync(() => {
            if (event._tag === "Completed") {
              told.push(Option.getOrThrow(event.location))
            }
          })
      })
    )
    const path = yield* create(3, {}, "abc")
    const file = fileOf(at, path)
    deepStrictEqual(Context.get(context, ByteStore.ByteStore).locate?.(idOf(path)), Option.some(file))
    deepStrictEqual(told, [file])
  }),
  get_expired_uploads: Effect.gen(function*() {
    const { context, create } = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.recurs(0) })
    const paths = yield* Effect.forEach([1, 2, 3], () => create(6, {}, "abc"))
    yield* create(3, {}, "abc")
    const { expired } = Context.get(context, UploadRegistry.UploadRegistry)
    const now = DateTime.add(yield* DateTime.now, { hours: 1 })
    const first = yield* expired(now, { limit: 2 })
    const rest = yield* expired(now, { limit: 2, after: first[1] })
    deepStrictEqual([...first, ...rest].map(({ id }) => id).toSorted(), paths.map(idOf).toSorted())
    deepStrictEqual([first.length, rest.length], [2, 1])
  }),
  cleanup_expired_uploads: Effect.gen(function*() {
    const expired: Array<string> = []
    const events = Layer.succeed(UploadEvents.UploadEvents, {
      publish: ({ _tag, upload }) => Effect.sync(() => _tag === "Expired" && expired.push(upload.id))
    })
    const { context, create, told } = yield* serve({ expiresAfter: "1 millis", schedule: Schedule.recurs(0) })
    const left = yield* create(6, {}, "abc")
    const complete = yield* create(3, {}, "abc")
    yield* Effect.sleep("10 millis")
    const { sweep } = yield* TusSweeper.make.pipe(Effect.provide(context), Effect.provide(events))
    yield* sweep()
    deepStrictEqual([yield* told("HEAD", left), yield* told("HEAD", complete)], [404, 200])
    deepStrictEqual(expired, [idOf(left)])
  }),
  SQLiteStorage: Effect.gen(function*() {
    const at = yield* directory
    const context = yield* Layer.build(EmbeddedStore.layer({ directory: at }))
    deepStrictEqual(yield* Context.get(context, UploadRegistry.UploadRegistry).usage, { uploads: 0, bytes: 0 })
    deepStrictEqual(readdirSync(at).filter((name) => name === "uploads.sqlite"), ["uploads.sqlite"])
    const error = yield* Effect.flip(Layer.build(EmbeddedStore.layer({ directory: at })))
    assert.match(error.message, /another server is using/)
  }),
  "db_path, upload_dir": Effect.gen(function*() {
    const [states, files] = [yield* directory, join(yield* directory, "made", "here")]
    const store = Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
      Layer.provide(SqlUploadRegistry.layer),
      Layer.provide(SqliteClient.layer({ filename: join(states, "states.db") })),
      Layer.provide(FileByteStore.layer({ directory: files }))
    )
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(TusServer.layer), Layer.provide(store))
    )
    const { create } = requests(Context.get(context, NodeTusServer.NodeTusServer).port)
    assert.isTrue(existsSync(fileOf(files, yield* create(3, {}, "abc"))))
    assert.isTrue(existsSync(join(states, "states.db")))
    const missing = join(yield* directory, "both")
    yield* serve({ directory: missing })
    assert.include(readdirSync(missing), "uploads.sqlite")
  }),
  "upload_id, upload_length, offset, metadata, created_at, completed, expires_at": Effect.gen(function*() {
    const at = yield* directory
    writeFileSync(join(at, "uploads.db"), "what another library has left")
    const { upload } = yield* Effect.scoped(Effect.gen(function*() {
      const { context, create } = yield* serve({ directory: at, expiresAfter: "1 day" })
      const path = yield* create(6, { "upload-metadata": "a YQ==" }, "abc")
      return Option.getOrThrow(yield* Context.get(context, UploadRegistry.UploadRegistry).get(idOf(path)))
    }))
    deepStrictEqual([Number(upload.offset), upload.length, upload.metadata, upload.completion._tag], [
      3,
      Option.some(6),
      Option.some("a YQ=="),
      "Open"
    ])
    assert.isTrue(DateTime.lessThan(upload.createdAt, Option.getOrThrow(upload.expiresAt)))
    const rows = yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT id FROM effect_tus_uploads`).pipe(
      Effect.provide(SqliteClient.layer({ filename: join(at, "uploads.sqlite") }))
    )
    deepStrictEqual(rows.map((row) => ({ ...row })), [{ id: upload.id }])
  })
} satisfies Proofs
