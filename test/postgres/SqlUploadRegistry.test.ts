import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload as Uploads, UploadRegistry as Registries, UploadStoreError as StoreErrors } from "effect-tus"
import { PostgresClient } from "effect-tus/postgres"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Lossy from "../support/lossy.js"
import { needs } from "../support/needs.js"
import { client, make, postgres } from "../support/postgres.js"
import { grown, id, open, through } from "./servers.js"

const { UploadRegistry } = Registries
const { Bytes, Upload, UploadId } = Uploads
const everyone = { concurrency: "unbounded" } as const
const options = { fence: 1, durable: true }

/** A registry, and a client of the same database. */
const registryOver = (layer: Layer.Layer<SqlClient.SqlClient, unknown>) =>
  Effect.map(
    Layer.build(Layer.provideMerge(SqlUploadRegistry.layer, layer)),
    (context) => [Context.get(context, UploadRegistry), Context.get(context, SqlClient.SqlClient)] as const
  )

const impatient = (url: string, timeout: `${number} millis` = "500 millis") =>
  PostgresClient.layer({ url: Redacted.make(url), timeout })

const take = (registry: Registries.UploadRegistry["Type"], work: string, length: Duration.Duration) =>
  registry.takeTurn?.(work, length) ?? Effect.dieMessage("expected turns")

const offsetOf = (registry: Registries.UploadRegistry["Type"], n: number) =>
  Effect.map(registry.get(id(n)), Option.map(({ upload }) => upload.offset))

/** Asks again until the database answers. */
const stateOf = (registry: Registries.UploadRegistry["Type"], id: Uploads.UploadId) =>
  registry.get(id).pipe(Effect.retry(Schedule.spaced("50 millis")), Effect.orDie, Effect.map(Option.getOrThrow))

needs("PostgreSQL")("SqlUploadRegistry on PostgreSQL", () => {
  it.scopedLive("lets 24 servers start at once on an empty database", () =>
    Effect.gen(function*() {
      const url = yield* Effect.flatMap(postgres, ({ database }) => database)
      const registries = yield* Effect.forEach(Arr.range(1, 24), () => registryOver(client(url)), { concurrency: 8 })
      yield* Effect.forEach(registries, ([registry], n) => registry.create(open(n), options), everyone)
      const usages = yield* Effect.forEach(registries, ([registry]) => registry.usage)
      usages.forEach(({ uploads }) => assert.strictEqual(uploads, 24))
    }))

  it.scopedLive("gives a turn to one of many servers, and to another one when it has ended", () =>
    Effect.gen(function*() {
      const url = yield* Effect.flatMap(postgres, ({ database }) => database)
      const registries = yield* Effect.forEach(Arr.range(1, 8), () => registryOver(client(url)))
      const winners = (work: string) =>
        Effect.filter(registries, ([registry]) => take(registry, work, Duration.hours(1)), everyone)
      // Each kind of work has no row at first.
      for (const work of Arr.range(1, 20).map(String)) {
        const first = yield* winners(work)
        assert.strictEqual(first.length, 1)
        deepStrictEqual(
          (yield* winners(work)).map((winner) => registries.indexOf(winner)),
          first.map((winner) => registries.indexOf(winner))
        )
        yield* Effect.forEach(first, ([registry]) => take(registry, work, Duration.zero))
        assert.strictEqual((yield* winners(work)).length, 1)
      }
    }))

  it.scopedLive("lists uploads in the order of code units, whatever the locale of the database", () =>
    Effect.gen(function*() {
      const { run, urlOf } = yield* postgres
      yield* run("CREATE DATABASE icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
      const [registry] = yield* registryOver(client(urlOf("icu")))
      const ids = ["a", "B", "b", "A", "-", "_", "a-b", "aB", "Z", "z", "0"].map((id) => id.padEnd(22, id))
      yield* Effect.forEach(ids, (id) => registry.create(new Upload({ ...open(0), id: UploadId.make(id) }), options))
      const listed = yield* registry.list({ limit: 100 })
      deepStrictEqual(listed.map((upload) => String(Either.getOrThrow(upload).id)), ids.toSorted())
    }))

  it.scopedLive("commits offsets without a write to an index", () =>
    Effect.gen(function*() {
      const url = yield* Effect.flatMap(postgres, ({ database }) => database)
      const [registry, sql] = yield* registryOver(client(url))
      const entries = yield* Effect.forEach(Arr.range(1, 20), (n) => registry.create(open(n), options))
      yield* Effect.forEach(entries, (entry) =>
        Effect.iterate(entry, {
          while: ({ upload }: Registries.StoredUpload) => upload.offset < 400,
          body: (entry) => registry.commit(entry, grown(entry, 20), options)
        }), everyone)
      const counted = sql<{ n_tup_upd: string; n_tup_hot_upd: string }>`SELECT n_tup_upd, n_tup_hot_upd
        FROM pg_stat_user_tables WHERE relname = 'effect_tus_uploads' AND n_tup_upd >= 400`
      const [row] = yield* counted.pipe(
        Effect.delay("100 millis"),
        Effect.repeat({ until: Arr.isNonEmptyReadonlyArray })
      )
      assert.isAtLeast(Number(row?.n_tup_hot_upd), 0.95 * Number(row?.n_tup_upd))
    }))

  it.scopedLive("tries a batch again that PostgreSQL has given up for another one", () =>
    Effect.gen(function*() {
      const url = yield* Effect.flatMap(postgres, ({ database }) => database)
      const [registry, sql] = yield* registryOver(client(url))
      yield* sql`CREATE SEQUENCE tries`
      yield* sql`CREATE FUNCTION give_up() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF nextval('tries') < 4 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END IF; RETURN new; END $$`
      yield* sql`CREATE TRIGGER give_up BEFORE INSERT ON effect_tus_uploads FOR EACH ROW EXECUTE FUNCTION give_up()`
      yield* registry.create(open(1), options)
      assert.isTrue(Option.isSome(yield* registry.get(id(1))))
    }))

  for (const [what, text] of [["a statement", "UPDATE effect_tus_uploads"], ["a COMMIT", "COMMIT"]] as const) {
    it.scopedLive(`knows of a commit that it stands although the answer of ${what} was lost`, () =>
      Effect.gen(function*() {
        const { database, port } = yield* postgres
        const url = yield* database
        const [direct] = yield* registryOver(client(url))
        const lossy = yield* Lossy.make(port)
        const [registry] = yield* registryOver(impatient(through(url, lossy.port), "5000 millis"))
        const entries = yield* Effect.forEach([1, 2], (n) => registry.create(open(n), options))
        lossy.loseAnswerOf(text)
        // With a tail, a commit is a transaction of several statements.
        const tail = what === "a COMMIT" ? { tail: new Uint8Array(10) } : {}
        const committed = yield* Effect.forEach(
          entries,
          (entry) => registry.commit(entry, grown(entry, 10), { ...options, ...tail }),
          everyone
        )
        assert.strictEqual(lossy.lost(), 1)
        deepStrictEqual(committed.map(({ upload, version }) => [upload.offset, version]), [[10, 2], [10, 2]])
        deepStrictEqual(yield* Effect.forEach([1, 2], (n) => offsetOf(direct, n)), [
          Option.some(Bytes.make(10)),
          Option.some(Bytes.make(10))
        ])
      }))
  }

  it.scopedLive("knows of a creation and of a removal that they stand although their answers were lost", () =>
    Effect.gen(function*() {
      const { database, port } = yield* postgres
      const url = yield* database
      const lossy = yield* Lossy.make(port)
      const [registry] = yield* registryOver(impatient(through(url, lossy.port), "5000 millis"))
      lossy.loseAnswerOf("INSERT INTO effect_tus_uploads")
      const entry = yield* registry.create(open(1), options)
      lossy.loseAnswerOf("DELETE FROM effect_tus_uploads")
      yield* registry.remove(entry, options)
      assert.strictEqual(lossy.lost(), 2)
      assert.isTrue(Option.isNone(yield* registry.get(id(1))))
    }))

  it.scopedLive("creates nothing again that another server has removed, when the answer was lost", () =>
    Effect.gen(function*() {
      const { database, port } = yield* postgres
      const url = yield* database
      const [other] = yield* registryOver(client(url))
      const lossy = yield* Lossy.make(port)
      const [registry] = yield* registryOver(impatient(through(url, lossy.port)))
      // The connection that is open sends the creation, and no other one answers before the upload is removed.
      lossy.setDead(true)
      lossy.loseAnswerOf("INSERT INTO effect_tus_uploads")
      const creating = yield* Effect.fork(Effect.flip(registry.create(open(1), options)))
      const claimed = yield* other.claim(id(1), 2).pipe(Effect.repeat({ until: Option.isSome }))
      yield* other.remove(Option.getOrThrow(claimed), { ...options, fence: 2 })
      lossy.setDead(false)
      assert.instanceOf(yield* Fiber.join(creating), StoreErrors.UploadStoreError)
      assert.isTrue(Option.isNone(yield* other.get(id(1))))
    }))

  it.scopedLive("lets no commit take effect after it has failed", () =>
    Effect.gen(function*() {
      const { database, port, run } = yield* postgres
      const url = yield* database
      const lossy = yield* Lossy.make(port)
      const [registry] = yield* registryOver(impatient(through(url, lossy.port), "5000 millis"))
      const entry = yield* registry.create(open(1), options)
      const packet = lossy.holdBack("UPDATE effect_tus_uploads")
      const error = yield* Effect.flip(registry.commit(entry, grown(entry, 10), options))
      deepStrictEqual([error._tag === "UploadStoreError" && error.reason], ["Unavailable"])
      assert.isTrue(packet.letThrough())
      // The connection that was held back ends when PostgreSQL has done what it was told.
      yield* run("SELECT pid FROM pg_stat_activity WHERE application_name = 'effect-tus' AND state <> 'idle'").pipe(
        Effect.delay("50 millis"),
        Effect.repeat({ until: Arr.isEmptyReadonlyArray })
      )
      deepStrictEqual(yield* offsetOf(registry, 1), Option.some(Bytes.make(0)))
      const claimed = yield* Effect.map(registry.claim(id(1), 2), Option.getOrThrow)
      const next = yield* registry.commit(claimed, grown(claimed, 10), { ...options, fence: 2 })
      assert.strictEqual(next.upload.offset, 10)
    }))

  it.scopedLive("does not take the commit of another writer for its own", () =>
    Effect.gen(function*() {
      const { database, port } = yield* postgres
      const url = yield* database
      const [other] = yield* registryOver(client(url))
      const lossy = yield* Lossy.make(port)
      const [registry] = yield* registryOver(impatient(through(url, lossy.port), "5000 millis"))
      const entry = yield* registry.create(open(1), options)
      yield* other.commit(entry, grown(entry, 20), { ...options, fence: 2 })
      lossy.loseAnswerOf("UPDATE effect_tus_uploads")
      const error = yield* Effect.flip(registry.commit(entry, grown(entry, 10), options))
      assert.strictEqual(lossy.lost(), 1)
      assert.instanceOf(error, StoreErrors.UploadStoreError)
      deepStrictEqual(yield* offsetOf(other, 1), Option.some(Bytes.make(20)))
    }))

  it.scopedLive("goes on after connections that answer no more", () =>
    Effect.gen(function*() {
      const { database, port } = yield* postgres
      const url = yield* database
      const lossy = yield* Lossy.make(port)
      const [registry] = yield* registryOver(impatient(through(url, lossy.port)))
      const [first, second] = yield* Effect.all([registry.create(open(1), options), registry.create(open(2), options)])
      // So that there are several connections.
      yield* Effect.forEach(Arr.range(1, 8), () => registry.get(id(1)), everyone)
      lossy.blackHole()
      const hung = yield* Effect.either(registry.commit(first, grown(first, 10), options))
      // The idle ones have been closed with the one that was in use: nothing else was sent into the hole.
      assert.strictEqual(lossy.lost(), 1)
      const next = yield* registry.commit(second, grown(second, 10), options)
      assert.strictEqual(next.upload.offset, 10)
      assert.isTrue(Either.isLeft(hung))
      deepStrictEqual(yield* offsetOf(registry, 1), Option.some(Bytes.make(0)))
    }))

  it.scopedLive("loses no write that it has acknowledged if PostgreSQL crashes", () =>
    Effect.gen(function*() {
      const server = yield* make({ durable: true })
      const [registry] = yield* registryOver(impatient(yield* server.database, "5000 millis"))
      const entries = yield* Effect.forEach(Arr.range(1, 16), (n) => registry.create(open(n), options), everyone)
      const acknowledged = new Map<string, number>()
      const write = (entry: Registries.StoredUpload): Effect.Effect<void> =>
        Effect.matchEffect(registry.commit(entry, grown(entry, 1), options), {
          onSuccess: (next) => {
            acknowledged.set(next.upload.id, next.upload.offset)
            return next.upload.offset < 900 ? write(next) : Effect.void
          },
          onFailure: (error) => {
            assert.instanceOf(error, StoreErrors.UploadStoreError, String(error))
            // As a client does, it asks for the state and goes on.
            return Effect.flatMap(stateOf(registry, entry.upload.id), write)
          }
        })
      const writers = yield* Effect.forkScoped(Effect.forEach(entries, write, everyone))
      yield* Effect.sleep("500 millis")
      yield* server.stop("immediate")
      const before = new Map(acknowledged)
      yield* Effect.sleep("500 millis")
      yield* server.start
      for (const [id, offset] of before) {
        const found = yield* stateOf(registry, UploadId.make(id))
        assert.isAtLeast(found.upload.offset, offset)
      }
      yield* Effect.repeat(Effect.sync(() => acknowledged.get(id(1)) ?? 0), {
        until: (offset) => offset > (before.get(id(1)) ?? 0),
        schedule: Schedule.spaced("50 millis")
      })
      yield* Fiber.interrupt(writers)
    }))
})

needs("PostgreSQL")("PostgresClient", () => {
  it.scopedLive("names the place, and no credentials, if it cannot connect", () =>
    Effect.gen(function*() {
      const { port } = yield* postgres
      const messages = yield* Effect.forEach([
        `postgres://tus:sesame@127.0.0.1:${port}/nothing`,
        `postgres://tus:sesame@127.0.0.1:1/tus`,
        `postgres://nobody:sesame@127.0.0.1:${port}/postgres`
      ], (url) => Effect.flip(Layer.build(PostgresClient.layer({ url: Redacted.make(url) }))))
      deepStrictEqual(messages.map(({ message }) => message), [
        `connect to PostgreSQL at 127.0.0.1:${port}/nothing: database "nothing" does not exist`,
        "connect to PostgreSQL at 127.0.0.1:1/tus: connect ECONNREFUSED 127.0.0.1:1",
        `connect to PostgreSQL at 127.0.0.1:${port}/postgres: role "nobody" does not exist`
      ])
    }))

  it.scoped("refuses options that make no sense", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Layer.build(PostgresClient.layer({ url: Redacted.make(""), maxConnections: 0 }))
      )
      assert.strictEqual(error.message, `maxConnections: expected a whole number from 1 to 10000, got "0"`)
    }))
})
