import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { BootId, Upload as Uploads, UploadRegistry as Registries, UploadStoreError as StoreErrors } from "effect-tus"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Str from "effect/String"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { needs } from "../support/needs.js"
import { filename, layerListener, layerTemporary } from "./database.js"

const { UploadRegistry } = Registries
const { Bytes, Upload, UploadId } = Uploads

type Registry = Registries.UploadRegistry["Type"]

const withRegistry = <A, E, R>(
  client: Layer.Layer<SqlClient.SqlClient, unknown>,
  self: (registry: Registry, sql: SqlClient.SqlClient) => Effect.Effect<A, E, R>
) =>
  Effect.all([UploadRegistry, SqlClient.SqlClient]).pipe(
    Effect.flatMap(([registry, sql]) => self(registry, sql)),
    Effect.provide(Layer.provideMerge(SqlUploadRegistry.layer, client))
  )

const completionOf = (registry: Pick<Registry, "get">) =>
  Effect.map(registry.get(id(1)), (entry) => Option.getOrThrow(entry).upload.completion)

needs("SQLite")("SqlUploadRegistry", () => {
  it.scoped("finds every state again after the database was closed", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      const entries = yield* withRegistry(client, (registry) => created(registry, 20))
      yield* withRegistry(client, (registry) =>
        Effect.gen(function*() {
          for (const entry of entries) {
            deepStrictEqual(plain(yield* registry.get(entry.upload.id)), plain(Option.some(entry)))
          }
        }))
    }))

  it.scoped("sets unfinished uploads back to their synced bytes after a reboot, and only then", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      const offsets = (boot: Option.Option<string>) =>
        withRegistry(
          client,
          (registry) =>
            Effect.forEach(numbers(4), (n) =>
              Effect.map(registry.get(id(n)), (entry) => {
                const { synced, upload, version } = Option.getOrThrow(entry)
                return [Number(upload.offset), synced, version]
              }))
        ).pipe(Effect.provideService(BootId.BootId, boot))
      yield* withRegistry(client, (registry) =>
        Effect.gen(function*() {
          const synced = { fence: 1, durable: true, synced: 1 }
          const [first, second, third] = yield* Effect.all([
            registry.create(open(1), options),
            registry.create(open(2), options),
            registry.create(open(3), options),
            registry.create(open(4), options)
          ])
          yield* moved(registry, yield* moved(registry, first))
          yield* moved(registry, yield* moved(registry, second, synced))
          yield* registry.commit(third, third.upload.fill(Bytes.make(100), { _tag: "Finishing" }), options)
        })).pipe(Effect.provideService(BootId.BootId, Option.some("first")))
      const before = [[2, 0, 3], [2, 1, 3], [100, 0, 2], [0, 0, 1]]
      deepStrictEqual(yield* offsets(Option.some("first")), before)
      deepStrictEqual(yield* offsets(Option.none()), before)
      const after = [[0, 0, 4], [1, 1, 4], [100, 0, 2], [0, 0, 1]]
      deepStrictEqual(yield* offsets(Option.some("second")), after)
      deepStrictEqual(yield* offsets(Option.some("second")), after)
    }))

  it.scoped("sets back uploads of a version that stored no synced bytes", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      const offset = withRegistry(client, (registry) =>
        Effect.map(registry.get(id(1)), (entry) => Number(Option.getOrThrow(entry).upload.offset)))
      yield* withRegistry(client, (registry, sql) =>
        Effect.gen(function*() {
          const [entry] = yield* created(registry, 1)
          yield* moved(registry, entry)
          yield* sql`DROP INDEX effect_tus_uploads_begun`
          yield* sql`DROP INDEX effect_tus_uploads_tailed`
          for (const column of ["synced_offset", "expiry_stands", "owner", "final_answer", "tail_bytes"]) {
            yield* sql`ALTER TABLE effect_tus_uploads DROP COLUMN ${sql(column)}`
          }
          yield* sql`DROP TABLE effect_tus_boot`
          yield* sql`DROP TABLE effect_tus_tails`
          yield* sql`DELETE FROM effect_tus_migrations WHERE migration_id > 1`
        }))
      assert.strictEqual(yield* Effect.provideService(offset, BootId.BootId, Option.some("first")), 0)
    }))

  it.scoped("opens the tables of a newer version, unless that version has marked itself incompatible", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      yield* withRegistry(client, (registry, sql) =>
        Effect.gen(function*() {
          yield* created(registry, 1)
          yield* sql`INSERT INTO effect_tus_migrations (migration_id, name) VALUES (9, 'future')`
          yield* sql`ALTER TABLE effect_tus_uploads ADD COLUMN future TEXT`
        }))
      yield* withRegistry(client, (registry, sql) =>
        Effect.gen(function*() {
          assert.isTrue(Option.isSome(yield* registry.get(id(1))))
          yield* registry.create(open(2), options)
          yield* sql`UPDATE effect_tus_registry SET oldest = 9`
        }))
      const error = yield* Effect.flip(withRegistry(client, () => Effect.void))
      assert.match(
        String(error),
        /a version needs migration 9 to write to them, and this one knows 8; run the newer version/
      )
    }))

  it.scoped("reads uploads of a version without final answers and tails, beside it and after it", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      const complete = { _tag: "Complete", at: DateTime.unsafeMake(1), answer: Option.none() } as const
      yield* withRegistry(client, (registry, sql) =>
        Effect.gen(function*() {
          const entry = yield* registry.create(open(1), options)
          yield* registry.commit(entry, entry.upload.fill(Bytes.make(100), complete), options)
          yield* sql`ALTER TABLE effect_tus_uploads DROP COLUMN final_answer`
          yield* sql`DROP INDEX effect_tus_uploads_tailed`
          yield* sql`ALTER TABLE effect_tus_uploads DROP COLUMN tail_bytes`
          yield* sql`DROP TABLE effect_tus_tails`
          yield* sql`DELETE FROM effect_tus_migrations WHERE migration_id > 5`
        }))
      const reading = Effect.flatMap(SqlUploadRegistry.makeReading, completionOf).pipe(Effect.provide(client))
      deepStrictEqual(plain(yield* reading), plain(complete))
      yield* withRegistry(client, (registry, sql) =>
        Effect.gen(function*() {
          deepStrictEqual(plain(yield* completionOf(registry)), plain(complete))
          const rows = yield* sql<{ readonly oldest: number }>`SELECT oldest FROM effect_tus_registry`
          deepStrictEqual(rows.map(({ oldest }) => oldest), [5])
        }))
    }))

  it.scoped("lists, sweeps and sums all other rows if one row cannot be read", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      yield* withRegistry(client, (registry, sql) =>
        Effect.gen(function*() {
          const entries = yield* created(registry, 5)
          yield* Effect.forEach(entries, (entry) => moved(registry, entry))
          const ids = entries.map(({ upload }) => upload.id).toSorted()
          const [, bad = ""] = ids
          yield* sql`UPDATE effect_tus_uploads SET kind = 'Weird', upload_offset = 'x', fence = 'y' WHERE id = ${bad}`
          const listed = yield* registry.list({ limit: 10 })
          deepStrictEqual(Arr.getRights(listed).map(({ id }) => id), ids.filter((id) => id !== bad))
          deepStrictEqual(Arr.getLefts(listed).map(({ id }) => id), [bad])
          const begun = yield* registry.withBytes({ limit: 2 })
          deepStrictEqual(begun.map(({ id }) => id), [ids[0], ids[2]])
          assert.isAtLeast(yield* registry.lastFence, 1)
          assert.strictEqual((yield* registry.usage).uploads, 5)
          yield* sql`UPDATE effect_tus_uploads SET id = 'short', owner = x'00' WHERE id = ${bad}`
          deepStrictEqual((yield* registry.unsynced({ limit: 10 })).length, 4)
          assert.isAtLeast((yield* registry.usageByOwner).length, 1)
        }))
    }))

  it.scoped("has committed every accepted write before it closes", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      const scope = yield* Scope.make()
      const registry = yield* Layer.provide(SqlUploadRegistry.layer, client).pipe(
        Layer.buildWithScope(scope),
        Effect.flatMap((context) => Effect.provide(UploadRegistry, context))
      )
      const callers = yield* Effect.forEach(numbers(100), (n) => Effect.fork(registry.create(open(n), options)))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(Fiber.all(callers))
      deepStrictEqual(yield* withRegistry(client, ({ usage }) => usage), { uploads: 100, bytes: 0 })
    }))

  it.effect("writes concurrent updates with one statement of each kind", () => {
    const { layer, writes } = heard()
    return withRegistry(Layer.provideMerge(layerTemporary, layer), (registry) =>
      Effect.gen(function*() {
        writes()
        const entries = yield* created(registry, 200)
        deepStrictEqual(writes(), ["INSERT INTO effect_tus_uploads"])
        const later = yield* Effect.forEach(entries, (entry) => moved(registry, entry), everyone)
        deepStrictEqual(writes(), ["UPDATE effect_tus_uploads"])
        yield* Effect.forEach(later, (entry, i) =>
          i % 3 === 0
            ? registry.remove(entry, options)
            : i % 3 === 1
            ? moved(registry, entry)
            : registry.create(open(1000 + i), options), everyone)
        deepStrictEqual(writes(), [
          "INSERT INTO effect_tus_uploads",
          "UPDATE effect_tus_uploads",
          "DELETE FROM effect_tus_uploads"
        ])
        deepStrictEqual(yield* registry.usage, { uploads: 133 + 66, bytes: 67 * 2 + 66 })
      }))
  })

  it.effect("makes SQLite sync for a write that must survive a power cut, each time, and only for those", () => {
    const levels: Array<unknown> = []
    const layer = layerListener((text, _, sql) =>
      text.includes("UPDATE")
        ? Effect.map(level(sql), (level) => levels.push(level))
        : Effect.void
    )
    return withRegistry(Layer.provideMerge(layerTemporary, layer), (registry) =>
      Effect.gen(function*() {
        let entry = yield* registry.create(open(1), options)
        for (const durable of [false, true, false, true, true, false]) {
          entry = yield* moved(registry, entry, { fence: 1, durable })
        }
        const [normal, full] = [1, 2]
        deepStrictEqual(levels, [normal, full, normal, full, full, normal])
      }))
  })

  it.effect("makes SQLite sync each write if there is no write-ahead log", () =>
    Effect.scoped(Effect.gen(function*() {
      const client = Layer.tap(
        Sqlite.layer(yield* filename),
        (context) => Context.get(context, SqlClient.SqlClient)`PRAGMA journal_mode = DELETE`
      )
      yield* withRegistry(client, (registry, sql) =>
        Effect.gen(function*() {
          yield* registry.create(open(1), { fence: 1, durable: true })
          assert.strictEqual(yield* level(sql), 2)
        }))
    })))

  it.effect("makes a whole batch durable if one of its writes must be", () => {
    const { layer, statements } = heard()
    return withRegistry(Layer.provideMerge(layerTemporary, layer), (registry) =>
      Effect.gen(function*() {
        const entries = yield* created(registry, 3)
        statements.length = 0
        yield* Effect.forEach(
          entries,
          (entry, i) => moved(registry, entry, { fence: 1, durable: i === 1 }),
          everyone
        )
        deepStrictEqual(statements.map(({ text }) => /PRAGMA.*|UPDATE/.exec(text)?.[0]), [
          "PRAGMA synchronous = FULL",
          "UPDATE",
          "PRAGMA synchronous = NORMAL"
        ])
      }))
  })

  it.effect("lets SQLite make no temporary files for a statement", () =>
    withRegistry(
      layerTemporary,
      (_, sql) =>
        Effect.map(sql<{ readonly temp_store: number }>`PRAGMA temp_store`, ([row]) => {
          assert.strictEqual(row?.temp_store, 2)
        })
    ))

  it.effect("scans all uploads only for their sum", () => {
    const { layer, statements } = heard()
    return withRegistry(Layer.provideMerge(layerTemporary, layer), (registry, sql) =>
      Effect.gen(function*() {
        const [first, ...rest] = yield* created(registry, 300)
        statements.length = 0
        yield* registry.get(id(1))
        yield* registry.absent(numbers(20).map((n) => id(n)))
        yield* registry.expired(DateTime.unsafeMake(1010), {
          limit: 10,
          after: { id: id(5), expiresAt: DateTime.unsafeMake(1000) }
        })
        yield* registry.pending({ limit: 10, after: id(5) })
        yield* registry.unsynced({ limit: 10, after: id(5) })
        yield* registry.withBytes({ limit: 10, after: { id: id(5), offset: Bytes.make(1) } })
        yield* registry.finalsOf(id(1))
        yield* registry.consumedParts({ limit: 10, after: id(5) })
        yield* registry.lastFence
        yield* moved(registry, first)
        yield* Effect.forEach(rest, (entry) => registry.remove(entry, options), everyone)
        const plans = yield* Effect.forEach(statements.splice(0), ({ parameters, text }) =>
          Effect.map(
            sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${text}`, parameters),
            (steps) => `${text.slice(0, 30)}:\n${steps.map(({ detail }) => detail).join("\n")}`
          ))
        assert.strictEqual(plans.length, 12)
        plans.forEach((plan) => assert.notMatch(plan, /SCAN (effect_tus|part|final|held)/))
        assert.include(
          plans[2],
          "USING COVERING INDEX effect_tus_uploads_expiry ((expires_at,id)>(?,?) AND expires_at<?)"
        )
        assert.notInclude(plans[2], "TEMP B-TREE")
        assert.include(plans[3], "USING INDEX effect_tus_uploads_unsettled (id>?)")
        assert.include(plans[4], "USING COVERING INDEX effect_tus_uploads_begun (id>?)")
        assert.include(plans[5], "USING COVERING INDEX effect_tus_uploads_begun (id>?)")
        assert.include(plans[8], "effect_tus_uploads_fence")
      }))
  })

  it.effect("finds the uploads to set back after a reboot by an index", () => {
    const { layer, statements } = heard()
    return withRegistry(Layer.provideMerge(layerTemporary, layer), (_, sql) =>
      Effect.gen(function*() {
        const [update] = statements.filter(({ text }) => text.includes("upload_offset = synced_offset"))
        const plan = yield* sql.unsafe<{ readonly detail: string }>(`EXPLAIN QUERY PLAN ${update?.text}`)
        assert.include(plan[0]?.detail, "USING INDEX effect_tus_uploads_begun")
      })).pipe(Effect.provideService(BootId.BootId, Option.some("another")))
  })

  for (const unlessNamed of [false, true]) {
    it.effect(`leaves no row of a final that is removed${unlessNamed ? " unless it is named" : ""}`, () =>
      withRegistry(layerTemporary, (registry, sql) =>
        Effect.gen(function*() {
          const kind = { _tag: "Final", parts: [id(2), id(3)], concat: "final;/files/2 /files/3" } as const
          const entry = yield* registry.create(new Upload({ ...open(1), kind }), options)
          yield* registry.remove(entry, { ...options, unlessNamed })
          deepStrictEqual(yield* sql`SELECT * FROM effect_tus_uploads`, [])
          deepStrictEqual(yield* sql`SELECT * FROM effect_tus_parts`, [])
        })))
  }

  it.effect("creates no final if its parts could not be linked", () =>
    withRegistry(layerTemporary, (registry, sql) =>
      Effect.gen(function*() {
        yield* sql`CREATE TRIGGER poison BEFORE INSERT ON effect_tus_parts BEGIN SELECT RAISE(ABORT, 'poison'); END`
        const kind = { _tag: "Final", parts: [id(2)], concat: "final;/files/2" } as const
        yield* Effect.flip(registry.create(new Upload({ ...open(1), kind }), options))
        assert.isTrue(Option.isNone(yield* registry.get(id(1))))
      })))

  it.effect("fails no upload for the row of another one", () =>
    withRegistry(layerTemporary, (registry, sql) =>
      Effect.gen(function*() {
        yield* sql.unsafe(`CREATE TRIGGER poison BEFORE INSERT ON effect_tus_uploads WHEN new.id = '${id(7)}'
          BEGIN SELECT RAISE(ABORT, 'poison'); END`)
        const results = yield* Effect.forEach(
          numbers(20),
          (n) => Effect.either(registry.create(open(n), options)),
          everyone
        )
        results.forEach((result, i) => assert.strictEqual(Either.isLeft(result), i === 6))
        const error = yield* Effect.flip(registry.create(open(7), options))
        assert.instanceOf(error, StoreErrors.UploadStoreError)
        assert.deepInclude(error, { reason: "Write" })
        assert.include(error.message, "poison")
        assert.strictEqual((yield* registry.usage).uploads, 19)
      })))

  it.effect("continues after a transaction that could not be committed", () =>
    withRegistry(layerTemporary, (registry, sql) =>
      Effect.gen(function*() {
        const [entry] = yield* created(registry, 1)
        yield* sql`PRAGMA foreign_keys = ON`
        yield* sql`CREATE TABLE parents (id TEXT PRIMARY KEY)`
        yield* sql`CREATE TABLE children (id TEXT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)`
        yield* sql.unsafe(`CREATE TRIGGER poison AFTER INSERT ON effect_tus_uploads WHEN new.id = '${id(7)}'
          BEGIN INSERT INTO children VALUES ('orphan'); END`)
        const results = yield* Effect.all(
          [
            Effect.either(registry.create(open(7), options)),
            Effect.either(registry.create(open(8), options)),
            Effect.either(moved(registry, entry))
          ],
          everyone
        )
        deepStrictEqual(results.map((result) => Either.isRight(result)), [false, true, true])
        deepStrictEqual(yield* registry.absent([1, 7, 8].map((n) => id(n))), [id(7)])
      })))

  it.effect("reports a full disk, and continues when there is room again", () =>
    withRegistry(layerTemporary, (registry, sql) =>
      Effect.gen(function*() {
        const [{ page_count: pages } = { page_count: 0 }] = yield* sql<{ page_count: number }>`PRAGMA page_count`
        yield* sql.unsafe(`PRAGMA max_page_count = ${pages + 2}`).unprepared
        const results = yield* Effect.forEach(
          numbers(50),
          (n) => Effect.either(registry.create(large(n), options)),
          everyone
        )
        const [errors, entries] = Arr.separate(results)
        assert.isAbove(errors.length, 0)
        errors.forEach((error) => assert.deepInclude(error, { _tag: "UploadStoreError", reason: "NoSpace" }))
        assert.strictEqual((yield* registry.usage).uploads, entries.length)
        yield* sql.unsafe("PRAGMA max_page_count = 100000").unprepared
        yield* Effect.forEach(numbers(50), (n) => registry.create(large(100 + n), options), everyone)
        assert.strictEqual((yield* registry.usage).uploads, entries.length + 50)
      })))

  it.scoped("makes no caller wait twice for a database that is locked", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      const { layer, writes } = heard()
      yield* withRegistry(Layer.provideMerge(client, layer), (registry, sql) =>
        Effect.gen(function*() {
          yield* sql`PRAGMA busy_timeout = 0`.unprepared
          const other = yield* Effect.provide(SqlClient.SqlClient, yield* Layer.build(client))
          yield* other`BEGIN IMMEDIATE`.unprepared
          writes()
          const results = yield* Effect.forEach(
            numbers(20),
            (n) => Effect.either(registry.create(open(n), options)),
            everyone
          )
          results.forEach((result) =>
            assert.deepInclude(Option.getOrThrow(Either.getLeft(result)), { _tag: "UploadStoreError", reason: "Write" })
          )
          assert.strictEqual(writes().length, 1)
          yield* other`ROLLBACK`.unprepared
          yield* created(registry, 20)
        }))
    }))

  it.effect("reports an impossible state as corrupt, and finds all others", () =>
    withRegistry(layerTemporary, (registry, sql) =>
      Effect.gen(function*() {
        yield* created(registry, 2)
        yield* sql`UPDATE effect_tus_uploads SET upload_offset = 101 WHERE id = ${id(1)}`
        assert.deepInclude(yield* Effect.flip(registry.get(id(1))), { _tag: "UploadStoreError", reason: "Corrupt" })
        assert.isTrue(Option.isSome(yield* registry.get(id(2))))
      })))

  it.effect("names the dialect of a row that a newer version has written, and reads what it can", () =>
    withRegistry(layerTemporary, (registry, sql) =>
      Effect.gen(function*() {
        yield* created(registry, 4)
        yield* sql`UPDATE effect_tus_uploads SET dialect = 'ietf', upload_offset = 100 WHERE id = ${id(1)}`
        yield* sql`UPDATE effect_tus_uploads SET dialect = 'ietf', completion = 'Sealed' WHERE id = ${id(2)}`
        yield* sql`UPDATE effect_tus_uploads SET dialect = '' WHERE id = ${id(3)}`
        const full = Option.getOrThrow(yield* registry.get(id(1)))
        deepStrictEqual([full.upload.dialect, Number(full.upload.offset), full.upload.isOpen], ["ietf", 100, true])
        const error = yield* Effect.flip(registry.get(id(2)))
        assert.deepInclude(error, { _tag: "UploadStoreError", reason: "UnknownDialect" })
        assert.include(error.message, "created in the dialect ietf, which this version of effect-tus does not support")
        assert.propertyVal(yield* Effect.flip(registry.get(id(3))), "reason", "Corrupt")
        deepStrictEqual(
          (yield* registry.list({ limit: 9 })).map(Either.match({
            onLeft: ({ error }) => error.reason,
            onRight: ({ dialect }) => dialect
          })),
          ["ietf", "UnknownDialect", "Corrupt", "tus"]
        )
        deepStrictEqual(yield* registry.usage, { uploads: 4, bytes: 100 })
        deepStrictEqual(
          (yield* registry.expired(DateTime.unsafeMake(1002), { limit: 9 })).map((due) => due.id),
          [id(1), id(2)]
        )
      })))

  it.effect("claims an upload that is created while it looks why there is none", () =>
    withRegistry(layerTemporary, (registry) =>
      Effect.gen(function*() {
        let isCreated = false
        const creating = layerListener((text) =>
          Effect.suspend(() => {
            const isLooking = text.startsWith("SELECT * FROM effect_tus_uploads WHERE id")
            if (isCreated || !isLooking) {
              return Effect.void
            }
            isCreated = true
            return registry.create(open(1), options)
          })
        )
        const claimed = yield* Effect.provide(registry.claim(id(1), 2), creating)
        assert.strictEqual(Option.getOrThrow(claimed).fence, 2)
      })))

  it.effect("fails if the database cannot be read, and reports no upload as absent", () =>
    withRegistry(layerTemporary, (registry, sql) =>
      Effect.gen(function*() {
        yield* created(registry, 1)
        yield* sql`ALTER TABLE effect_tus_uploads RENAME TO elsewhere`
        assert.deepInclude(yield* Effect.flip(registry.get(id(1))), { _tag: "UploadStoreError", reason: "Read" })
      })))

  it.scoped("fails if the tables cannot be made", () =>
    Effect.gen(function*() {
      const client = Sqlite.layer(yield* filename)
      yield* Effect.provide(
        Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE effect_tus_parts (id TEXT)`),
        client
      )
      const error = yield* Effect.flip(withRegistry(client, () => Effect.void))
      assert.deepInclude(error, { _tag: "UploadStoreError", reason: "Write", operation: "prepare the tables" })
      assert.include(String(error), "already exists")
    }))

  it.scoped("works with a client that transforms names of columns", () =>
    Effect.gen(function*() {
      const client = Layer.effect(
        SqlClient.SqlClient,
        Effect.flatMap(SqlClient.SqlClient, (sql) =>
          SqlClient.make({
            acquirer: sql.reserve,
            compiler: Statement.makeCompilerSqlite(Str.camelToSnake),
            transformRows: Statement.defaultTransforms(Str.snakeToCamel).array,
            spanAttributes: []
          }))
      ).pipe(Layer.provide(Sqlite.layer(yield* filename)), Layer.provide(Reactivity.layer))
      yield* withRegistry(client, (registry) =>
        Effect.gen(function*() {
          const [entry] = yield* created(registry, 1)
          deepStrictEqual(plain(yield* registry.get(id(1))), plain(Option.some(entry)))
          deepStrictEqual(yield* registry.usage, { uploads: 1, bytes: 0 })
        }))
    }))
})

const level = (sql: Statement.Constructor) =>
  Effect.map(sql<{ readonly synchronous: number }>`PRAGMA synchronous`.unprepared, ([row]) => row?.synchronous)
const everyone = { concurrency: "unbounded" } as const
const options = { fence: 1, durable: false }
const numbers = (count: number) => Arr.range(1, count)
const id = (n: number) => UploadId.make(`upload-${n}`.padEnd(22, "-"))

const open = (n: number) =>
  new Upload({
    id: id(n),
    kind: { _tag: "Whole" },
    offset: Bytes.make(0),
    length: Option.some(Bytes.make(100)),
    metadata: Option.some("filename d29ybGQ="),
    createdAt: DateTime.unsafeMake(1),
    expiresAt: Option.some(DateTime.unsafeMake(1000 + n)),
    expiryIsFixed: false,
    completion: { _tag: "Open" },
    owner: Option.none(),
    dialect: "tus"
  })

const large = (n: number) => new Upload({ ...open(n), metadata: Option.some("x".repeat(2000)) })

const created = (registry: Registry, count: number) =>
  Effect.forEach(numbers(count), (n) => registry.create(open(n), options), everyone)

/** Commits one more byte. */
const moved = (registry: Registry, entry: Registries.StoredUpload, how = options) =>
  registry.commit(entry, entry.upload.grow(1, entry.upload.length, entry.upload.expiresAt), how)

/** Records the statements of a client. */
const heard = () => {
  const statements: Array<{ readonly text: string; readonly parameters: ReadonlyArray<unknown> }> = []
  return {
    statements,
    layer: layerListener((text, parameters) => Effect.sync(() => statements.push({ text, parameters }))),
    /** The writing statements since the last call. */
    writes: () =>
      statements.splice(0).flatMap(({ text }) => /(INSERT INTO|UPDATE|DELETE FROM) \w+/.exec(text)?.[0] ?? [])
  }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
