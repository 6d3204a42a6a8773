/**
 * What the database stores about itself: its identity, and which versions may write to it.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Identity } from "../store/UploadRegistry.js"
import { UploadStoreError } from "../store/UploadStoreError.js"
import * as SqlFailure from "./SqlFailure.js"
import type { Durably } from "./SqliteSync.js"

interface Row {
  readonly name: string | null
  readonly is_told: number | string
  readonly oldest: number | string
}

const read = (sql: SqlClient.SqlClient): Effect.Effect<Row | undefined, SqlError> =>
  Effect.map(sql<Row>`SELECT name, is_told, oldest FROM effect_tus_registry`, ([row]) => row)

export const identity = (sql: SqlClient.SqlClient, durably: Durably): Identity => ({
  get: read(sql).pipe(
    Effect.map((row) =>
      Option.map(Option.fromNullable(row?.name), (name) => ({ name, isTold: Number(row?.is_told) === 1 }))
    ),
    Effect.mapError(SqlFailure.toStoreError("Read", "read the name of the database"))
  ),
  set: ({ isTold, name }) =>
    durably(sql`UPDATE effect_tus_registry SET name = ${name}, is_told = ${isTold ? 1 : 0}`).pipe(
      Effect.asVoid,
      Effect.mapError(SqlFailure.toStoreError("Write", "write the name of the database"))
    )
})

/**
 * Fails if a newer version has changed the tables so that this version, which knows the migrations up to `latest`,
 * would do harm.
 */
export const admit = (sql: SqlClient.SqlClient, latest: number): Effect.Effect<void, UploadStoreError> =>
  Effect.flatMap(
    Effect.mapError(read(sql), SqlFailure.toStoreError("Read", "read the name of the database")),
    (row) => {
      const oldest = Number(row?.oldest ?? 0)
      return oldest <= latest ? Effect.void : new UploadStoreError({
        reason: "Write",
        operation: "use the database",
        cause: new Error(
          `a newer effect-tus has migrated its tables: a version needs migration ${oldest} to write to them, and this one knows ${latest}; run the newer version, or restore a backup from before`
        )
      })
    }
  )
