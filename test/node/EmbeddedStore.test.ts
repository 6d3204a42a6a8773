import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore } from "effect-tus"
import { EmbeddedStore, NodeTusServer } from "effect-tus/node"
import { TusServer, TusSweeper, TusSyncer } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { dirname, join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { directory as temporary } from "../support/directory.js"
import { create, head, patch } from "../support/memory.js"
import { needs } from "../support/needs.js"
import { asking } from "../support/raw.js"
import { idOf } from "../support/uploads.js"

const offsetOf = (path: string) => Effect.map(head(path), ({ headers }) => headers["upload-offset"])

const content = (path: string) =>
  Effect.flatMap(
    ByteStore.ByteStore,
    ({ read }) => read(idOf(path), { start: 0, end: 6 }).pipe(Stream.decodeText(), Stream.mkString)
  )

/** Runs one process after another on the same directory, with power cuts and other events between them. */
const machine = Effect.map(temporary, (directory) => {
  const server = TusServer.layer.pipe(Layer.provideMerge(EmbeddedStore.layer({ directory })))
  return {
    directory,
    process: <A, E>(use: Effect.Effect<A, E, Layer.Layer.Success<typeof server>>) =>
      Effect.scoped(Effect.flatMap(Layer.build(server), (context) => Effect.provide(use, context))),
    /** The state after a power cut: the machine has rebooted, and only `left` of the unsynced bytes remain. */
    powerCut: (path: string, left: number) =>
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql`UPDATE effect_tus_boot SET boot = 'another'`).pipe(
        Effect.provide(Sqlite.layer(join(directory, "uploads.sqlite"))),
        Effect.zipRight(Effect.sync(() => truncateSync(join(directory, path.slice(-2), idOf(path)), left)))
      )
  }
})

needs("SQLite")("EmbeddedStore", () => {
  it.scopedLive("after a power cut no upload continues behind a gap", () =>
    Effect.gen(function*() {
      const { powerCut, process } = yield* machine
      const path = yield* process(Effect.gen(function*() {
        const path = yield* create({ "upload-length": "6" })
        yield* patch(path, 0, "ab")
        yield* Effect.scoped(Layer.build(TusSyncer.layer()))
        yield* patch(path, 2, "cd")
        return path
      }))
      yield* process(Effect.map(offsetOf(path), (offset) => deepStrictEqual(offset, "4")))
      yield* powerCut(path, 3)
      yield* process(Effect.gen(function*() {
        deepStrictEqual(yield* offsetOf(path), "2")
        yield* patch(path, 2, "cdef")
        deepStrictEqual(yield* content(path), "abcdef")
      }))
    }))

  it.scopedLive("a power cut after a server has stopped loses nothing", () =>
    Effect.gen(function*() {
      const { directory, powerCut, process } = yield* machine
      const serving = Effect.flatMap(Layer.build(NodeTusServer.layer({ directory, port: 0 })), (context) => {
        const { create, patch } = asking(Context.get(context, NodeTusServer.NodeTusServer).port)
        return Effect.tap(create(100_000), (path) => patch(path, 0, "a".repeat(80_000)))
      })
      const path = yield* Effect.scoped(serving)
      yield* powerCut(path, 80_000)
      yield* process(Effect.map(offsetOf(path), (offset) => deepStrictEqual(offset, "80000")))
    }))
})

const open = (directory: string, adopt = false) => Layer.build(EmbeddedStore.layer({ directory, adopt }))

/** A complete upload and its file. */
const uploaded = (here: Effect.Effect.Success<typeof machine>) =>
  here.process(Effect.gen(function*() {
    const path = yield* create({ "upload-length": "6" })
    yield* patch(path, 0, "abcdef")
    return { path, file: join(here.directory, path.slice(-2), idOf(path)) }
  }))
const remove = (directory: string) =>
  readdirSync(directory).filter((name) => name.startsWith("uploads.sqlite")).forEach((name) =>
    rmSync(join(directory, name))
  )

const orphans = (directory: string) => {
  const folder = join(directory, "orphans")
  return existsSync(folder)
    ? readdirSync(folder).flatMap((shard) => readdirSync(join(folder, shard)).map((name) => join(folder, shard, name)))
    : []
}

/** Makes the directory look like one of version 0.1.0, which knew no identity. */
const age = (directory: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    yield* sql`DROP TABLE effect_tus_registry`
    yield* sql`ALTER TABLE effect_tus_uploads DROP COLUMN final_answer`
    yield* sql`DROP INDEX effect_tus_uploads_tailed`
    yield* sql`ALTER TABLE effect_tus_uploads DROP COLUMN tail_bytes`
    yield* sql`DROP TABLE effect_tus_tails`
    yield* sql`DELETE FROM effect_tus_migrations WHERE migration_id > 4`
    yield* Effect.sync(() => rmSync(join(directory, "identity")))
  }).pipe(Effect.provide(Sqlite.layer(join(directory, "uploads.sqlite"))))

needs("SQLite")("a directory and its database", () => {
  const sweep = Effect.flatMap(TusSweeper.make, ({ sweepOrphans }) => sweepOrphans())

  const lose: Readonly<Record<string, (directory: string) => void>> = {
    "was removed": remove,
    "is empty": (directory) => {
      remove(directory)
      writeFileSync(join(directory, "uploads.sqlite"), "")
    }
  }
  for (const [what, act] of Object.entries(lose)) {
    it.scopedLive(`a database that ${what} stops the server at each start, and no file is changed`, () =>
      Effect.gen(function*() {
        const here = yield* machine
        const { file } = yield* uploaded(here)
        act(here.directory)
        for (let again = 0; again < 2; again++) {
          const error = yield* Effect.flip(Effect.scoped(open(here.directory)))
          assert.strictEqual(error._tag, "StoreMismatch")
          assert.match(
            error.message,
            /the database is new and knows none of them; restore the right database.*adopt: true/
          )
        }
        assert.strictEqual(readFileSync(file, "utf8"), "abcdef")
      }))
  }

  it.scopedLive("a folder of uploads that cannot be read does not count as empty: a new database is refused", () =>
    Effect.gen(function*() {
      const here = yield* machine
      const { file } = yield* uploaded(here)
      const shard = dirname(file)
      const told = readFileSync(join(here.directory, "identity"), "utf8")
      remove(here.directory)
      renameSync(shard, `${shard}-away`)
      symlinkSync(shard, shard)
      assert.strictEqual((yield* Effect.flip(Effect.scoped(open(here.directory))))._tag, "UploadStoreError")
      assert.strictEqual(readFileSync(join(here.directory, "identity"), "utf8"), told)
      rmSync(shard)
      renameSync(`${shard}-away`, shard)
      assert.strictEqual((yield* Effect.flip(Effect.scoped(open(here.directory))))._tag, "StoreMismatch")
    }))

  it.scopedLive("files that an adopted database does not name are set aside, and come back with the right database", () =>
    Effect.gen(function*() {
      const here = yield* machine
      const { directory, process } = here
      const { file, path } = yield* uploaded(here)
      const kept = join(yield* temporary, "kept.sqlite")
      copyFileSync(join(directory, "uploads.sqlite"), kept)
      remove(directory)
      yield* Effect.scoped(
        Effect.flatMap(
          open(directory, true),
          (context) => Effect.provide(sweep, Layer.provideMerge(TusServer.layer, Layer.succeedContext(context)))
        )
      )
      assert.isFalse(existsSync(file))
      deepStrictEqual(orphans(directory).map((name) => readFileSync(name, "utf8")), ["abcdef"])
      // From now on the directory belongs to this database.
      yield* Effect.scoped(open(directory))
      remove(directory)
      copyFileSync(kept, join(directory, "uploads.sqlite"))
      const other = yield* Effect.flip(Effect.scoped(open(directory)))
      assert.match(other.message, /the database does not belong to/)
      yield* Effect.scoped(open(directory, true))
      assert.strictEqual(readFileSync(file, "utf8"), "abcdef")
      deepStrictEqual(orphans(directory), [])
      yield* process(Effect.map(content(path), (text) => deepStrictEqual(text, "abcdef")))
    }))

  it.scopedLive("an older copy of the database is accepted, and the files that it does not name are set aside", () =>
    Effect.gen(function*() {
      const here = yield* machine
      const { directory, process } = here
      const first = yield* uploaded(here)
      const kept = join(yield* temporary, "kept.sqlite")
      copyFileSync(join(directory, "uploads.sqlite"), kept)
      const second = yield* uploaded(here)
      remove(directory)
      copyFileSync(kept, join(directory, "uploads.sqlite"))
      yield* process(sweep)
      assert.strictEqual(readFileSync(first.file, "utf8"), "abcdef")
      assert.isFalse(existsSync(second.file))
      deepStrictEqual(orphans(directory).map((name) => readFileSync(name, "utf8")), ["abcdef"])
    }))

  it.scopedLive("a database of another directory is refused, also through a hard link", () =>
    Effect.gen(function*() {
      const here = yield* machine
      yield* uploaded(here)
      yield* open(here.directory)
      const elsewhere = yield* temporary
      linkSync(join(here.directory, "uploads.sqlite"), join(elsewhere, "uploads.sqlite"))
      const error = yield* Effect.flip(Effect.scoped(open(elsewhere)))
      assert.strictEqual(error._tag, "StoreMismatch")
    }))

  it.scopedLive("files of another program, in folders like those of a store, are left alone", () =>
    Effect.gen(function*() {
      const cache = yield* temporary
      mkdirSync(join(cache, "9c"))
      writeFileSync(join(cache, "9c", "b7f54b2df7773722d382f4809d65029c"), "KEY: http://example.org/")
      assert.strictEqual((yield* Effect.flip(Effect.scoped(open(cache))))._tag, "StoreMismatch")
      assert.isTrue(existsSync(join(cache, "9c", "b7f54b2df7773722d382f4809d65029c")))
    }))

  it.scopedLive("a directory of the version before is accepted, also if no state is left in it", () =>
    Effect.gen(function*() {
      const here = yield* machine
      const { file } = yield* uploaded(here)
      yield* age(here.directory)
      yield* Effect.scoped(open(here.directory))
      assert.strictEqual(readFileSync(file, "utf8"), "abcdef")
      yield* Effect.flatMap(SqlClient.SqlClient, (sql) => sql`DELETE FROM effect_tus_uploads`).pipe(
        Effect.provide(Sqlite.layer(join(here.directory, "uploads.sqlite")))
      )
      yield* age(here.directory)
      yield* here.process(sweep)
      deepStrictEqual(orphans(here.directory).map((name) => readFileSync(name, "utf8")), ["abcdef"])
    }))
})
