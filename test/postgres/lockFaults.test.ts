/**
 * What the lock of many servers promises when connections, answers, notifications or the database are lost.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { UploadStoreError } from "effect-tus"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as LockTables from "../../src/postgres/LockTables.js"
import * as Lossy from "../support/lossy.js"
import { needs } from "../support/needs.js"
import { client, make, postgres } from "../support/postgres.js"
import * as Servers from "./servers.js"

const { fenceOf, hold, id, open, start, through } = Servers
const options = { fence: 0, durable: true }
const everyone = { concurrency: "unbounded" } as const
/** So long that nothing in a test can be the work of its end. */
const endless = "1 hour"

/** A new database of the PostgreSQL that tests share. */
const fresh = Effect.gen(function*() {
  const { database, port, run } = yield* postgres
  const url = yield* database
  const name = new URL(url).pathname.slice(1)
  return { port, url, run: (statement: string) => run(statement, name) }
})

type Run = Effect.Effect.Success<typeof fresh>["run"]

const until = <A, E>(self: Effect.Effect<A, E>, is: (a: A) => boolean) =>
  Effect.repeat(self, { until: is, schedule: Schedule.spaced("20 millis") })

/** Waits until there is this number of backends of connections with a name. */
const backends = (run: Run, name: string, count: number) =>
  until(run(`SELECT pid FROM pg_stat_activity WHERE application_name = '${name}'`), (rows) => rows.length === count)

/** The other backends of a database that wait for something. */
const waitingFor = (event: string) =>
  `FROM pg_stat_activity WHERE datname = current_database() AND ${event} AND pid <> pg_backend_pid()`

const locks = (run: Run) => run("SELECT upload_id FROM effect_tus_locks")

needs("PostgreSQL")("the lock of many servers", () => {
  it.scopedLive("draws a fence only where no other server can have taken the lock since", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      const [slow, other] = [yield* start(url), yield* start(url)]
      yield* slow.registry.create(open(1), options)
      // The first insertion of a row waits until nobody has the lock of the other table.
      yield* run("CREATE TABLE gate ()")
      yield* run("CREATE SEQUENCE visits")
      yield* run(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF nextval('visits') = 1 THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN new; END $$`)
      yield* run("CREATE TRIGGER wait BEFORE INSERT ON effect_tus_locks FOR EACH ROW EXECUTE FUNCTION wait()")
      const gate = yield* Effect.forkScoped(run("SELECT pg_advisory_lock(4711), pg_sleep(3600)"))
      const waiting = (event: string) =>
        until(run(`SELECT 1 FROM pg_stat_activity WHERE wait_event = '${event}'`), Arr.isNonEmptyReadonlyArray)
      yield* waiting("PgSleep")
      const late = yield* Effect.forkScoped(Servers.commit(slow, 1))
      yield* waiting("advisory")
      yield* Servers.commit(other, 1)
      yield* run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
      yield* Fiber.interruptFork(gate)
      assert.strictEqual((yield* Fiber.join(late)).upload.offset, 2)
    }))

  it.scopedLive("finds out who is wanted, and what has become free, without notifications", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      yield* run("CREATE FUNCTION public.pg_notify(TEXT, TEXT) RETURNS VOID LANGUAGE sql AS $$ SELECT $$")
      yield* run(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET search_path = public, pg_catalog`)
      const [one, other] = [yield* start(url, { lease: endless }), yield* start(url, { lease: endless })]
      const holder = yield* hold(one)
      const next = yield* Effect.forkScoped(other.lock.withLock(id(1), fenceOf))
      yield* holder.asked
      yield* holder.leave
      assert.isAbove(yield* Fiber.join(next), holder.fence)
    }))

  it.scopedLive("makes the connection of the lease again when it is cut, and hears what was wanted meanwhile", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      const one = yield* start(url, { lease: endless, leaseUrl: `${url}?application_name=one` })
      const other = yield* start(url, { lease: endless })
      const holder = yield* hold(one)
      yield* backends(run, "one", 1)
      yield* run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'one'")
      const next = yield* Effect.forkScoped(other.lock.withLock(id(1), fenceOf))
      yield* holder.asked
      yield* backends(run, "one", 1)
      yield* holder.leave
      assert.isAbove(yield* Fiber.join(next), holder.fence)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))

  it.scopedLive("notices a connection of the lease that answers no more before the lease ends", () =>
    Effect.gen(function*() {
      const { port, run, url } = yield* fresh
      const lossy = yield* Lossy.make(port)
      const leaseUrl = `${through(url, lossy.port)}?application_name=one`
      const one = yield* start(url, { lease: "6 seconds", leaseUrl })
      const other = yield* start(url, { lease: "6 seconds" })
      const holder = yield* hold(one)
      lossy.blackHole()
      // The old connection is still there, for PostgreSQL does not know better.
      yield* backends(run, "one", 2)
      deepStrictEqual(yield* run("SELECT 1 FROM effect_tus_servers WHERE alive_until < clock_timestamp()"), [])
      assert.isFalse(yield* holder.isAsked)
      deepStrictEqual(yield* other.lock.withLockIfFree(id(1), fenceOf), Option.none())

      lossy.blackHole()
      const next = yield* Effect.forkScoped(other.lock.withLock(id(1), fenceOf))
      yield* holder.asked
      yield* holder.leave
      assert.isAbove(yield* Fiber.join(next), holder.fence)
      // This process has let go of the connections that are dead.
      assert.strictEqual(lossy.clients(), 1)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))

  it.scopedLive("asks everybody to leave if the database is away for longer than the lease, and goes on afterwards", () =>
    Effect.gen(function*() {
      const server = yield* make({ durable: true })
      const url = yield* server.database
      const [one, other] = [yield* start(url, { lease: "3 seconds" }), yield* start(url, { lease: "3 seconds" })]
      yield* one.registry.create(open(1), options)
      const holders = yield* Effect.forEach([id(1), id(2)], (id) => hold(one, id))
      yield* server.stop("immediate")
      yield* Effect.forEach(holders, ({ asked }) => asked, everyone)
      yield* Effect.forEach(holders, ({ leave }) => leave, everyone)
      const error = yield* Effect.flip(one.lock.withLock(id(1), fenceOf))
      deepStrictEqual([error.reason, error._tag], ["Unavailable", "UploadStoreError"])
      yield* server.start
      for (const [n, next] of [other, one, other].entries()) {
        const { upload } = yield* Effect.retry(Servers.commit(next, 1), Schedule.spaced("50 millis"))
        assert.strictEqual(upload.offset, n + 1)
      }
      // A holder of the new life is asked only if somebody wants it.
      const holder = yield* hold(one)
      yield* until(
        server.run(
          "SELECT id FROM effect_tus_servers WHERE alive_until > clock_timestamp()",
          new URL(url).pathname.slice(1)
        ),
        (alive) => alive.length === 2
      )
      const next = yield* Effect.forkScoped(other.lock.withLock(id(1), fenceOf))
      yield* holder.asked
      yield* holder.leave
      assert.isAbove(yield* Fiber.join(next), holder.fence)
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))

  it.scopedLive("asks everybody to leave if the lease has ended by the clock of the database alone", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      const one = yield* start(url, { lease: "3 seconds" })
      const holder = yield* hold(one)
      assert.isFalse(yield* holder.isAsked)
      yield* run("UPDATE effect_tus_servers SET alive_until = clock_timestamp() - INTERVAL '1 second'")
      yield* holder.asked
      yield* holder.leave
      // The next one has a lease again.
      const next = yield* hold(one)
      yield* until(
        run("SELECT 1 FROM effect_tus_servers WHERE alive_until > clock_timestamp()"),
        Arr.isNonEmptyReadonlyArray
      )
      assert.isFalse(yield* next.isAsked)
      yield* next.leave
    }))

  it.scopedLive("keeps the lease while all connections of the pool are in use", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      const one = yield* start(url, { lease: "3 seconds" })
      const lives = run("SELECT EXTRACT(EPOCH FROM alive_until)::FLOAT8 AS until FROM effect_tus_servers")
      const gate = yield* Effect.forkScoped(
        Effect.exit(run("LOCK TABLE effect_tus_locks IN EXCLUSIVE MODE; SELECT pg_sleep(3600)"))
      )
      yield* until(run(`SELECT 1 ${waitingFor("wait_event = 'PgSleep'")}`), Arr.isNonEmptyReadonlyArray)
      const users = yield* Effect.forkScoped(
        Effect.forEach(Arr.range(1, 20), (n) => Effect.exit(one.lock.withLock(id(n), fenceOf)), everyone)
      )
      yield* until(run(`SELECT 1 ${waitingFor("wait_event_type = 'Lock'")}`), (waiting) => waiting.length === 10)
      const [before] = yield* lives
      yield* until(lives, ([now]) => JSON.stringify(now) !== JSON.stringify(before))
      yield* run(`SELECT pg_terminate_backend(pid) ${waitingFor("wait_event = 'PgSleep'")}`)
      yield* Fiber.join(gate)
      yield* Fiber.join(users)
      assert.isAbove(yield* one.lock.withLock(id(1), fenceOf), 0)
    }))

  it.scopedLive("lets 24 servers start at once on an empty database", () =>
    Effect.gen(function*() {
      const { url } = yield* fresh
      const servers = yield* Effect.forEach(Arr.range(1, 24), () => start(url), { concurrency: 24 })
      yield* Effect.forEach(servers, ({ registry }, n) => registry.create(open(n), options), { concurrency: 8 })
      const fences = yield* Effect.forEach(servers, ({ lock }) => lock.withLock(id(1), fenceOf), { concurrency: 8 })
      assert.strictEqual(new Set(fences).size, 24)
    }))

  it.scopedLive("leaves nothing of servers that have ended", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      yield* Effect.scoped(Effect.flatMap(start(url), (one) => one.lock.withLock(id(1), fenceOf)))
      deepStrictEqual(yield* run("SELECT id FROM effect_tus_servers"), [])
      deepStrictEqual(yield* locks(run), [])
    }))

  it.scopedLive("removes what dead servers have left, and nothing of the living", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      const dead = yield* start(url, { lease: endless })
      const holders = [yield* hold(dead, id(1))]
      yield* run("UPDATE effect_tus_servers SET alive_until = clock_timestamp() - INTERVAL '2 hours'")
      const one = yield* start(url, { lease: endless })
      holders.push(yield* hold(one, id(2)))
      yield* Effect.provide(Effect.flatMap(SqlClient.SqlClient, LockTables.clear), client(url))
      deepStrictEqual(yield* locks(run), [{ upload_id: id(2) }])
      assert.strictEqual((yield* run("SELECT id FROM effect_tus_servers")).length, 1)
      yield* Effect.forEach(holders, ({ leave }) => leave)
    }))

  for (const [what, text] of [["acquisition", "INSERT INTO"], ["release", "DELETE FROM"]] as const) {
    it.scopedLive(`frees an upload within seconds after the answer of its ${what} was lost`, () =>
      Effect.gen(function*() {
        const { port, run, url } = yield* fresh
        const lossy = yield* Lossy.make(port)
        const one = yield* start(through(url, lossy.port), { lease: endless, leaseUrl: url })
        const other = yield* start(url, { lease: endless })
        lossy.loseAnswerOf(`${text} effect_tus_locks`)
        yield* Effect.exit(one.lock.withLock(id(1), fenceOf))
        assert.strictEqual(lossy.lost(), 1)
        assert.isAbove(yield* other.lock.withLock(id(1), fenceOf), 0)
        yield* until(locks(run), Arr.isEmptyReadonlyArray)
      }))

    it.scopedLive(`frees an upload whose ${what} takes effect long after it has failed`, () =>
      Effect.gen(function*() {
        const { port, run, url } = yield* fresh
        const lossy = yield* Lossy.make(port)
        const one = yield* start(through(url, lossy.port), { lease: endless, leaseUrl: url })
        const other = yield* start(url, { lease: endless })
        const packet = lossy.holdBack(`${text} effect_tus_locks`)
        yield* Effect.exit(one.lock.withLock(id(1), fenceOf))
        // This server has taken it again, and given it back.
        const drawn = "SELECT last_value::INT AS last FROM effect_tus_fence"
        const [before] = yield* run(drawn)
        yield* until(run(drawn), ([now]) => JSON.stringify(now) !== JSON.stringify(before))
        yield* until(locks(run), Arr.isEmptyReadonlyArray)
        yield* other.lock.withLock(id(1), fenceOf)
        assert.isTrue(packet.letThrough())
        if (what === "acquisition") {
          yield* until(locks(run), Arr.isNonEmptyReadonlyArray)
        }
        yield* other.lock.withLock(id(1), fenceOf)
        yield* until(locks(run), Arr.isEmptyReadonlyArray)
      }))
  }

  it.scopedLive("does not let a late release free what its server has taken again", () =>
    Effect.gen(function*() {
      const { port, run, url } = yield* fresh
      const lossy = yield* Lossy.make(port)
      const pool = `${through(url, lossy.port)}?application_name=pool`
      const one = yield* start(pool, { lease: endless, leaseUrl: url })
      const other = yield* start(url, { lease: endless })
      const packet = lossy.holdBack("DELETE FROM effect_tus_locks")
      yield* one.lock.withLock(id(1), fenceOf)
      const holder = yield* hold(one)
      yield* backends(run, "pool", 2)
      assert.isTrue(packet.letThrough())
      // The connection that was held back ends when PostgreSQL has done what it was told.
      yield* backends(run, "pool", 1)
      deepStrictEqual(yield* other.lock.withLockIfFree(id(1), fenceOf), Option.none())
      yield* holder.leave
    }))

  it.scopedLive("repeats no fence when the database has forgotten its last transactions", () =>
    Effect.gen(function*() {
      const { run, url } = yield* fresh
      const [one, other] = [yield* start(url), yield* start(url)]
      yield* one.registry.create(open(1), options)
      yield* Effect.forEach(Arr.range(1, 10), () => Servers.commit(one, 1))
      const last = yield* one.lock.withLock(id(1), fenceOf)
      // The one that has seen them finds out by itself, and the other one when it is connected to another database.
      yield* run("SELECT setval('effect_tus_fence', 1, FALSE)")
      assert.isAbove(yield* one.lock.withLock(id(2), fenceOf), last)
      yield* run("SELECT setval('effect_tus_fence', 1, FALSE)")
      yield* run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'effect-tus' AND datname = current_database()`)
      yield* until(run("SELECT 1 FROM effect_tus_fence WHERE last_value > 1000"), Arr.isNonEmptyReadonlyArray)
      const fences = yield* Effect.forEach([other, one, other], (server) =>
        Effect.retry(Servers.commit(server, 1), {
          schedule: Schedule.spaced("50 millis"),
          while: (error) => error instanceof UploadStoreError.UploadStoreError
        }))
      deepStrictEqual(fences.map(({ upload }) => upload.offset), [11, 12, 13])
      const all = [last, ...fences.map(({ fence }) => fence)]
      deepStrictEqual(all, [...new Set(all)].toSorted((a, b) => a - b))
    }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))))
})
