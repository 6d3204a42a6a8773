/**
 * Temporary SQLite databases, and a listener for their statements.
 */
import * as Statement from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { directory } from "../support/directory.js"

export const filename = Effect.map(directory, (directory) => join(directory, "uploads.sqlite"))

/** An empty database and its client. */
export const layerTemporary = Layer.unwrapScoped(Effect.map(filename, (filename) => Sqlite.layer(filename)))

/** Calls `listener` before each statement. It may use the database itself. */
export const layerListener = (
  listener: (
    text: string,
    parameters: ReadonlyArray<unknown>,
    sql: Statement.Constructor
  ) => Effect.Effect<unknown, unknown>
): Layer.Layer<never> =>
  Statement.setTransformer((statement, sql) => {
    const [text, parameters] = statement.compile()
    return listener(text, parameters, sql).pipe(
      Statement.withTransformerDisabled,
      Effect.orDie,
      Effect.as(statement)
    )
  })
