/**
 * Behind pgbouncer in transaction mode nobody hears a notification, since each transaction has another connection.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { DistributedLockSuite } from "effect-tus/testing"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { needs } from "../support/needs.js"
import * as Pgbouncer from "../support/pgbouncer.js"
import { postgres } from "../support/postgres.js"
import { commit, fenceOf, hold, id, layer, open, start, through } from "./servers.js"

/** A new database, and its URL through pgbouncer. */
const database = Effect.gen(function*() {
  const { database, port, run } = yield* postgres
  const url = yield* database
  const name = new URL(url).pathname.slice(1)
  return {
    direct: url,
    pooled: through(url, yield* Pgbouncer.make(port)),
    run: (statement: string) => run(statement, name)
  }
})

const shared = Effect.map(database, ({ pooled, run }) => ({
  // No server says in between that it lives.
  server: layer(pooled, { listen: "poll", lease: "1 hour" }),
  lapse: Effect.asVoid(run("UPDATE effect_tus_servers SET alive_until = clock_timestamp() - INTERVAL '1 second'"))
}))

needs("PostgreSQL", "pgbouncer")("behind pgbouncer in transaction mode", () => {
  DistributedLockSuite.suite("a lock that asks", shared)

  for (const [what, options] of [["asks", { listen: "poll" }], ["listens on a connection of its own", {}]] as const) {
    it.scopedLive(`a server that ${what} is asked to leave`, () =>
      Effect.gen(function*() {
        const { direct, pooled } = yield* database
        const server = start(pooled, { lease: "1 hour", ...("listen" in options ? options : { leaseUrl: direct }) })
        const [one, other] = [yield* server, yield* server]
        yield* one.registry.create(open(1), { fence: 0, durable: true })
        const holder = yield* hold(one)
        const next = yield* Effect.forkScoped(other.lock.withLock(id(1), fenceOf))
        yield* holder.asked
        yield* holder.leave
        assert.isAbove(yield* Fiber.join(next), holder.fence)
        const entries = yield* Effect.forEach([one, other, one], (server) => commit(server, 1))
        deepStrictEqual(entries.map(({ upload }) => Number(upload.offset)), [1, 2, 3])
      }))
  }

  it.scopedLive("many servers start at once on an empty database", () =>
    Effect.gen(function*() {
      const { pooled } = yield* database
      const server = start(pooled, { listen: "poll" })
      const servers = yield* Effect.forEach(Arr.range(1, 16), () => server, { concurrency: 16 })
      yield* Effect.forEach(servers, ({ registry }, n) => registry.create(open(n), { fence: 0, durable: true }), {
        concurrency: 16
      })
      const fences = yield* Effect.forEach(servers, ({ lock }) => lock.withLock(id(1), fenceOf), { concurrency: 16 })
      assert.strictEqual(new Set(fences).size, 16)
    }))
})
