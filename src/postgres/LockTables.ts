/**
 * The tables of the lock: which servers live, and who holds which upload.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Migrating from "../sql/Migrating.js"

const locks = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.all([
    sql`CREATE TABLE effect_tus_servers (
      id ${Migrating.idType(sql)} PRIMARY KEY,
      alive_until TIMESTAMPTZ NOT NULL
    )`,
    sql`CREATE TABLE effect_tus_locks (
      upload_id ${Migrating.idType(sql)} PRIMARY KEY,
      server ${Migrating.idType(sql)} NOT NULL,
      hold BIGINT NOT NULL,
      wanted BOOLEAN NOT NULL DEFAULT FALSE
    )`,
    sql`CREATE INDEX effect_tus_locks_wanted ON effect_tus_locks (server) WHERE wanted`,
    sql`CREATE SEQUENCE effect_tus_fence`
  ], { discard: true }))

/** Makes the tables and the sequence of fences if they are missing. */
export const run = Migrating.run("effect_tus_lock_migrations", { "1_locks": locks })

/** Removes servers that ended without a word, and the locks that nobody has asked for since. */
export const clear = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> =>
  Effect.zipRight(
    sql`DELETE FROM effect_tus_locks WHERE NOT EXISTS (
      SELECT 1 FROM effect_tus_servers alive WHERE alive.id = server AND alive.alive_until > clock_timestamp()
    )`,
    Effect.asVoid(sql`DELETE FROM effect_tus_servers WHERE alive_until < clock_timestamp() - INTERVAL '1 hour'`)
  )

/**
 * Raises the sequence above a fence and those of all locks: after a failover to a replica that lacks the last
 * transactions it would repeat some. The distance leaves room for those that are handed out at this moment.
 */
export const raiseFences = (sql: SqlClient.SqlClient, above: number): Effect.Effect<void, SqlError> =>
  Effect.asVoid(sql`WITH used (fence) AS (
      SELECT GREATEST(CAST(${above} AS BIGINT), COALESCE(MAX(hold), 0)) FROM effect_tus_locks
    )
    SELECT setval('effect_tus_fence', used.fence + 1000) FROM used, effect_tus_fence
    WHERE used.fence > 0 AND used.fence >= last_value`)

/** A row of `effect_tus_uploads`, or columns of nothing, beside the fence of the lock. */
export interface Acquired {
  /** Which hold of the upload this is. */
  readonly lock_hold: string
  readonly lock_fence: number | string
  readonly id: string | null
}

/**
 * Takes the lock if nobody alive has it, and in the same statement claims and loads the state. No row: somebody alive
 * has it. A row without an id: there is no such upload, or an earlier holder had a higher fence. The wish of a third
 * server is forgotten; it asks again within a second.
 *
 * A row of this server is one that a lost answer has left behind, since a process asks for an upload once at a time.
 *
 * The fence is drawn when the row is there, so that nobody else can have taken the lock, and given it back, since.
 */
export const acquire = (sql: SqlClient.SqlClient, server: string) => (id: string) =>
  sql<Acquired>`WITH taken AS (
      INSERT INTO effect_tus_locks AS held (upload_id, server, hold)
      VALUES (${id}, ${server}, nextval('effect_tus_fence'))
      ON CONFLICT (upload_id) DO UPDATE
        SET server = excluded.server, hold = excluded.hold, wanted = FALSE
        WHERE held.server = excluded.server OR NOT EXISTS (
          SELECT 1 FROM effect_tus_servers alive WHERE alive.id = held.server AND alive.alive_until > clock_timestamp()
        )
      RETURNING hold, nextval('effect_tus_fence') AS fence
    ), claimed AS (
      UPDATE effect_tus_uploads SET fence = taken.fence FROM taken
      WHERE effect_tus_uploads.id = ${id} AND effect_tus_uploads.fence < taken.fence
      RETURNING effect_tus_uploads.*
    )
    SELECT taken.hold AS lock_hold, taken.fence AS lock_fence, claimed.* FROM taken LEFT JOIN claimed ON TRUE`

/**
 * Gives the lock back, if it is still held as it was taken, and tells those who wait, if there are any: a notification
 * takes a lock of the whole database.
 */
export const release = (sql: SqlClient.SqlClient) => (id: string, hold: string) =>
  sql`WITH gone AS (
      DELETE FROM effect_tus_locks WHERE upload_id = ${id} AND hold = ${hold} RETURNING wanted
    )
    SELECT pg_notify(${freed}, ${id}) FROM gone WHERE wanted`

/** Asks the server that holds an upload to let it go. No row: nobody holds it any more. */
export const want = (sql: SqlClient.SqlClient, server: string) => (id: string) =>
  sql<{ readonly server: string }>`WITH wish AS (
      UPDATE effect_tus_locks SET wanted = TRUE WHERE upload_id = ${id} AND server <> ${server} RETURNING server
    )
    SELECT server, pg_notify(${wantedPrefix} || server, ${id}) FROM wish`

/** The channel on which servers tell that they have let an upload go. */
export const freed = "effect_tus_freed"

const wantedPrefix = "effect_tus_wanted_"

/** The channel on which a server is asked to let an upload go. */
export const wantedOf = (server: string): string => wantedPrefix + server

/**
 * Extends the lease of a server, and tells whether it had ended, by the clock of the database. Parameters: its id, and
 * the seconds of the lease.
 */
export const beat = `WITH before AS (
    SELECT alive_until <= clock_timestamp() AS has_ended FROM effect_tus_servers WHERE id = $1
  )
  INSERT INTO effect_tus_servers (id, alive_until)
  VALUES ($1, clock_timestamp() + make_interval(secs => $2))
  ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until
  RETURNING COALESCE((SELECT has_ended FROM before), TRUE) AS has_ended`

/** The uploads that a server holds and somebody wants. Parameter: its id. */
export const wanted = "SELECT upload_id FROM effect_tus_locks WHERE server = $1 AND wanted"

/** Ends the lease of a server. Parameter: its id. */
export const leave = "DELETE FROM effect_tus_servers WHERE id = $1"
