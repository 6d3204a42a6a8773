/**
 * One server a directory: a lock on a file of its own, which the kernel frees when the process ends, however it ends. The
 * database itself stays open to whoever only reads it.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as SqlFailure from "../sql/SqlFailure.js"
import { UploadStoreError } from "../store/UploadStoreError.js"

/** An empty file that is never written to. */
export const fileIn = (directory: string): string => join(directory, "server.lock")

/**
 * Held as long as the connection of `sql` lives, whichever driver it is: the file is attached to it as a database, and in this
 * mode a database stays locked. Fails at once, and not after the driver has waited, where somebody else holds it.
 */
export const hold = (sql: SqlClient.SqlClient, directory: string): Effect.Effect<void, UploadStoreError> => {
  const run = (statement: string, parameters: ReadonlyArray<string> = []) =>
    sql.unsafe(statement, parameters).unprepared
  const held = run("PRAGMA busy_timeout = 0").pipe(
    Effect.zipRight(run("ATTACH DATABASE ? AS server_lock", [fileIn(directory)])),
    Effect.zipRight(run("PRAGMA server_lock.locking_mode = EXCLUSIVE")),
    Effect.zipRight(run("PRAGMA server_lock.journal_mode = MEMORY")),
    Effect.zipRight(run("BEGIN EXCLUSIVE")),
    Effect.zipRight(run("ROLLBACK"))
  )
  return Effect.mapError(held, failure(directory))
}

const failure = (directory: string) => (error: SqlError) => {
  const failed = SqlFailure.toStoreError("Write", `open the database in ${directory}`)(error)
  return SqlFailure.isLocked(failed)
    ? new UploadStoreError({
      ...failed,
      operation: `use ${directory}, which another server is using`,
      cause: failed.cause
    })
    : failed
}
