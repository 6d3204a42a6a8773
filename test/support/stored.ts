/**
 * The bytes of uploads in a directory, wherever they are: the first ones of an upload in its file, and behind them its
 * tail in the database. Reads beside a running server, and independently of the code that wrote them.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createReadStream, existsSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { fileOf, sha256 } from "../interop/server.js"
import { idOf } from "./uploads.js"

interface Piece {
  readonly id: string
  readonly at: number
  readonly bytes: Uint8Array
}

interface State {
  readonly id: string
  readonly upload_offset: number
  readonly tail_bytes: number
}

/** Queries the database of a directory, and changes nothing. */
export const query = <A, E>(directory: string, use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E>) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.zipRight(sql`PRAGMA query_only = ON`, use(sql))).pipe(
    Effect.provide(Sqlite.layer(join(directory, "uploads.sqlite"))),
    Effect.orDie
  )

async function* joined(directory: string, { id, tail_bytes, upload_offset }: State, pieces: ReadonlyArray<Piece>) {
  const stored = upload_offset - tail_bytes
  if (stored > 0) {
    yield* createReadStream(fileOf(directory, id), { end: stored - 1, highWaterMark: 1024 * 1024 })
  }
  yield* pieces.map(({ bytes }) => bytes)
}

/** The SHA-256 of the bytes that the state of an upload counts. */
export const sha256OfStored = (directory: string, url: string): Effect.Effect<string> =>
  Effect.gen(function*() {
    const id = idOf(url)
    const { pieces, states } = yield* query(directory, (sql) =>
      // One transaction, so that a server may write meanwhile.
      sql.withTransaction(Effect.all({
        states: sql<State>`SELECT id, upload_offset, tail_bytes FROM effect_tus_uploads WHERE id = ${id}`,
        pieces: sql<Piece>`SELECT id, at, bytes FROM effect_tus_tails WHERE id = ${id} ORDER BY at`
      })))
    const [state] = states
    assert(state !== undefined, `${url} has no state`)
    return yield* Effect.promise(() => sha256(joined(directory, state, pieces)))
  })

/** What does not fit together in a directory without a server, a sentence each. */
export const faults = (directory: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const states = yield* query(directory, (sql) =>
      sql<State>`SELECT id, upload_offset, tail_bytes FROM effect_tus_uploads`)
    const pieces = yield* query(
      directory,
      (sql) =>
        sql<Piece>`SELECT id, at, bytes FROM effect_tus_tails ORDER BY id, at`
    )
    const known = new Set(states.map(({ id }) => id))
    return [
      ...pieces.filter(({ id }) => !known.has(id)).map(({ at, id }) => `${id} has a piece at ${at} and no state`),
      ...states.flatMap((state) => faultsOf(directory, state, pieces.filter(({ id }) => id === state.id)))
    ]
  })

const faultsOf = (directory: string, { id, tail_bytes, upload_offset }: State, pieces: ReadonlyArray<Piece>) => {
  const stored = upload_offset - tail_bytes
  const file = fileOf(directory, id)
  const size = existsSync(file) ? statSync(file).size : 0
  const end = pieces.reduce((end, { at, bytes }) => at === end ? end + bytes.length : Number.NaN, stored)
  return [
    ...(size === stored ? [] : [`${id} has a file of ${size} bytes, and its state counts ${stored}`]),
    ...(end === upload_offset ? [] : [`${id} has ${pieces.length} pieces that do not end at ${upload_offset}`])
  ]
}

/** The ids of the uploads with bytes in the database, and their number. */
export const tails = (directory: string): Effect.Effect<ReadonlyMap<string, number>> =>
  Effect.map(
    query(
      directory,
      (sql) =>
        sql<{ readonly id: string; readonly size: number }>`
          SELECT id, SUM(length(bytes)) AS size FROM effect_tus_tails GROUP BY id`
    ),
    (rows) => new Map(rows.map(({ id, size }) => [id, size]))
  )
