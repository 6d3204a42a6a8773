/**
 * SQLite databases that go with the test, and what they were asked.
 */
import * as Statement from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { directory } from "../node/temporary.js"

export const filename = Effect.map(directory, (directory) => join(directory, "uploads.sqlite"))

/** An empty database, and a client of it. */
export const layerTemporary = Layer.unwrapScoped(Effect.map(filename, (filename) => Sqlite.layer(filename)))

/** Has each statement heard before it is run; the listener may ask the database itself. */
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
