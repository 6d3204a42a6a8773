/**
 * One server a directory: a lock on a file of its own, which the kernel frees when the process ends, however it ends.
 * The database itself stays open to whoever only reads it.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { join } from "node:path"
import * as SqlFailure from "../../sql/SqlFailure.js"
import { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "../files/NodeFs.js"

/** An empty file that is never written to. */
export const fileIn = (directory: string): string => join(directory, "server.lock")

/**
 * Held as long as the connection of `sql` lives, whichever driver it is: the file is attached to it as a database, and
 * in this mode a database stays locked. Fails at once, and not after the driver has waited, where somebody else holds
 * it.
 */
const hold = (sql: SqlClient.SqlClient, directory: string): Effect.Effect<void, UploadStoreError> => {
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

/** The lock of this process. */
export class DirectoryLock extends Context.Tag("effect-tus/DirectoryLock")<DirectoryLock, {
  /**
   * Why nothing may be written any more: another server has the directory since somebody removed the file of the lock.
   */
  readonly loss: () => UploadStoreError | undefined
}>() {}

export interface Options {
  readonly directory: string
  /** Of the file, where it is made. */
  readonly permissions: NodeFs.Permissions
  /** A connection of its own, to an empty database. */
  readonly connection: Layer.Layer<SqlClient.SqlClient, UploadStoreError>
}

/** How often the file is looked at: sooner than another server has started. */
const interval = "250 millis"

/**
 * Holds the lock as long as the layer lives. A file that somebody has removed keeps nobody out: it
 * is made again and locked anew, and where another server was faster, nothing is written any more.
 */
export const layer = (
  { connection, directory, permissions }: Options
): Layer.Layer<DirectoryLock, UploadStoreError> =>
  Layer.scoped(
    DirectoryLock,
    Effect.gen(function*() {
      const path = fileIn(directory)
      const scope = yield* Effect.scope
      const take = NodeFs.make(path, permissions).pipe(
        Effect.zipRight(Layer.buildWithScope(connection, scope)),
        Effect.flatMap((context) => hold(Context.get(context, SqlClient.SqlClient), directory)),
        Effect.zipRight(Effect.provideService(NodeFs.openScoped(path, "r"), Scope.Scope, scope))
      )
      let file = yield* take
      let loss: UploadStoreError | undefined

      const isThere = Effect.zipWith(
        Effect.suspend(() => NodeFs.sizeNow(file)),
        NodeFs.exists(path),
        (size, exists) => Option.isSome(size) && exists
      )

      const takeAnew = Effect.gen(function*() {
        file = yield* Effect.tapError(take, (error) =>
          Effect.sync(() => {
            loss = SqlFailure.isLocked(error) ? error : undefined
          }))
        yield* Effect.logWarning(`${path} had been removed; it was made again, and keeps other servers out`)
      })

      yield* Effect.unlessEffect(takeAnew, isThere).pipe(
        Effect.catchAll((error) =>
          Effect.logError(loss === undefined ? error : `nothing is written any more: ${error.message}`)
        ),
        Effect.repeat({ schedule: Schedule.spaced(interval), until: () => loss !== undefined }),
        Effect.forkScoped
      )
      return DirectoryLock.of({ loss: () => loss })
    })
  )
