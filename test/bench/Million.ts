/**
 * Directories whose registry holds many uploads already, written in one statement.
 */
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import type { Kind } from "./Kinds.js"
import { start } from "./Server.js"

/**
 * `count` unfinished uploads without bytes, which expire at `expiresAt`. Their ids begin with `prefix`, and are in
 * order.
 */
export const fill = async (
  kind: Kind,
  directory: string,
  { count, expiresAt, prefix }: { readonly count: number; readonly expiresAt: number; readonly prefix: string }
) => {
  // A server that starts makes the tables.
  const server = await start(kind, directory)
  await server.stop()
  await Effect.runPromise(
    Effect.flatMap(
      SqliteClient.SqliteClient,
      (sql) =>
        sql`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
        INSERT INTO effect_tus_uploads
          (id, version, fence, kind, upload_offset, upload_length, created_at, expires_at, completion, dialect)
        SELECT ${prefix} || printf('%022d', n), 1, n, 'Whole', 0, 1000000, ${Date.now()}, ${expiresAt}, 'Open', 'tus'
        FROM numbers`
    ).pipe(Effect.provide(SqliteClient.layer({ filename: join(directory, "uploads.sqlite") })))
  )
}

export const idOf = (prefix: string, n: number) => `${prefix}${String(n).padStart(22, "0")}`
