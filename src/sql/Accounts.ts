/**
 * One row for each owner, and one for the uploads without an owner, with the sums over their uploads. Triggers keep it
 * in the transaction of each write, whoever writes. Only PostgreSQL has accounts.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import type { Statement } from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import type { UploadRow } from "./UploadRow.js"

/** How a row of `effect_tus_uploads` counts; what it counts for is `Usage.ofUpload`. */
const counts = (rows: string, sign: "" | "-") =>
  `SELECT owner, ${sign}1 AS uploads, ${sign}COALESCE(upload_length, upload_offset) AS bytes,
    ${sign}(completion = 'Open')::INTEGER AS open FROM ${rows}`

/** A commit of an offset within a known length changes no sum, and writes no account. */
const trigger = (event: string, referencing: string, changes: string) =>
  `CREATE FUNCTION effect_tus_count_${event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO effect_tus_accounts AS account (owner, uploads, bytes, open)
      SELECT owner, SUM(uploads), SUM(bytes), SUM(open) FROM (${changes}) change GROUP BY owner
      HAVING SUM(uploads) <> 0 OR SUM(bytes) <> 0 OR SUM(open) <> 0 ORDER BY owner
    ON CONFLICT (owner) DO UPDATE SET uploads = account.uploads + EXCLUDED.uploads,
      bytes = account.bytes + EXCLUDED.bytes, open = account.open + EXCLUDED.open;
    RETURN NULL;
  END $$;
  CREATE TRIGGER effect_tus_count_${event} AFTER ${event} ON effect_tus_uploads ${referencing}
    FOR EACH STATEMENT EXECUTE FUNCTION effect_tus_count_${event}()`

const tables = [
  `CREATE TABLE effect_tus_accounts (
    owner TEXT UNIQUE NULLS NOT DISTINCT,
    uploads BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    open BIGINT NOT NULL
  ) WITH (fillfactor = 50)`,
  trigger("insert", "REFERENCING NEW TABLE AS new", counts("new", "")),
  trigger("delete", "REFERENCING OLD TABLE AS old", counts("old", "-")),
  trigger(
    "update",
    "REFERENCING NEW TABLE AS new OLD TABLE AS old",
    `${counts("new", "")} UNION ALL ${counts("old", "-")}`
  ),
  // Nobody else writes: the triggers hold the table until the end of the migration.
  `INSERT INTO effect_tus_accounts (owner, uploads, bytes, open)
    SELECT owner, SUM(uploads), SUM(bytes), SUM(open) FROM (${counts("effect_tus_uploads", "")}) change GROUP BY owner`
]

/** PostgreSQL 15 was the first that could have one row without an owner. */
export const create = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> =>
  Effect.flatMap(
    sql<{ readonly version: string }>`SELECT current_setting('server_version_num') AS version`,
    ([row]) =>
      Number(row?.version) < 150_000
        ? new SqlError({ cause: new Error(`expected PostgreSQL 15 or later, found ${String(row?.version)}`) })
        : Effect.forEach(tables, (statement) => sql.unsafe(statement), { discard: true })
  )

/**
 * Locks the accounts of these rows in one order, before the statements of a transaction do so in theirs. Otherwise two
 * servers could wait for each other.
 */
export const lock = (
  sql: SqlClient.SqlClient,
  rows: ReadonlyArray<Pick<UploadRow, "owner">>
): Effect.Effect<void, SqlError> => {
  const owners = new Set(rows.map(({ owner }) => owner))
  const named = [...owners].filter((owner) => owner !== null)
  const isNone = owners.has(null) ? sql`owner IS NULL` : sql`FALSE`
  const isNamed = named.length > 0 ? sql.in("owner", named) : sql`FALSE`
  return owners.size < 2
    ? Effect.void
    : Effect.asVoid(sql`SELECT 1 FROM effect_tus_accounts WHERE ${isNone} OR ${isNamed} ORDER BY owner FOR UPDATE`)
}

/** What open uploads still miss is no part of the sums: it changes with every commit. There are few of them. */
const missing = `COALESCE(upload_length, upload_offset) - upload_offset`

export const usage = (sql: SqlClient.SqlClient): Statement<object> =>
  sql`SELECT COALESCE(SUM(uploads), 0) AS uploads, COALESCE(SUM(bytes), 0) - (
      SELECT COALESCE(SUM(${sql.literal(missing)}), 0) FROM effect_tus_uploads WHERE completion = 'Open'
    ) AS bytes FROM effect_tus_accounts`

export const usageByOwner = (sql: SqlClient.SqlClient): Statement<object> =>
  sql`SELECT owner, SUM(bytes) AS bytes, SUM(open) AS open, SUM(outstanding) AS outstanding FROM (
      SELECT owner, uploads, bytes, open, 0 AS outstanding FROM effect_tus_accounts
      UNION ALL
      SELECT owner, 0, 0, 0, ${sql.literal(missing)} FROM effect_tus_uploads
        WHERE completion = 'Open' AND kind <> 'Final'
    ) part GROUP BY owner HAVING SUM(uploads) > 0`
