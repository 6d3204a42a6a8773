import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { EmbeddedStore } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as DirectoryLock from "../../src/node/DirectoryLock.js"
import * as Sqlite from "../../src/node/Sqlite.js"
import * as SqlFailure from "../../src/sql/SqlFailure.js"
import { directory } from "./temporary.js"

const serve = (directory: string) => Layer.build(EmbeddedStore.layer({ directory }))

const reading = (directory: string) =>
  Layer.build(Sqlite.layer(join(directory, "uploads.sqlite"))).pipe(
    Effect.map((context) => Context.get(context, SqlClient.SqlClient))
  )

describe("DirectoryLock", () => {
  it.scopedLive("lets one server have a directory, whatever the other calls it", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const [real, link] = [join(at, "real"), join(at, "link")]
      mkdirSync(real)
      symlinkSync(real, link)
      yield* serve(real)
      for (const name of [real, link, `${at}/./real/`]) {
        const error = yield* Effect.flip(Effect.scoped(serve(name)))
        assert.match(error.message, /which another server is using: database is locked/)
      }
    }))

  it.scopedLive("is free again when its server has ended, and has written nothing", () =>
    Effect.gen(function*() {
      const at = yield* directory
      yield* Effect.scoped(serve(at))
      yield* Effect.scoped(serve(at))
      assert.strictEqual(statSync(DirectoryLock.fileIn(at)).size, 0)
    }))

  it.scopedLive("keeps nobody from reading the database, and from copying it", () =>
    Effect.gen(function*() {
      const at = yield* directory
      yield* serve(at)
      const sql = yield* reading(at)
      deepStrictEqual(yield* sql`SELECT COUNT(*) FROM effect_tus_uploads`.values, [[0]])
      yield* sql`VACUUM INTO ${join(at, "copy.sqlite")}`
      assert.isAbove(statSync(join(at, "copy.sqlite")).size, 4096)
    }))

  it.scopedLive("takes only a lock for another server, and no other failure", () =>
    Effect.gen(function*() {
      const at = yield* directory
      writeFileSync(DirectoryLock.fileIn(at), "no database at all".repeat(100))
      const error = yield* Effect.flip(Effect.scoped(serve(at)))
      assert.strictEqual(error._tag === "UploadStoreError" && SqlFailure.isLocked(error), false)
      assert.notMatch(error.message, /another server/)
    }))
})
