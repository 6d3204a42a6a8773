/**
 * Run by a Node that has `node:sqlite`, where better-sqlite3 cannot be loaded: `npx vitest run --mode sqlite`.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as NodeSqlite from "../../src/node/embedded/NodeSqlite.js"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import * as SqlFailure from "../../src/sql/SqlFailure.js"
import { filename, layerTemporary } from "../sql/database.js"

const using = <A, E>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
  Effect.provide(Effect.flatMap(SqlClient.SqlClient, use), layerTemporary)

describe("NodeSqlite", () => {
  it.scoped("is used if better-sqlite3 cannot be loaded, and one log line says so", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => lines.push(message))
      yield* Layer.build(Sqlite.layer(yield* filename)).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.strictEqual(lines.length, 1)
      assert.match(
        String(lines[0]),
        /^using node:sqlite for the database, since better-sqlite3 cannot be loaded: The module '.*' was compiled against a different Node.js version$/
      )
    }))

  it.effect("returns whole numbers as numbers, or as bigints to a query that asks for them", () =>
    using((sql) =>
      Effect.gen(function*() {
        const read = Effect.map(sql<{ readonly n: unknown }>`SELECT 9007199254740991 AS n`, ([row]) => row?.n)
        const safely = Effect.provideService(read, SqlClient.SafeIntegers, true)
        deepStrictEqual(yield* Effect.all([read, safely, read, safely]), [
          9007199254740991,
          9007199254740991n,
          9007199254740991,
          9007199254740991n
        ])
        const beyond = sql<{ readonly n: unknown }>`SELECT 9223372036854775807 AS n`
        assert.include(String((yield* Effect.flip(beyond)).cause), "too large")
        deepStrictEqual({ ...(yield* Effect.provideService(beyond, SqlClient.SafeIntegers, true))[0] }, {
          n: 9223372036854775807n
        })
      })
    ))

  it.effect("stores bytes, texts and null, and returns rows, arrays, a stream, or the number of changes", () =>
    using((sql) =>
      Effect.gen(function*() {
        yield* sql`CREATE TABLE kept (id BIGINT, bytes BLOB, text TEXT)`
        const rows = [1, 2].map((id) => ({ id, bytes: Uint8Array.of(0, 255), text: id === 1 ? "ü'" : null }))
        deepStrictEqual(yield* sql`INSERT INTO kept ${sql.insert(rows)}`, [])
        const all = sql`SELECT * FROM kept ORDER BY id`
        deepStrictEqual(plain(yield* all), rows)
        deepStrictEqual(yield* all.values, rows.map((row) => Object.values(row)))
        deepStrictEqual(yield* sql`SELECT 1 AS a, 2 AS a`.values, [[1, 2]])
        deepStrictEqual(plain(yield* all), rows)
        deepStrictEqual(plain(Chunk.toReadonlyArray(yield* Stream.runCollect(all.stream))), rows)
        deepStrictEqual(plain((yield* all.raw) as ReadonlyArray<object>), rows)
        deepStrictEqual({ ...(yield* sql`UPDATE kept SET text = 'b'`.raw) as object }, {
          changes: 2,
          lastInsertRowid: 2
        })
      })
    ))

  it.effect("runs a transaction alone, and rolls it back if it fails", () =>
    using((sql) =>
      Effect.gen(function*() {
        yield* sql`CREATE TABLE kept (id BIGINT)`
        const ids = Effect.map(
          sql<{ readonly id: number }>`SELECT id FROM kept ORDER BY id`,
          (rows) => rows.map(({ id }) => id)
        )
        const begun = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const transaction = yield* Effect.fork(sql.withTransaction(
          Effect.gen(function*() {
            yield* sql`INSERT INTO kept VALUES (1)`
            yield* Effect.either(
              sql.withTransaction(Effect.zipRight(sql`INSERT INTO kept VALUES (2)`, Effect.fail("no")))
            )
            yield* Deferred.succeed(begun, void 0)
            yield* Deferred.await(goOn)
            return yield* ids
          })
        ))
        yield* Deferred.await(begun)
        const other = yield* Effect.fork(Effect.zipRight(sql`INSERT INTO kept VALUES (3)`, ids))
        yield* Effect.yieldNow()
        yield* Deferred.succeed(goOn, void 0)
        deepStrictEqual(yield* Fiber.join(transaction), [1])
        deepStrictEqual(yield* Fiber.join(other), [1, 3])
        yield* Effect.either(sql.withTransaction(Effect.zipRight(sql`DELETE FROM kept`, Effect.fail("no"))))
        deepStrictEqual(yield* ids, [1, 3])
      })
    ))

  it.effect("works with more statements than it keeps prepared", () =>
    using((sql) =>
      Effect.gen(function*() {
        for (let n = 0; n < 500; n++) {
          assert.strictEqual(yield* sum(sql, n), n + 1)
          assert.strictEqual(yield* sum(sql, 0), 1)
        }
      })
    ))

  it.scoped("reports failures as the other drivers do, and closes with its scope", () =>
    Effect.gen(function*() {
      const driver = yield* Effect.promise(() => import("node:sqlite"))
      const at = NodeSqlite.layer(driver, yield* filename)
      const toStoreError = SqlFailure.toStoreError("Write", "test")
      const exclusively = Effect.flatMap(SqlClient.SqlClient, (sql) =>
        sql`PRAGMA locking_mode = EXCLUSIVE`.pipe(Effect.zipRight(sql`BEGIN EXCLUSIVE`), Effect.zipRight(sql`COMMIT`)))
      yield* Effect.gen(function*() {
        yield* exclusively
        const refused = toStoreError(yield* Effect.flip(Effect.provide(exclusively, at)))
        assert.isTrue(SqlFailure.isLocked(refused), String(refused))
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE kept (bytes BLOB)`
        yield* sql`PRAGMA max_page_count = 4`
        const full = toStoreError(yield* Effect.flip(sql`INSERT INTO kept VALUES (${new Uint8Array(100_000)})`))
        deepStrictEqual([full.reason, SqlFailure.isLocked(full)], ["NoSpace", false])
        const wrong = toStoreError(yield* Effect.flip(sql`SELECT nothing`))
        deepStrictEqual([wrong.reason, SqlFailure.isLocked(wrong)], ["Write", false])
      }).pipe(Effect.provide(at))
      yield* Effect.provide(exclusively, at)
      const nowhere = Layer.build(NodeSqlite.layer(driver, "/nowhere/uploads.sqlite"))
      assert.isTrue(Either.isLeft(yield* Effect.either(Effect.scoped(nowhere))))
    }))
})

/** Its rows have no prototype. */
const plain = (rows: Iterable<object>) => Array.from(rows, (row) => ({ ...row }))

const sum = (sql: SqlClient.SqlClient, n: number) =>
  Effect.map(sql.unsafe<{ readonly n: number }>(`SELECT ${n} + ? AS n`, [1]), ([row]) => row?.n)
