/**
 * A `SqlClient` over `node:sqlite`, which is part of Node 22.13 and later, of Deno and of Bun, so no native module is
 * needed. One connection, with a write-ahead log.
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Driver from "node:sqlite"
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"

/** How many prepared statements are kept. The text of a batch depends on its size. */
const maxPrepared = 200

/**
 * Fails with an `SqlError` if the database cannot be opened. With `safeIntegers` each whole number is a `bigint`.
 */
export const layer = (
  driver: typeof Driver,
  filename: string
): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.scoped(
    SqlClient.SqlClient,
    Effect.gen(function*() {
      const database = yield* Effect.acquireRelease(
        attempt("open the database", () => new driver.DatabaseSync(filename)),
        (database) => Effect.sync(() => database.close())
      )
      yield* attempt("write ahead", () => database.exec("PRAGMA journal_mode = WAL"))
      const connection = connect(database)
      const turn = yield* Effect.makeSemaphore(1)
      return yield* SqlClient.make({
        acquirer: turn.withPermits(1)(Effect.succeed(connection)),
        // Exclusive use of the connection until its scope ends.
        transactionAcquirer: Effect.uninterruptibleMask((restore) =>
          Effect.zipRight(restore(turn.take(1)), Effect.scope).pipe(
            Effect.flatMap((scope) => Scope.addFinalizer(scope, turn.release(1))),
            Effect.as(connection)
          )
        ),
        compiler: Statement.makeCompilerSqlite(),
        spanAttributes: [["db.system.name", "sqlite"]]
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))

const connect = (database: DatabaseSync): Connection => {
  const prepare = prepared(database)
  const run = <A>(
    text: string,
    use: (statement: StatementSync) => A,
    { isKept = true, inArrays = false } = {}
  ): Effect.Effect<A, SqlError> =>
    Effect.withFiberRuntime((fiber) =>
      attempt("execute a statement", () => {
        const statement = isKept ? prepare(text) : database.prepare(text)
        statement.setReadBigInts(Context.get(fiber.currentContext, SqlClient.SafeIntegers))
        statement.setReturnArrays(inArrays)
        return use(statement)
      })
    )
  const rows = (text: string, parameters: ReadonlyArray<unknown>, transform: Transform, isKept = true) =>
    Effect.map(
      run(text, (statement) => statement.all(...bound(parameters)), { isKept }),
      (rows) => transform === undefined ? rows : transform(rows)
    )
  return {
    execute: (text, parameters, transform) => rows(text, parameters, transform),
    executeUnprepared: (text, parameters, transform) => rows(text, parameters, transform, false),
    executeRaw: (text, parameters) =>
      run(
        text,
        (statement) =>
          statement.columns().length > 0 ? statement.all(...bound(parameters)) : statement.run(...bound(parameters))
      ),
    executeValues: (text, parameters) =>
      run(text, (statement) => statement.all(...bound(parameters)) as unknown as ReadonlyArray<Array<unknown>>, {
        inArrays: true
      }),
    executeStream: (text, parameters, transform) =>
      Stream.unwrap(Effect.map(rows(text, parameters, transform), Stream.fromIterable))
  }
}

/** A cache of prepared statements, least recently used first out. */
const prepared = (database: DatabaseSync) => {
  const kept = new Map<string, StatementSync>()
  return (text: string): StatementSync => {
    const statement = kept.get(text) ?? database.prepare(text)
    kept.delete(text)
    kept.set(text, statement)
    const [oldest] = kept.keys()
    if (kept.size > maxPrepared && oldest !== undefined) {
      kept.delete(oldest)
    }
    return statement
  }
}

type Transform = Parameters<Connection["execute"]>[2]

/** The driver refuses values that it cannot bind. */
const bound = (parameters: ReadonlyArray<unknown>) => parameters as ReadonlyArray<SQLInputValue>

const attempt = <A>(operation: string, evaluate: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({ try: evaluate, catch: (cause) => new SqlError({ cause, message: `Failed to ${operation}` }) })
