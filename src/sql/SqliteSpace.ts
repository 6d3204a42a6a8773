/**
 * The free pages of an SQLite database. By default such a file never gets smaller, and then a full disk stays full,
 * whatever is removed.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"

/**
 * Lets a new database give pages back. That is decided before its first table; an older database keeps its pages until
 * somebody runs `PRAGMA auto_vacuum = INCREMENTAL; VACUUM`.
 *
 * @see https://www.sqlite.org/pragma.html#pragma_auto_vacuum
 */
export const prepare = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> =>
  sql.onDialectOrElse({
    sqlite: () =>
      Effect.flatMap(
        sql<{ readonly tables: number }>`SELECT COUNT(*) AS tables FROM sqlite_master`,
        ([row]) =>
          Number(row?.tables) > 0
            ? Effect.void
            : Effect.zipRight(sql`PRAGMA auto_vacuum = INCREMENTAL`.unprepared, Effect.asVoid(sql`VACUUM`.unprepared))
      ),
    orElse: () => Effect.void
  })

/** Gives the free pages back to the file system, and the pages of the write-ahead log. */
export const giveBack = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> =>
  sql.onDialectOrElse({
    sqlite: () =>
      Effect.zipRight(
        sql.withTransaction(Effect.flatMap(
          sql<{ readonly freelist_count: number }>`PRAGMA freelist_count`.unprepared,
          // Each run frees one page.
          ([row]) =>
            Effect.replicateEffect(sql`PRAGMA incremental_vacuum`, Number(row?.freelist_count), { discard: true })
        )),
        Effect.asVoid(sql`PRAGMA wal_checkpoint(TRUNCATE)`.unprepared)
      ),
    orElse: () => Effect.void
  })
