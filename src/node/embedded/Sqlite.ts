/**
 * Which SQLite the embedded store is kept in: that of `@effect/sql-sqlite-node`, and that of `node:sqlite` where the
 * native module which that needs is missing, was built for another runtime, or was never built.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeSqlite from "./NodeSqlite.js"

/** A client of the database in a file, which is made where it is missing. */
export type Client = (filename: string) => Layer.Layer<SqlClient.SqlClient, unknown>

/** By default: of the one that can be loaded. */
export const layer: Client = (filename) =>
  Layer.unwrapEffect(
    Effect.map(Effect.catchAll(native, (cause) => builtIn(firstSentence(cause))), (client) => client(filename))
  )

const load = <A>(evaluate: () => Promise<A>) => Effect.tryPromise({ try: evaluate, catch: (cause) => cause })

/** Opens a database in memory: what fails then is the module, and not a file. */
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
      Effect.logInfo(`the database is opened by node:sqlite, since better-sqlite3 cannot be loaded: ${why}`)
    )
  )

/**
 * The newest version of better-sqlite3 is none for a runtime that has no SQLite of its own: it ends the process there.
 */
const missing = (why: string) =>
  `better-sqlite3 cannot be loaded (${why}), and this runtime has no node:sqlite; run "npm install @effect/sql-sqlite-node@^0.53 ` +
  `better-sqlite3@^12", or use Node 22.13 or later`

/** On one line; what follows is about paths and builds. Where a package is missed, it is not said by which file. */
const firstSentence = (cause: unknown): string => {
  const text = (cause instanceof Error ? cause.message : String(cause)).trim()
    .replace(/\s+/g, " ")
    .replace(/ imported from .*/, "")
  return (/^.*?[.](?=\s|$)/.exec(text)?.[0] ?? text).replace(/[.]$/, "")
}
