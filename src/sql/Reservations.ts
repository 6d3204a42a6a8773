/**
 * Space that servers have reserved for running requests, in a table of PostgreSQL. An upload and its reservation count
 * once: what a reservation adds to the account of its owner is what its row does not count yet.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * What the reservations of an owner add, but for that of one upload. Their uploads are looked up one by one: the
 * planner knows nothing of a table that is mostly empty, and might read all uploads for a join.
 */
const added = `SELECT SUM(GREATEST(0, held.size - COALESCE(upload.bytes, 0))), COUNT(*) FILTER (WHERE upload.id IS NULL)
  FROM effect_tus_reservations held LEFT JOIN LATERAL (
    SELECT id, COALESCE(upload_length, upload_offset) AS bytes FROM effect_tus_uploads
    WHERE id = held.upload_id OFFSET 0
  ) upload ON TRUE
  WHERE held.account = asked_account AND held.upload_id <> asked_id AND held.ends_at > clock_timestamp()`

const tables = [
  `CREATE TABLE effect_tus_reservations (
    upload_id TEXT COLLATE "C" PRIMARY KEY,
    account TEXT NOT NULL,
    size BIGINT NOT NULL,
    server TEXT NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL
  ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`,
  `CREATE INDEX effect_tus_reservations_account ON effect_tus_reservations (account)`,
  // The key of an owner: uploads without one have a key, too, so that an index finds them.
  `CREATE FUNCTION effect_tus_account(owner TEXT) RETURNS TEXT LANGUAGE SQL IMMUTABLE AS $$
    SELECT CASE WHEN owner IS NULL THEN '' ELSE '=' || owner END $$`,
  // The usage of an owner without one upload. Each statement of a function sees what was committed before it began.
  `CREATE FUNCTION effect_tus_used(asked_id TEXT, asked_owner TEXT, OUT bytes BIGINT, OUT open BIGINT)
    LANGUAGE plpgsql AS $$
    DECLARE asked_account TEXT := effect_tus_account(asked_owner); added_bytes BIGINT; added_open BIGINT;
      own_bytes BIGINT; own_open BIGINT;
    BEGIN
      ${added} INTO added_bytes, added_open;
      SELECT SUM(COALESCE(upload_length, upload_offset)), COUNT(*) FILTER (WHERE completion = 'Open')
        INTO own_bytes, own_open FROM effect_tus_uploads WHERE id = asked_id;
      IF asked_owner IS NULL THEN
        SELECT account.bytes, account.open INTO bytes, open FROM effect_tus_accounts account WHERE owner IS NULL;
      ELSE
        SELECT account.bytes, account.open INTO bytes, open FROM effect_tus_accounts account WHERE owner = asked_owner;
      END IF;
      bytes := COALESCE(bytes, 0) + COALESCE(added_bytes, 0) - COALESCE(own_bytes, 0);
      open := COALESCE(open, 0) + added_open - own_open;
    END $$`,
  // The lock of the account keeps everybody else out who would add to it.
  `CREATE FUNCTION effect_tus_reserve(asked_id TEXT, asked_owner TEXT, asked_size BIGINT, most_bytes BIGINT,
      most_open BIGINT, asked_server TEXT, lasts FLOAT8, OUT is_granted BOOLEAN, OUT bytes BIGINT, OUT open BIGINT)
    LANGUAGE plpgsql AS $$
    DECLARE asked_account TEXT := effect_tus_account(asked_owner);
    BEGIN
      INSERT INTO effect_tus_accounts AS account (owner, uploads, bytes, open) VALUES (asked_owner, 0, 0, 0)
        ON CONFLICT (owner) DO UPDATE SET uploads = account.uploads;
      DELETE FROM effect_tus_reservations WHERE account = asked_account AND ends_at <= clock_timestamp();
      SELECT used.bytes, used.open INTO bytes, open FROM effect_tus_used(asked_id, asked_owner) used;
      is_granted := (most_bytes IS NULL OR bytes + asked_size <= most_bytes) AND
        (most_open IS NULL OR open < most_open);
      IF is_granted THEN
        INSERT INTO effect_tus_reservations AS held (upload_id, account, size, server, ends_at)
          VALUES (asked_id, asked_account, asked_size, asked_server,
            clock_timestamp() + lasts * interval '1 millisecond')
          ON CONFLICT (upload_id) DO UPDATE SET account = EXCLUDED.account, size = EXCLUDED.size,
            server = EXCLUDED.server, ends_at = EXCLUDED.ends_at;
      END IF;
    END $$`
]

export const create = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> =>
  Effect.forEach(tables, (statement) => sql.unsafe(statement), { discard: true })

/** Bytes that are reserved for an upload, those that it has included. */
export interface Reserved {
  readonly id: string
  readonly owner: string | null
  readonly size: number
}

/** What else the owner uses, in bytes and in unfinished uploads. */
export interface Used {
  readonly bytes: number
  readonly open: number
}

interface UsedRow {
  readonly bytes: number | string
  readonly open: number | string
}

const limit = (most: number) => Number.isFinite(most) ? most : null

const usedOf = ({ bytes, open }: UsedRow): Used => ({ bytes: Number(bytes), open: Number(open) })

/** The statements of one server. Its reservations last for `lasts` from their last renewal, by the database's clock. */
export const make = (sql: SqlClient.SqlClient, server: string, lasts: Duration.Duration) => {
  const millis = Duration.toMillis(lasts)

  return {
    /** Reserves if the owner then has no more than `most`. Returns what else it uses. */
    reserve: ({ id, owner, size }: Reserved, most: Used) =>
      Effect.map(
        sql<UsedRow & { readonly is_granted: boolean }>`SELECT is_granted, bytes, open FROM effect_tus_reserve(
          ${id}, ${owner}, ${size}, ${limit(most.bytes)}, ${limit(most.open)}, ${server}, ${millis})`,
        ([row]) => ({ isGranted: row?.is_granted === true, used: usedOf(row ?? { bytes: 0, open: 0 }) })
      ),

    /** The usage of an owner. */
    used: (owner: string | null) =>
      Effect.map(
        sql<UsedRow>`SELECT bytes, open FROM effect_tus_used('', ${owner})`,
        ([row]) => usedOf(row ?? { bytes: 0, open: 0 })
      ),

    /** Makes them last. One that has ended meanwhile begins again: its upload may still grow. */
    renew: (reserved: ReadonlyArray<Reserved>) => {
      const end = sql`clock_timestamp() + CAST(${millis} AS FLOAT8) * interval '1 millisecond'`
      const rows = reserved.map(({ id, owner, size }) =>
        sql`(${id}, effect_tus_account(${owner}), ${size}, ${server}, ${end})`
      )
      return sql`INSERT INTO effect_tus_reservations AS held (upload_id, account, size, server, ends_at)
        VALUES ${sql.csv(rows)}
        ON CONFLICT (upload_id) DO UPDATE SET ends_at = EXCLUDED.ends_at WHERE held.server = EXCLUDED.server`
    },

    release: (ids: ReadonlyArray<string>) =>
      sql`DELETE FROM effect_tus_reservations WHERE ${sql.in("upload_id", ids)} AND server = ${server}`
  }
}
