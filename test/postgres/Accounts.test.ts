/**
 * The sums that PostgreSQL keeps for each owner are those of the uploads, after any writes of any servers.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload, UploadRegistry } from "effect-tus"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Accounts from "../../src/sql/Accounts.js"
import { bytes, id, uploadOf } from "../protocol/arbitraries.js"
import { needs } from "../support/needs.js"
import { client, connection, postgres } from "../support/postgres.js"

const everyone = { concurrency: "unbounded" } as const
const options = { fence: 1, durable: false }

type Registry = UploadRegistry.UploadRegistry["Type"]

const registryOf = (url: string) =>
  Effect.map(
    Layer.build(Layer.provideMerge(SqlUploadRegistry.layer, client(url))),
    (context) =>
      [Context.get(context, UploadRegistry.UploadRegistry), Context.get(context, SqlClient.SqlClient)] as const
  )

/** What the accounts have to say, of every row. */
const summed = (sql: SqlClient.SqlClient) =>
  Effect.all({
    usage: sql`SELECT COUNT(*)::INT AS uploads, COALESCE(SUM(upload_offset), 0)::INT AS bytes FROM effect_tus_uploads`,
    owners: sql`SELECT owner, SUM(COALESCE(upload_length, upload_offset))::INT AS bytes,
      COUNT(*) FILTER (WHERE completion = 'Open')::INT AS open, COALESCE(SUM(COALESCE(upload_length, upload_offset) - upload_offset)
        FILTER (WHERE completion = 'Open' AND kind <> 'Final'), 0)::INT AS outstanding
      FROM effect_tus_uploads GROUP BY owner ORDER BY owner`
  }).pipe(Effect.map(({ owners, usage }) => ({ usage: usage[0], owners })))

const told = (registry: Registry) =>
  Effect.all({ usage: registry.usage, owners: registry.usageByOwner }).pipe(
    Effect.map(({ owners, usage }) => ({
      usage,
      owners: owners.map(({ owner, ...usage }) => ({ owner: Option.getOrNull(owner), ...usage })).toSorted((a, b) =>
        a.owner === null ? 1 : b.owner === null || a.owner < b.owner ? -1 : 1
      )
    }))
  )

const ids = ["a", "b", "c", "d", "e", "f"]
const owners = [undefined, "ann", "bob", ""]

const anyWrite = FastCheck.record({
  letter: FastCheck.constantFrom(...ids),
  act: FastCheck.constantFrom("create", "create", "grow", "grow", "declare", "fill", "finish", "remove", "final"),
  owner: FastCheck.constantFrom(...owners),
  size: FastCheck.integer({ min: 1, max: 20 }),
  tail: FastCheck.boolean()
})
type Write = typeof anyWrite extends FastCheck.Arbitrary<infer A> ? A : never

const write = Effect.fnUntraced(function*(registry: Registry, { act, letter, owner, size, tail }: Write) {
  const found = yield* registry.get(id(letter))
  if (Option.isNone(found)) {
    const isFinal = act === "final"
    const upload = uploadOf({
      id: id(letter),
      owner: Option.fromNullable(owner),
      length: size % 2 === 0 ? Option.some(bytes(size)) : Option.none(),
      ...(isFinal ? { kind: { _tag: "Final", parts: [id("x")], concat: "final;/x" }, length: Option.none() } : {})
    })
    return yield* registry.create(upload, { ...options, ...(tail ? { tail: new Uint8Array(0) } : {}) })
  }
  const entry = found.value
  const { upload } = entry
  const left = Option.getOrElse(upload.length, () => 100) - upload.offset
  if (act === "remove") {
    return yield* registry.remove(entry, options)
  }
  if (upload.completion._tag === "Finishing") {
    const completion = { _tag: "Rejected", status: 400, reason: "no" } as const
    return yield* registry.commit(entry, new Upload.Upload({ ...upload, completion }), options)
  }
  if (!upload.isOpen || upload.isFinal) {
    return undefined
  }
  if (act === "fill") {
    const length = Option.getOrElse(upload.length, () => bytes(upload.offset + size))
    return yield* registry.commit(entry, upload.fill(length, { _tag: "Finishing" }), options)
  }
  const grown = Math.min(size, left - 1)
  return left > 1 && act === "declare"
    ? yield* registry.commit(entry, upload.grow(1, Option.some(bytes(100)), Option.none()), options)
    : left > 1
    ? yield* registry.commit(entry, upload.grow(grown, upload.length, Option.none()), {
      ...options,
      ...(tail ? { tail: new Uint8Array(grown) } : {})
    })
    : undefined
})

const database = Effect.flatMap(postgres, ({ database }) => database)

const open = (letter: string, owner: string, length = 100) =>
  uploadOf({ id: id(letter), owner: Option.some(owner), length: Option.some(bytes(length)) })

needs("PostgreSQL")("the accounts of owners", () => {
  it.scopedLive.prop(
    "are the sums over their uploads, after any writes of several servers, and of anybody else",
    [FastCheck.array(FastCheck.array(anyWrite, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 })],
    ([rounds]) =>
      Effect.gen(function*() {
        const url = yield* database
        const [registry, sql] = yield* registryOf(url)
        const [other] = yield* registryOf(url)
        for (const writes of rounds) {
          // Some of them fail, since they are for the same upload.
          const each = writes.map((one, n) => Effect.either(write(n % 2 === 0 ? registry : other, one)))
          yield* Effect.all(each, everyone)
          deepStrictEqual(yield* told(registry), yield* summed(sql))
        }
        yield* sql`UPDATE effect_tus_uploads SET owner = 'eve' WHERE owner = 'ann'`
        yield* sql`UPDATE effect_tus_uploads SET upload_offset = 0 WHERE completion = 'Open'`
        deepStrictEqual(yield* told(registry), yield* summed(sql))
        yield* sql`DELETE FROM effect_tus_uploads WHERE owner IS NULL OR completion <> 'Open'`
        deepStrictEqual(yield* told(registry), yield* summed(sql))
      }),
    { fastCheck: { numRuns: 15 } }
  )

  it.scopedLive("are not written by a commit of an offset within a known length", () =>
    Effect.gen(function*() {
      const [registry, sql] = yield* registryOf(yield* database)
      const entry = yield* registry.create(open("a", "ann"), options)
      const version = sql`SELECT ctid::TEXT, xmin::TEXT FROM effect_tus_accounts`
      const before = yield* version
      const { upload } = entry
      const grown = yield* registry.commit(entry, upload.grow(10, upload.length, Option.none()), options)
      deepStrictEqual(yield* version, before)
      yield* registry.commit(grown, upload.fill(bytes(100), { _tag: "Finishing" }), options)
      assert.notDeepEqual(yield* version, before)
    }))

  it.scopedLive("count what was stored before there were any", () =>
    Effect.gen(function*() {
      const url = yield* database
      yield* Effect.scoped(Effect.gen(function*() {
        const [registry, sql] = yield* registryOf(url)
        for (const event of ["insert", "update", "delete"]) {
          yield* sql.unsafe(`DROP FUNCTION effect_tus_count_${event} CASCADE`)
        }
        yield* sql`DROP FUNCTION effect_tus_reserve, effect_tus_used, effect_tus_account`
        yield* sql`DROP TABLE effect_tus_accounts, effect_tus_reservations, effect_tus_turns`
        yield* sql`DELETE FROM effect_tus_migrations WHERE migration_id > 7`
        yield* registry.create(open("a", "ann"), options)
        yield* registry.create(uploadOf({ id: id("b") }), options)
      }))
      const [registry, sql] = yield* registryOf(url)
      const found = yield* told(registry)
      deepStrictEqual(found, yield* summed(sql))
      assert.strictEqual(found.owners.length, 2)
    }))

  it.scopedLive("are locked in one order, so that no two servers wait for each other", () =>
    Effect.gen(function*() {
      const url = yield* database
      const [registry, sql] = yield* registryOf(url)
      const run = yield* connection(url)
      const ann = yield* registry.create(open("a", "ann"), options)
      yield* registry.create(open("b", "bob"), options)
      const waiting =
        sql`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
      const lock = (owner: string) =>
        run(`SELECT 1 FROM effect_tus_accounts WHERE owner = '${owner}' FOR UPDATE NOWAIT`)
      yield* run("BEGIN")
      yield* lock("ann")
      // One transaction: its first statement creates, and its second one removes.
      const writes = Effect.all([registry.create(open("c", "bob"), options), registry.remove(ann, options)], everyone)
      const running = yield* Effect.forkScoped(writes)
      yield* Effect.repeat(waiting, { until: Arr.isNonEmptyReadonlyArray })
      yield* lock("bob")
      yield* run("COMMIT")
      yield* Fiber.join(running)
      deepStrictEqual(yield* told(registry), yield* summed(sql))
    }))

  it.scopedLive("make a sum cost as much as there are owners and open uploads", () =>
    Effect.gen(function*() {
      const [registry, sql] = yield* registryOf(yield* database)
      yield* registry.create(open("a", "ann"), options)
      yield* sql`INSERT INTO effect_tus_uploads SELECT (jsonb_populate_record(upload, jsonb_build_object(
        'id', n::TEXT, 'completion', 'Complete', 'upload_offset', 100))).*
        FROM effect_tus_uploads upload, generate_series(1, 5000) n`
      yield* sql`ANALYZE effect_tus_uploads`
      for (const statement of [Accounts.usage(sql), Accounts.usageByOwner(sql)]) {
        const [text] = statement.compile()
        const plan = JSON.stringify(yield* sql.unsafe(`EXPLAIN ${text}`))
        assert.include(plan, "effect_tus_uploads_begun")
        assert.notInclude(plan, "Seq Scan on effect_tus_uploads")
      }
      deepStrictEqual(yield* told(registry), yield* summed(sql))
    }))
})
