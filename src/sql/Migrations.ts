/**
 * The tables, in SQL that SQLite and PostgreSQL both run.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Pairing from "../store/Pairing.js"
import * as Accounts from "./Accounts.js"
import * as Migrating from "./Migrating.js"
import * as Reservations from "./Reservations.js"

/**
 * One row: the name by which the bytes know this database, whether they have stored it, and the migration that a
 * version has to know to write here. A new database has no name.
 */
const registry = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) =>
    sql`CREATE TABLE IF NOT EXISTS effect_tus_registry (name TEXT, is_told BIGINT NOT NULL, oldest BIGINT NOT NULL)`
)

/**
 * Room in each page of PostgreSQL for the next version of a row: a commit then writes no index, unless it changes an
 * indexed column.
 *
 * @see https://www.postgresql.org/docs/current/storage-hot.html
 */
const withRoom = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({ pg: () => sql.literal("WITH (fillfactor = 70)"), orElse: () => sql.literal("") })

/**
 * Finals store the list of their parts twice: in their row, in order, and in a table of its own for lookups by part.
 */
const uploads = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE effect_tus_uploads (
    id ${Migrating.idType(sql)} PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    parts TEXT,
    concat TEXT,
    upload_offset BIGINT NOT NULL,
    upload_length BIGINT,
    metadata TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    completion TEXT NOT NULL,
    completed_at BIGINT,
    rejected_status BIGINT,
    rejected_reason TEXT,
    dialect TEXT NOT NULL
  ) ${withRoom(sql)}`
  // Each commit would write it, and PostgreSQL has a sequence for its fences.
  yield* sql.onDialectOrElse({
    pg: () => Effect.void,
    orElse: () => sql`CREATE INDEX effect_tus_uploads_fence ON effect_tus_uploads (fence, upload_offset)`
  })
  yield* sql`CREATE INDEX effect_tus_uploads_expiry ON effect_tus_uploads (expires_at, id)
    WHERE expires_at IS NOT NULL`
  yield* sql`CREATE INDEX effect_tus_uploads_unsettled ON effect_tus_uploads (id)
    WHERE completion = 'Finishing' OR (kind = 'Final' AND completion = 'Open')`
  yield* sql`CREATE TABLE effect_tus_parts (
    final_id ${Migrating.idType(sql)} NOT NULL,
    part_id ${Migrating.idType(sql)} NOT NULL,
    PRIMARY KEY (final_id, part_id)
  )`
  yield* sql`CREATE INDEX effect_tus_parts_part ON effect_tus_parts (part_id, final_id)`
  yield* registry
  yield* sql`INSERT INTO effect_tus_registry (name, is_told, oldest) VALUES (NULL, 0, 5)`
})

/** Nothing that was stored before is known to survive a power cut. */
const synced = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE effect_tus_uploads ADD COLUMN synced_offset BIGINT NOT NULL DEFAULT 0`
  yield* sql`CREATE INDEX effect_tus_uploads_unsynced ON effect_tus_uploads (id)
    WHERE completion = 'Open' AND upload_offset > synced_offset`
  yield* sql`CREATE TABLE effect_tus_boot (boot TEXT NOT NULL)`
  yield* sql`INSERT INTO effect_tus_boot (boot) VALUES ('none that is known')`
})

/**
 * One index for all unfinished uploads with bytes, those with unsynced bytes included: a second index would be written
 * with every commit. PostgreSQL would write this one, too, if it named the offsets.
 */
const begun = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`DROP INDEX effect_tus_uploads_unsynced`
  yield* sql.onDialectOrElse({
    pg: () => sql`CREATE INDEX effect_tus_uploads_begun ON effect_tus_uploads (id) WHERE completion = 'Open'`,
    orElse: () =>
      sql`CREATE INDEX effect_tus_uploads_begun ON effect_tus_uploads (id, upload_offset, synced_offset)
        WHERE completion = 'Open' AND upload_offset > 0`
  })
})

/** A partial index: servers without owners do not pay for it. */
const owned = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE effect_tus_uploads ADD COLUMN expiry_stands BIGINT NOT NULL DEFAULT 0`
  yield* sql`ALTER TABLE effect_tus_uploads ADD COLUMN owner TEXT`
})

/** A database from before this migration belongs to its bytes, which do not know its name yet. */
const named = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* registry
  yield* sql`INSERT INTO effect_tus_registry (name, is_told, oldest)
    SELECT ${Pairing.newName()}, 0, 5 WHERE NOT EXISTS (SELECT 1 FROM effect_tus_registry)`
})

/** A version without this column keeps it, and writes no upload that has an answer. */
const answered = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`ALTER TABLE effect_tus_uploads ADD COLUMN final_answer TEXT`
)

/**
 * The tails of uploads, in pieces: a slow client commits often, and its tail is not written again each time. The column
 * counts the bytes of the pieces, so that a state is read without them.
 * In SQLite the table has rowids, so that pieces lie in the order of their arrival: in the order of random ids, each
 * would change pages of its own.
 */
const tailed = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`ALTER TABLE effect_tus_uploads ADD COLUMN tail_bytes BIGINT NOT NULL DEFAULT 0`
  yield* sql`CREATE INDEX effect_tus_uploads_tailed ON effect_tus_uploads (id)
    WHERE completion = 'Complete' AND tail_bytes > 0`
  const blob = sql.onDialectOrElse({ pg: () => sql.literal("BYTEA"), orElse: () => sql.literal("BLOB") })
  yield* sql`CREATE TABLE effect_tus_tails (
    id ${Migrating.idType(sql)} NOT NULL,
    at BIGINT NOT NULL,
    bytes ${blob} NOT NULL,
    PRIMARY KEY (id, at)
  )`
})

/** What servers with one database tell each other. SQLite has one server. */
const shared = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const turns = sql`CREATE TABLE effect_tus_turns (
    work TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL
  )`
  yield* sql.onDialectOrElse({
    pg: () => Effect.all([turns, Accounts.create(sql), Reservations.create(sql)], { discard: true }),
    orElse: () => Effect.void
  })
})

/** The latest migration of this version. */
export const latest = 8

/** Runs the migrations that have not run yet. */
export const run = Migrating.run("effect_tus_migrations", {
  "1_uploads": uploads,
  "2_synced": synced,
  "3_begun": begun,
  "4_owned": owned,
  "5_named": named,
  "6_answered": answered,
  "7_tailed": tailed,
  "8_shared": shared
})
