/**
 * Durable transactions. The one place that knows the database: in SQLite the connection decides whether a commit waits
 * for the disk; in other databases it always does.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"

/** Makes the transactions in `self` survive a power cut. */
export type Durably = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | SqlError, R>

export const make = (sql: SqlClient.SqlClient): Effect.Effect<Durably, SqlError> =>
  sql.onDialectOrElse({
    sqlite: () => sqlite(sql),
    orElse: () => Effect.succeed<Durably>(identity)
  })

/**
 * "A transaction committed in WAL mode with synchronous=NORMAL might roll back following a power loss", with FULL it
 * does not; without a write-ahead log, NORMAL may even corrupt the database, so it stays FULL there.
 *
 * Never a cached statement: whether such a setting is obeyed when it is prepared or when it is run "depends on the
 * pragma and on the specific release of SQLite".
 *
 * @see https://www.sqlite.org/pragma.html#pragma_synchronous
 */
const sqlite = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const pragma = (setting: string) => sql.unsafe<{ readonly journal_mode?: string }>(`PRAGMA ${setting}`).unprepared

  yield* pragma("busy_timeout = 5000")
  // Keeps statement journals in memory, which would be a temporary file for each batch.
  yield* pragma("temp_store = MEMORY")
  const [journal] = yield* pragma("journal_mode")
  const relax = pragma(`synchronous = ${journal?.journal_mode === "wal" ? "NORMAL" : "FULL"}`)
  yield* relax
  const durably: Durably = (self) =>
    Effect.acquireUseRelease(pragma("synchronous = FULL"), () => self, () => Effect.ignore(relax))
  return durably
})
