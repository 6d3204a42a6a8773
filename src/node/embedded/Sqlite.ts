/**
 * Chooses the SQLite driver of the embedded store: `@effect/sql-sqlite-node`, or `node:sqlite` if the native module of
 * the former is missing or was built for another runtime.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeSqlite from "./NodeSqlite.js"

/** A client of the database in a file, which is created if it is missing. */
export type Client = (filename: string) => Layer.Layer<SqlClient.SqlClient, unknown>

/** The default: the driver that can be loaded. */
export const layer: Client = (filename) =>
  Layer.unwrapEffect(
    Effect.map(Effect.catchAll(native, (cause) => builtIn(firstSentence(cause))), (client) => client(filename))
  )

const load = <A>(evaluate: () => Promise<A>) => Effect.tryPromise({ try: evaluate, catch: (cause) => cause })

/** Opens a database in memory: a failure then comes from the module, not from a file. */
const native: Effect.Effect<Client, unknown> = load(() => import("@effect/sql-sqlite-node/SqliteClient")).pipe(
  Effect.tap(({ layer }) => Effect.scoped(Layer.build(layer({ filename: ":memory:" })))),
  Effect.map(({ layer }): Client => (filename) => layer({ filename })),
  Effect.sandbox,
  Effect.mapError(Cause.squash)
)

const builtIn = (why: string): Effect.Effect<Client, Error> =>
  load(() => import("node:sqlite")).pipe(
    Effect.mapError(() => new Error(missing(why))),
    Effect.map((driver): Client => (filename) => NodeSqlite.layer(driver, filename)),
    Effect.zipLeft(
      Effect.logInfo(`using node:sqlite for the database, since better-sqlite3 cannot be loaded: ${why}`)
    )
  )

/**
 * The latest better-sqlite3 ends the process on runtimes without a SQLite of their own.
 */
const missing = (why: string) =>
  `better-sqlite3 cannot be loaded (${why}), and this runtime has no node:sqlite; run "npm install @effect/sql-sqlite-node@^0.53 ` +
  `better-sqlite3@^12", or use Node 22.13 or later`

/** The first line: the others are about paths and builds. The importing file of a missing package is left out. */
const firstSentence = (cause: unknown): string => {
  const text = (cause instanceof Error ? cause.message : String(cause)).trim()
    .replace(/\s+/g, " ")
    .replace(/ imported from .*/, "")
  return (/^.*?[.](?=\s|$)/.exec(text)?.[0] ?? text).replace(/[.]$/, "")
}
