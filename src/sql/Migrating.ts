/**
 * How tables come to be: migrations that run once, whoever starts first.
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The type of an id, in the order of its code units. PostgreSQL would take the order of the locale of its database. */
export const idType = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({ pg: () => sql.literal(`TEXT COLLATE "C"`), orElse: () => sql.literal("TEXT") })

/**
 * Runs the migrations that have not run yet, and notes them in `table`. Servers that share a PostgreSQL may all start
 * at once: one of them runs the migrations, all of them or none, and the others wait. The migrator alone would make its
 * table before it locks it.
 */
export const run = (
  table: string,
  migrations: Readonly<Record<string, Effect.Effect<unknown, unknown, SqlClient.SqlClient>>>
): Effect.Effect<unknown, SqlError | Migrator.MigrationError, SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => {
    const migrate = Migrator.make({})({ loader: Migrator.fromRecord(migrations), table }).pipe(
      // The migrator turns a failed migration into a defect; it may be a full disk.
      Effect.catchSomeDefect((defect) =>
        defect instanceof Migrator.MigrationError && defect.cause instanceof SqlError
          ? Option.some(Effect.fail(defect.cause))
          : Option.none()
      )
    )
    return sql.onDialectOrElse({
      pg: () =>
        sql.withTransaction(Effect.zipRight(
          Effect.zipRight(
            sql`SELECT pg_advisory_xact_lock(hashtext(${table}))`,
            sql`CREATE TABLE IF NOT EXISTS ${sql(table)} (
              migration_id INTEGER PRIMARY KEY,
              created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
              name TEXT NOT NULL
            )`
          ),
          migrate
        )),
      orElse: () => migrate
    })
  })
