/**
 * Quotas of owners whose uploads come to several servers with one PostgreSQL.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadRegistry, UploadStore, UploadStoreError, Usage, UsageLedger } from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import { PgUsageLedger } from "effect-tus/postgres"
import { TusServer, UploadHooks, UploadLimits } from "effect-tus/server"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { child } from "../child.js"
import { bytes, id, uploadOf } from "../protocol/arbitraries.js"
import { octets } from "../support/exchange.js"
import { bodyOf, inPieces, patch, request } from "../support/memory.js"
import { needs } from "../support/needs.js"
import { client, connection, postgres } from "../support/postgres.js"

const everyone = { concurrency: "unbounded" } as const
const database = Effect.flatMap(postgres, ({ database }) => database)
const owned = UploadHooks.owned(({ headers }) => Effect.succeed(headers.authorization ?? "nobody"))
const sum = (sizes: ReadonlyArray<number>) => sizes.reduce((sum, size) => sum + size, 0)

/** A whole server over the database; bytes and locks are its own. */
const serverOf = (
  url: string,
  limits: UploadLimits.Options,
  bytes: Layer.Layer<ByteStore.ByteStore> = ByteStore.layerMemory
) =>
  TusServer.layer.pipe(
    Layer.provideMerge(Layer.merge(UploadStore.layer, UploadLock.layerMemory)),
    Layer.provideMerge(UploadLimits.layer(limits)),
    Layer.provideMerge(PgUsageLedger.layer()),
    Layer.provideMerge(SqlUploadRegistry.layer),
    Layer.provideMerge(client(url)),
    Layer.provideMerge(bytes),
    Layer.provideMerge(NodeHashFunctions.layer),
    Layer.provide(Layer.succeed(UploadHooks.UploadHooks, owned)),
    Layer.build
  )

type Server = Effect.Effect.Success<ReturnType<typeof serverOf>>

const serversOf = (url: string, limits: UploadLimits.Options) =>
  Effect.map(
    Effect.all([serverOf(url, limits), serverOf(url, limits)]),
    (servers) => (n: number) => servers[n % 2] ?? servers[0]
  )

const post = (server: Server, who: string, headers: Readonly<Record<string, string>>, body = "") =>
  Effect.provide(
    request(
      "POST",
      "/files",
      { authorization: who, ...headers, ...(body === "" ? {} : octets) },
      bodyOf(body)
    ),
    server
  )

const statuses = (requests: ReadonlyArray<Effect.Effect<{ readonly status: number }, unknown>>) =>
  Effect.map(Effect.all(requests, everyone), (answers) => answers.map(({ status }) => status).toSorted())

const reservations = (server: Server) => {
  const sql = Context.get(server, SqlClient.SqlClient)
  return sql<{ readonly size: string }>`SELECT * FROM effect_tus_reservations`
}

const digits = "0123456789".repeat(10)

needs("PostgreSQL")("the quotas of an owner on two servers", () => {
  it.scopedLive("are granted once, to any number of requests at the same time, and all of their space is usable", () =>
    Effect.gen(function*() {
      const server = yield* serversOf(yield* database, { bytesPerOwner: 100 })
      const requests = Arr.range(1, 40).map((n) => post(server(n), "ann", { "upload-length": "30" }))
      deepStrictEqual(yield* statuses(requests), [...Array(3).fill(201), ...Array(37).fill(507)])
      assert.strictEqual((yield* post(server(0), "bob", { "upload-length": "100" })).status, 201)
      const refused = yield* post(server(1), "ann", { "upload-length": "11" })
      deepStrictEqual([refused.status, refused.headers["retry-after"]], [507, "60"])
      const last = yield* post(server(0), "ann", { "upload-length": "10" })
      assert.strictEqual(last.status, 201)
      assert.strictEqual((yield* post(server(1), "ann", { "upload-length": "1" })).status, 507)
      const path = last.headers.location ?? ""
      yield* Effect.provide(request("DELETE", path, { authorization: "ann" }), server(0))
      assert.strictEqual((yield* post(server(1), "ann", { "upload-length": "10" })).status, 201)
      deepStrictEqual(yield* reservations(server(0)), [])
    }))

  it.scopedLive("are decided one after the other: whoever comes next knows what was reserved before", () =>
    Effect.gen(function*() {
      const url = yield* database
      const server = yield* serverOf(url, { bytesPerOwner: 100 })
      const sql = Context.get(server, SqlClient.SqlClient)
      const run = yield* connection(url)
      const waiting =
        sql`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
      // Without an account yet, its first row would be waited for anyhow.
      assert.strictEqual((yield* post(server, "ann", { "upload-length": "10" })).status, 201)
      yield* run("BEGIN")
      yield* run("SELECT effect_tus_reserve('another', 'ann', 60, 100, NULL, 'another', 60000)")
      const second = yield* Effect.forkScoped(post(server, "ann", { "upload-length": "60" }))
      yield* Effect.raceFirst(Effect.repeat(waiting, { until: Arr.isNonEmptyReadonlyArray }), Fiber.await(second))
      yield* run("COMMIT")
      assert.strictEqual((yield* Fiber.join(second)).status, 507)
      assert.strictEqual((yield* post(server, "ann", { "upload-length": "30" })).status, 201)
    }))

  it.scopedLive("let no more uploads be unfinished than they say, and another one when one is complete", () =>
    Effect.gen(function*() {
      const server = yield* serversOf(yield* database, { unfinishedPerOwner: 3 })
      const requests = Arr.range(1, 40).map((n) => post(server(n), "ann", { "upload-length": "3" }))
      const answers = yield* Effect.all(requests, everyone)
      deepStrictEqual(answers.map(({ status }) => status).toSorted(), [...Array(3).fill(201), ...Array(37).fill(429)])
      const n = answers.findIndex(({ status }) => status === 201)
      const path = answers[n]?.headers.location ?? ""
      yield* Effect.provide(patch(path, 0, "abc", { authorization: "ann" }), server(n + 1))
      deepStrictEqual(yield* statuses([0, 1].map((n) => post(server(n), "ann", { "upload-length": "3" }))), [201, 429])
      assert.strictEqual((yield* post(server(0), "bob", { "upload-length": "3" }, "abc")).status, 201)
      deepStrictEqual(yield* reservations(server(0)), [])
    }))

  it.scopedLive.prop(
    "are filled by bodies of unknown length: no byte beyond them, and none of them is lost",
    [FastCheck.array(FastCheck.array(FastCheck.nat(9), { maxLength: 8 }), { minLength: 2, maxLength: 4 })],
    ([bodies]) =>
      Effect.gen(function*() {
        const server = yield* serversOf(yield* database, { bytesPerOwner: 30 })
        const as = { authorization: "ann" }
        const texts = bodies.map((sizes) => digits.slice(0, sum(sizes)))
        const created = yield* Effect.forEach(texts, (_, n) => post(server(n), "ann", { "upload-defer-length": "1" }))
        const paths = created.map(({ headers }) => headers.location ?? "")
        const send = (n: number, from: number) => {
          const body = inPieces((texts[n] ?? "").slice(from), bodies[n] ?? [])
          return Effect.provide(patch(paths[n] ?? "", from, body, as), server(n))
        }
        const offsets = Effect.forEach(paths, (path, n) =>
          Effect.map(Effect.provide(request("HEAD", path, as), server(n)), ({ headers }) =>
            Number(headers["upload-offset"])))
        yield* Effect.forEach(paths, (_, n) =>
          send(n, 0), everyone)
        const first = yield* offsets
        assert.isAtMost(sum(first), 30)
        yield* Effect.forEach(paths, (_, n) =>
          send(n, first[n] ?? 0))
        assert.strictEqual(sum(yield* offsets), Math.min(30, sum(texts.map(({ length }) => length))))
        deepStrictEqual(yield* reservations(server(0)), [])
      }),
    { fastCheck: { numRuns: 10 } }
  )

  it.scopedLive("leave no space reserved after failures and interruptions", () =>
    Effect.gen(function*() {
      const url = yield* database
      const failing = Layer.effect(
        ByteStore.ByteStore,
        Effect.map(ByteStore.ByteStore, (bytes) => ({
          ...bytes,
          append: () => Effect.fail(new UploadStoreError.UploadStoreError({ reason: "Write", operation: "append" }))
        }))
      )
      const [broken, sound] = yield* Effect.all([
        serverOf(url, { bytesPerOwner: 1e6 }, Layer.provide(failing, ByteStore.layerMemory)),
        serverOf(url, { bytesPerOwner: 1e6 })
      ])
      const failed = yield* post(broken, "ann", { "upload-length": "1000000" }, "x".repeat(100_000))
      assert.strictEqual(failed.status, 500)
      const never = { ...bodyOf(""), pull: Effect.never }
      const path = (yield* post(sound, "ann", { "upload-defer-length": "1" })).headers.location ?? ""
      const hanging = yield* Effect.fork(
        Effect.provide(patch(path, 0, never, { authorization: "ann" }), sound)
      )
      yield* Effect.repeat(reservations(sound), { until: Arr.isNonEmptyReadonlyArray })
      yield* Fiber.interrupt(hanging)
      deepStrictEqual(yield* reservations(sound), [])
      assert.strictEqual((yield* post(sound, "ann", { "upload-length": "1000000" })).status, 201)
    }))

  it.scopedLive("are free again when the reservation of a killed process has ended", () =>
    Effect.gen(function*() {
      const url = yield* database
      const server = yield* serverOf(url, { bytesPerOwner: 100 })
      const reserver = yield* child("postgres/reserver", { url, owner: "ann", size: 100 })
      yield* Effect.promise(() => reserver.says(({ reserved }) => reserved === 100))
      assert.strictEqual((yield* post(server, "ann", { "upload-length": "1" })).status, 507)
      // It lasts as long as its process.
      const ends = Effect.map(
        Context.get(server, SqlClient.SqlClient)<{ readonly end: number }>`SELECT
          EXTRACT(EPOCH FROM ends_at)::FLOAT8 AS end FROM effect_tus_reservations`,
        ([row]) => row?.end ?? 0
      )
      const first = yield* ends
      yield* Effect.repeat(ends, { until: (end) => end > first })
      assert.strictEqual((yield* post(server, "ann", { "upload-length": "1" })).status, 507)
      yield* Effect.promise(() => reserver.kill("SIGKILL"))
      yield* Effect.repeat(post(server, "ann", { "upload-length": "100" }), { until: ({ status }) => status === 201 })
      deepStrictEqual(yield* reservations(server), [])
    }))

  it.scopedLive("answer 507 while the database has no space, and go on when it has some", () =>
    Effect.gen(function*() {
      const server = yield* serverOf(yield* database, { bytesPerOwner: 100 })
      const sql = Context.get(server, SqlClient.SqlClient)
      yield* sql`CREATE FUNCTION be_full() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`
      yield* sql`CREATE TRIGGER be_full BEFORE INSERT ON effect_tus_reservations FOR EACH ROW EXECUTE FUNCTION be_full()`
      assert.strictEqual((yield* post(server, "ann", { "upload-length": "100" })).status, 507)
      yield* sql`DROP FUNCTION be_full CASCADE`
      assert.strictEqual((yield* post(server, "ann", { "upload-length": "100" })).status, 201)
      deepStrictEqual(yield* reservations(server), [])
    }))

  it.scopedLive("are not asked for bytes that were declared, and for nothing where there are none", () =>
    Effect.gen(function*() {
      const url = yield* database
      const server = yield* serverOf(url, { bytesPerOwner: 100 })
      const path = (yield* post(server, "ann", { "upload-length": "3" })).headers.location ?? ""
      yield* Context.get(server, SqlClient.SqlClient)`DROP FUNCTION effect_tus_reserve`
      assert.strictEqual((yield* post(server, "ann", { "upload-length": "3" })).status, 500)
      const sent = yield* Effect.provide(patch(path, 0, "abc", { authorization: "ann" }), server)
      assert.strictEqual(sent.status, 204)
      const free = yield* serverOf(url, { concurrentWrites: 3 })
      assert.strictEqual((yield* post(free, "ann", { "upload-length": "3" }, "abc")).status, 201)
    }))

  it.scopedLive("do not go together with a limit of one disk", () =>
    Effect.gen(function*() {
      const disk = Layer.effect(
        ByteStore.ByteStore,
        Effect.map(ByteStore.ByteStore, (bytes) => ({ ...bytes, free: Effect.succeed(100) }))
      )
      const built = serverOf(yield* database, { minFreeBytes: 10 }, Layer.provide(disk, ByteStore.layerMemory))
      assert.strictEqual(
        (yield* Effect.flip(built)).message,
        `limits.minFreeBytes: expected no limit of one disk where a database counts the bytes of many servers, got "10"`
      )
    }))
})

const anyStep = FastCheck.record({
  letter: FastCheck.constantFrom("a", "b", "c"),
  owner: FastCheck.constantFrom("ann", undefined),
  act: FastCheck.constantFrom("create", "grow", "fill", "remove", "reserve", "reserve", "more", "release"),
  size: FastCheck.nat(20)
})

const exactly = (size: number): UsageLedger.Rule<never> => ({
  decide: () => Either.right(size),
  most: { bytes: 1000, open: Infinity }
})

needs("PostgreSQL")("a ledger in PostgreSQL", () => {
  it.scopedLive("reads the uploads that have reservations, not all of them", () =>
    Effect.gen(function*() {
      const url = yield* database
      const layer = Layer.provideMerge(SqlUploadRegistry.layer, client(url))
      const { create } = Context.get(yield* Layer.build(layer), UploadRegistry.UploadRegistry)
      yield* create(uploadOf({ id: id("a"), length: Option.some(bytes(1)) }), { fence: 1, durable: false })
      const [prepare, run] = yield* Effect.all([connection(url), connection(url)])
      yield* prepare(
        `INSERT INTO effect_tus_uploads SELECT (jsonb_populate_record(upload, jsonb_build_object('id', n::TEXT))).*
        FROM effect_tus_uploads upload, generate_series(1, 5000) n`
      )
      yield* prepare("ANALYZE effect_tus_uploads")
      yield* run("BEGIN")
      // After some calls the plans are those for any parameters.
      yield* run(`SELECT effect_tus_reserve('new' || n, NULL, 1, 1000000, 1000000, 'me', 60000)
        FROM generate_series(1, 20) n`)
      const read = yield* run(
        "SELECT seq_scan::INT FROM pg_stat_xact_user_tables WHERE relname = 'effect_tus_uploads'"
      )
      deepStrictEqual(read, [{ seq_scan: 0 }])
    }))

  it.scopedLive("reserves again what has ended while its server could not renew it, and releases all of it", () =>
    Effect.gen(function*() {
      const layer = PgUsageLedger.layer({ lasts: "600 millis" }).pipe(
        Layer.provideMerge(SqlUploadRegistry.layer),
        Layer.provideMerge(client(yield* database))
      )
      const context = yield* Layer.build(layer)
      const sql = Context.get(context, SqlClient.SqlClient)
      const { reserve, usageOf } = Context.get(context, UsageLedger.UsageLedger)
      const owner = Option.some("ann")
      const reservation = yield* reserve({ id: id("a"), owner }, undefined, exactly(10))
      yield* sql`DELETE FROM effect_tus_reservations`
      yield* Effect.repeat(usageOf(owner), { until: ({ bytes }) => bytes === 10 })
      yield* reservation.release
      deepStrictEqual(yield* usageOf(owner), { bytes: 0, open: 0 })
      deepStrictEqual(yield* sql`SELECT * FROM effect_tus_reservations`, [])
    }))

  it.scopedLive.prop(
    "counts an upload and its reservation once, after any sequence of operations",
    [FastCheck.array(anyStep, { maxLength: 40 })],
    ([steps]) =>
      Effect.gen(function*() {
        const layer = PgUsageLedger.layer().pipe(
          Layer.provideMerge(SqlUploadRegistry.layer),
          Layer.provide(client(yield* database))
        )
        const context = yield* Layer.build(layer)
        const registry = Context.get(context, UploadRegistry.UploadRegistry)
        const ledger = Context.get(context, UsageLedger.UsageLedger)
        const options = { fence: 1, durable: false }
        const held = new Map<
          string,
          { readonly owner: string | undefined; size: number; it: UsageLedger.Reservation }
        >()
        const stateOf = (letter: string) => Effect.map(registry.get(id(letter)), Option.getOrUndefined)

        for (const { act, letter, owner, size } of steps) {
          const entry = yield* stateOf(letter)
          const mine = held.get(letter)
          const upload = entry?.upload ?? uploadOf({
            id: id(letter),
            owner: Option.fromNullable(mine === undefined ? owner : mine.owner),
            length: size % 2 === 0 ? Option.some(bytes(20)) : Option.none()
          })
          if (act === "reserve" && mine === undefined) {
            const it = yield* ledger.reserve(upload, entry?.upload, exactly(21 + size))
            held.set(letter, { owner: Option.getOrUndefined(upload.owner), size: 21 + size, it })
          } else if (act === "more" && mine !== undefined) {
            mine.size = yield* mine.it.grow(exactly(40 + size))
          } else if (act === "release" && mine !== undefined) {
            yield* mine.it.release
            held.delete(letter)
          } else if (act === "create" && entry === undefined) {
            yield* registry.create(upload, options)
          } else if (entry !== undefined && act === "remove" && mine === undefined) {
            yield* registry.remove(entry, options)
          } else if (entry !== undefined && upload.isOpen && act === "grow" && upload.offset < 10) {
            yield* registry.commit(entry, upload.grow(size % 5, upload.length, Option.none()), options)
          } else if (entry !== undefined && upload.isOpen && act === "fill") {
            yield* registry.commit(entry, upload.fill(bytes(20), { _tag: "Finishing" }), options)
          }
          for (const owner of ["ann", undefined]) {
            let expected = Usage.nothing
            for (const letter of ["a", "b", "c"]) {
              const upload = (yield* stateOf(letter))?.upload
              const mine = held.get(letter)
              const whose = upload === undefined ? mine?.owner : Option.getOrUndefined(upload.owner)
              const usage = Usage.ofUpload(upload, mine?.size)
              expected = whose === owner ? Usage.replace(expected, Usage.nothing, usage) : expected
            }
            const { bytes, open } = expected
            deepStrictEqual(yield* ledger.usageOf(Option.fromNullable(owner)), { bytes, open })
          }
        }
      }),
    { fastCheck: { numRuns: 10 } }
  )
})
