/**
 * Locks of any number of servers on one PostgreSQL. Safety comes of the fence, which the taking of a lock writes into
 * the state: whoever holds a lower one writes nothing any more. Liveness comes of the lease: a server that is not heard
 * for `lease` by the clock of the database is dead, and its locks can be taken.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ClientConfig } from "pg"
import type { UploadId } from "../protocol/Upload.js"
import * as OptionError from "../server/policy/OptionError.js"
import * as SqlFailure from "../sql/SqlFailure.js"
import * as LockLines from "../store/LockLines.js"
import { newName } from "../store/Pairing.js"
import { type Lease, UploadLock } from "../store/UploadLock.js"
import { UploadRegistry } from "../store/UploadRegistry.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as LockConnection from "./LockConnection.js"
import * as LockRows from "./LockRows.js"
import * as LockTables from "./LockTables.js"

/** How servers hear of each other. */
export interface Options {
  /**
   * The URL for the connection of the lease. By default that of the `PgClient`. Where that goes through pgbouncer in
   * transaction mode, give a direct one, or take `listen: "poll"`.
   */
  readonly url?: Redacted.Redacted | undefined
  /**
   * How a server hears that another one wants an upload that it holds: at once by a notification of PostgreSQL
   * (`"notify"`, the default), or because it asks every 250 ms (`"poll"`). With notifications it asks every second.
   */
  readonly listen?: "notify" | "poll" | undefined
  /**
   * How long a server may be silent before others take its locks. 15 seconds by default. A server that cannot reach the
   * database for so long asks its requests to leave.
   */
  readonly lease?: Duration.DurationInput | undefined
}

const checkOptions = OptionError.check(Schema.Struct({
  listen: Schema.optional(OptionError.oneOf("notify", "poll")),
  lease: Schema.optional(OptionError.timeout)
}))

/** Takes the row of an upload at the head of its line. */
const lockOver = (rows: LockRows.LockRows, lines: LockLines.LockLines): UploadLock["Type"] => {
  const used = <A, E, R>(
    { onRequested }: LockLines.Holder,
    id: UploadId,
    fence: number,
    use: (lease: Lease) => Effect.Effect<A, E, R>,
    restore: LockLines.Restore
  ) => Effect.ensuring(restore(Effect.suspend(() => use({ fence, onRequested }))), rows.release(id))

  const leaving = <A, E, R>(id: UploadId, self: Effect.Effect<A, E, R>) =>
    Effect.ensuring(self, Effect.sync(() => lines.leave(id)))

  return UploadLock.of({
    withLock: (id, use) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const holder = lines.enterIfFree(id)
          return Effect.flatMap(
            holder === undefined ? lines.wait(id, restore) : Effect.succeed(holder),
            (holder) =>
              leaving(
                id,
                Effect.flatMap(rows.acquireInTurn(id, restore), (fence) => used(holder, id, fence, use, restore))
              )
          )
        })
      ),
    withLockIfFree: (id, use) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const holder = lines.enterIfFree(id)
          return holder === undefined ? Effect.succeedNone : leaving(
            id,
            Effect.flatMap(rows.acquire(id), (acquired) =>
              Option.isNone(acquired)
                ? Effect.succeedNone
                : Effect.asSome(used(holder, id, acquired.value, use, restore)))
          )
        })
      )
  })
}

/** Where the lease is kept: where the pool is, unless there is a direct URL. */
const connectionOf = ({ config }: PgClient.PgClient, url = config.url): ClientConfig =>
  url === undefined
    ? {
      host: config.host,
      port: config.port,
      user: config.username,
      password: config.password === undefined ? undefined : Redacted.value(config.password),
      database: config.database,
      ssl: config.ssl
    }
    : { connectionString: Redacted.value(url), ssl: config.ssl }

/** The lock in front of a registry, and the registry, which knows the state that the lock has loaded. */
export interface Locked {
  readonly lock: UploadLock["Type"]
  readonly registry: UploadRegistry["Type"]
}

/** The lock, over the client of the same database as `registry`. Closing its scope ends the lease. */
export const make = (
  registry: UploadRegistry["Type"],
  { lease = "15 seconds", listen = "notify", url }: Options = {}
): Effect.Effect<Locked, UploadStoreError, PgClient.PgClient | Scope.Scope> =>
  Effect.gen(function*() {
    const pg = yield* PgClient.PgClient
    const sql = pg.withoutTransforms()
    const preparing = Effect.mapError(SqlFailure.toStoreError("Write", "prepare the tables of the lock"))
    yield* preparing(Effect.provideService(LockTables.run, SqlClient.SqlClient, sql))

    const server = newName()
    const leaseMillis = Duration.toMillis(lease)
    const lines = LockLines.make()
    const raise: Effect.Effect<void, UploadStoreError> = Effect.flatMap(
      registry.lastFence,
      (stored) => preparing(LockTables.raiseFences(sql, Math.max(stored, rows.lastFence())))
    )
    const rows = LockRows.make(sql, server, raise)
    yield* raise
    const lock = lockOver(rows, lines)
    yield* LockConnection.make({
      connection: connectionOf(pg, url),
      server,
      listens: listen === "notify",
      pollMillis: Math.min(listen === "notify" ? 1000 : 250, leaseMillis / 3),
      leaseMillis
    }, {
      onFreed: rows.wake,
      onWanted: (id) => {
        const wanted = id as UploadId
        return lines.has(wanted) ? lines.request(wanted) : rows.leave(wanted)
      },
      onLost: () => lines.request(),
      onReconnected: raise
    })
    // Taking a row that was left behind, and giving it back, removes it.
    const clearOwn = Effect.suspend(() =>
      Effect.forEach(rows.leftBehind(), (id) => lock.withLockIfFree(id, () => Effect.void), { discard: true })
    )
    yield* Effect.forkScoped(Effect.repeat(Effect.ignore(clearOwn), Schedule.spaced("1 second")))
    yield* Effect.forkScoped(Effect.repeat(Effect.ignore(LockTables.clear(sql)), Schedule.spaced("1 minute")))

    return {
      lock,
      registry: UploadRegistry.of({
        ...registry,
        claim: (id, fence) =>
          Effect.suspend(() => {
            const entry = rows.takeLoaded(id)
            return entry?.fence === fence ? Effect.succeedSome(entry) : registry.claim(id, fence)
          })
      })
    }
  })

/**
 * The lock, and the registry that is provided to it: its `claim` costs no statement after the one that has taken the
 * lock. Fails with an `UploadStoreError` if the database cannot be reached, and with an `OptionError` for a wrong
 * option.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  UploadLock | UploadRegistry,
  OptionError.OptionError | UploadStoreError,
  PgClient.PgClient | UploadRegistry
> =>
  Layer.unwrapScoped(Effect.gen(function*() {
    yield* checkOptions(options)
    const { lock, registry } = yield* make(yield* UploadRegistry, options)
    return Layer.merge(Layer.succeed(UploadLock, lock), Layer.succeed(UploadRegistry, registry))
  }))
