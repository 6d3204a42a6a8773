/**
 * Notices if the files of the database are removed, moved, replaced or cut off under a running server. SQLite would go
 * on with files that nobody finds again, or that are damaged: whatever is acknowledged then would be lost with the
 * process.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "../files/NodeFs.js"
import { DatabaseFile } from "./DatabaseFile.js"
import * as LockedStore from "./LockedStore.js"
import * as RepeatedError from "./RepeatedError.js"

const interval = "250 millis"

export interface Options {
  /** Of the database. */
  readonly path: string
  /** The modes of a new file. */
  readonly permissions: NodeFs.Permissions
}

/** Which file a path names. */
type Identity = Option.Option<string>

/** The database and its write-ahead log. While a connection is open SQLite keeps both. */
const look = (path: string) => Effect.all({ database: NodeFs.identityOf(path), log: NodeFs.identityOf(`${path}-wal`) })

const failure = (path: string, why: string) =>
  new UploadStoreError({ reason: "Write", operation: `write to ${path}`, cause: new Error(why) })

const elsewhere = "its files were removed, moved or replaced while the server was running; restart the server"

/** What is missing cannot be written again: the process has only a part of it in memory. */
const cut = "it was cut off while the server was running; stop the server, and restore a backup of it"

/** Copies the database to its path, at once and never over another file. */
const writeAgain = (sql: SqlClient.SqlClient, { path, permissions }: Options) => {
  const copy = `${path}.new`
  return NodeFs.removeIfPresent(copy).pipe(
    Effect.zipRight(NodeFs.make(copy, permissions)),
    // It may be written into an empty file.
    Effect.zipRight(sql`VACUUM INTO ${copy}`.unprepared),
    Effect.zipRight(NodeFs.link(copy, path)),
    Effect.zipRight(NodeFs.removeIfPresent(copy))
  )
}

/**
 * Puts everything that is committed where the next server finds it: into the database file if it is still there, else
 * into a new one. A file that somebody has put in its place is left alone.
 */
const rescue = (sql: SqlClient.SqlClient, options: Options, opened: Identity, found: Identity) => {
  const { path } = options
  return Option.isNone(found)
    ? Effect.as(writeAgain(sql, options), `${path} has been written again: restart the server`)
    : isSame(opened, found)
    ? Effect.as(
      sql`PRAGMA wal_checkpoint(TRUNCATE)`.unprepared,
      `${path} has everything that was committed: restart the server`
    )
    : Effect.succeed(
      `${path} is another file now, and is left alone; what the server has committed is lost when it ends`
    )
}

const isSame = (one: Identity, other: Identity) =>
  Option.isSome(one) && Option.isSome(other) && one.value === other.value

/**
 * Around the provided registry. Writes are refused as long as the files of its database are not where they were, and
 * for good if the database is cut off. If the files do not come back within an interval, in which the last write has
 * ended, everything is written to the path again.
 */
export const layerRegistry = (
  options: Options
): Layer.Layer<UploadRegistry, UploadStoreError, DatabaseFile | SqlClient.SqlClient | UploadRegistry> =>
  Layer.scoped(
    UploadRegistry,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const { isCut } = yield* DatabaseFile
      const { path } = options
      const opened = yield* look(path)
      let loss: UploadStoreError | undefined
      let isOver = false
      const logError = RepeatedError.logger()

      const lose = (why: string) => {
        loss = failure(path, why)
        return Effect.logError(loss.message)
      }

      const check = Effect.gen(function*() {
        if (yield* isCut) {
          isOver = true
          return yield* lose(cut)
        }
        const found = yield* look(path)
        const isThere = isSame(opened.database, found.database) && (Option.isNone(opened.log) ||
          isSame(opened.log, found.log))
        if (isThere && loss !== undefined) {
          loss = undefined
          yield* Effect.logWarning(`${path} is back, and is written to again`)
        } else if (!isThere && loss === undefined) {
          yield* lose(elsewhere)
        } else if (!isThere && !isOver) {
          yield* rescue(sql, options, opened.database, found.database).pipe(
            Effect.tap((done) => {
              isOver = true
              return Effect.logError(done)
            }),
            Effect.catchAll((error) => logError(`${path} cannot be written again, and is tried until it can`, error))
          )
        }
      })

      yield* Effect.ignoreLogged(check).pipe(
        Effect.repeat({ schedule: Schedule.spaced(interval), until: () => isOver }),
        Effect.forkScoped
      )
      return LockedStore.guarded(yield* UploadRegistry, () => loss)
    })
  )
