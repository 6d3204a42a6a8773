import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { UploadStore, type UploadStoreError } from "effect-tus"
import { EmbeddedStore } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as DirectoryLock from "../../src/node/embedded/DirectoryLock.js"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import * as SqlFailure from "../../src/sql/SqlFailure.js"
import { id, uploadOf } from "../protocol/arbitraries.js"
import { directory } from "../support/directory.js"

const serve = (directory: string) => Layer.build(EmbeddedStore.layer({ directory }))

const create = (context: Context.Context<EmbeddedStore.Services>, letter: string) =>
  Effect.catchTag(
    Context.get(context, UploadStore.UploadStore).create(uploadOf({ id: id(letter) }), 1),
    "Superseded",
    Effect.die
  )

/** Advances the TestClock until the condition holds. */
const ticks = (is: () => boolean) =>
  Effect.repeat(
    Effect.zipRight(TestClock.adjust("250 millis"), Effect.promise(() => new Promise((done) => setImmediate(done)))),
    { until: is }
  )

const reading = (directory: string) =>
  Layer.build(Sqlite.layer(join(directory, "uploads.sqlite"))).pipe(
    Effect.map((context) => Context.get(context, SqlClient.SqlClient))
  )

describe("DirectoryLock", () => {
  it.scopedLive("lets one server use a directory, also under another path", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const [real, link] = [join(at, "real"), join(at, "link")]
      mkdirSync(real)
      symlinkSync(real, link)
      yield* serve(real)
      for (const name of [real, link, `${at}/./real/`]) {
        const error = yield* Effect.flip(Effect.scoped(serve(name)))
        assert.match(
          error.message,
          /which another server is using \(stop that one, or choose another directory\): database is locked/
        )
      }
    }))

  it.scopedLive("is free again after its server has ended, even without a write", () =>
    Effect.gen(function*() {
      const at = yield* directory
      yield* Effect.scoped(serve(at))
      yield* Effect.scoped(serve(at))
      assert.strictEqual(statSync(DirectoryLock.fileIn(at)).size, 0)
    }))

  it.scoped("keeps others out again if its file was removed under a running server", () =>
    Effect.gen(function*() {
      const at = yield* directory
      let told = 0
      const logger = Logger.make(({ message }) => {
        told += /was removed, and has been created and locked again/.test(String(message)) ? 1 : 0
      })
      const context = yield* Effect.provide(serve(at), Logger.replace(Logger.defaultLogger, logger))
      for (const nth of [1, 2]) {
        rmSync(DirectoryLock.fileIn(at))
        yield* ticks(() => told === nth)
        assert.match((yield* Effect.flip(Effect.scoped(serve(at)))).message, /which another server is using/)
      }
      yield* create(context, "a")
    }))

  it.scoped("is lost to a faster server, and the first one writes nothing from then on", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const first = yield* serve(at)
      yield* create(first, "a")
      rmSync(DirectoryLock.fileIn(at))
      const second = yield* serve(at)
      let refused: UploadStoreError.UploadStoreError | undefined
      for (let nth = 0; refused === undefined; nth++) {
        yield* TestClock.adjust("250 millis")
        const done = yield* Effect.either(create(first, `b${nth}`))
        refused = done._tag === "Left" ? done.left : undefined
      }
      assert.match(refused.message, /which another server is using/)
      yield* create(second, "c")
      // The other server keeps the directory until it ends.
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Either.isLeft(yield* Effect.either(create(first, "d"))))
    }))

  it.scopedLive("lets others read and copy the database", () =>
    Effect.gen(function*() {
      const at = yield* directory
      yield* serve(at)
      const sql = yield* reading(at)
      deepStrictEqual(yield* sql`SELECT COUNT(*) FROM effect_tus_uploads`.values, [[0]])
      yield* sql`VACUUM INTO ${join(at, "copy.sqlite")}`
      assert.isAbove(statSync(join(at, "copy.sqlite")).size, 4096)
    }))

  it.scopedLive("reports only a held lock as another server, and no other failure", () =>
    Effect.gen(function*() {
      const at = yield* directory
      writeFileSync(DirectoryLock.fileIn(at), "no database at all".repeat(100))
      const error = yield* Effect.flip(Effect.scoped(serve(at)))
      assert.strictEqual(error._tag === "UploadStoreError" && SqlFailure.isLocked(error), false)
      assert.notMatch(error.message, /another server/)
    }))
})
