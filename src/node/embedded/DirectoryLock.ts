/**
 * One server per directory: a lock on a file of its own, which the kernel releases when the process ends in any way.
 * The database itself can be read beside the server.
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
import * as RepeatedError from "./RepeatedError.js"
import * as Writable from "./Writable.js"

/** An empty file that is never written. */
export const fileIn = (directory: string): string => join(directory, "server.lock")

/**
 * Held as long as the connection of `sql` lives, with any driver: the file is attached as a database in exclusive
 * locking mode. Fails at once, without the wait of the driver, if another process holds it.
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
      operation: `use ${directory}, which another server is using (stop that one, or choose another directory)`,
      cause: failed.cause
    })
    : failed
}

/** The lock of this process. */
export class DirectoryLock extends Context.Tag("effect-tus/DirectoryLock")<DirectoryLock, {
  /**
   * Why nothing may be written any more: the lock file was removed, and another server has the directory since.
   */
  readonly loss: () => UploadStoreError | undefined
}>() {}

export interface Options {
  readonly directory: string
  /** The mode of a new lock file. */
  readonly permissions: NodeFs.Permissions
  /** A connection of its own to an empty database in memory. */
  readonly connection: Layer.Layer<SqlClient.SqlClient, UploadStoreError>
}

/** How often the file is checked: faster than another server can start. */
const interval = "250 millis"

/**
 * Holds the lock as long as the layer lives. A removed lock file keeps nobody out: it is created and locked again. If
 * another server was faster, nothing is written any more.
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
        Effect.zipRight(Writable.check(path)),
        Effect.zipRight(Layer.buildWithScope(connection, scope)),
        Effect.flatMap((context) => hold(Context.get(context, SqlClient.SqlClient), directory)),
        Effect.zipRight(Effect.provideService(NodeFs.openScoped(path, "r"), Scope.Scope, scope))
      )
      let file = yield* take
      let loss: UploadStoreError | undefined
      const logError = RepeatedError.logger()

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
        yield* Effect.logWarning(
          `${path} was removed, and has been created and locked again; do not remove it while a server runs`
        )
      })

      yield* Effect.unlessEffect(takeAnew, isThere).pipe(
        Effect.catchAll((error) =>
          logError(
            loss === undefined
              ? `${path} cannot be locked again, and is tried until it can: ${error.message}`
              : `${path} was removed, and this server writes nothing any more; restart it: ${error.message}`
          )
        ),
        Effect.repeat({ schedule: Schedule.spaced(interval), until: () => loss !== undefined }),
        Effect.forkScoped
      )
      return DirectoryLock.of({ loss: () => loss })
    })
  )
