/**
 * Work that one of many servers does at a time: who has the turn is a row, and the clock is that of the database.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { UploadRegistry } from "../store/UploadRegistry.js"
import * as SqlFailure from "./SqlFailure.js"

type TakeTurn = UploadRegistry["Type"]["takeTurn"]

/** Only PostgreSQL is shared by several servers. `holder` is the name of this one. */
export const make = (sql: SqlClient.SqlClient, holder: string): TakeTurn =>
  sql.onDialectOrElse({ pg: (): TakeTurn => taking(sql, holder), orElse: () => undefined })

/** One statement: of several servers that ask at once, the others wait for the row, and find the turn taken. */
const taking = (sql: SqlClient.SqlClient, holder: string): TakeTurn => (work, length) => {
  const end = sql`clock_timestamp() + CAST(${Duration.toMillis(length)} AS FLOAT8) * interval '1 millisecond'`
  return Effect.mapBoth(
    sql`INSERT INTO effect_tus_turns AS turn (work, holder, ends_at) VALUES (${work}, ${holder}, ${end})
      ON CONFLICT (work) DO UPDATE SET holder = EXCLUDED.holder, ends_at = ${end}
      WHERE turn.holder = EXCLUDED.holder OR turn.ends_at <= clock_timestamp()
      RETURNING work`,
    {
      onFailure: SqlFailure.toStoreError("Write", `take the turn for ${work}`),
      onSuccess: (rows) => rows.length > 0
    }
  )
}
