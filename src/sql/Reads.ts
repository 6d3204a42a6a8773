/**
 * The queries. They change nothing.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import type { UploadRegistry } from "../store/UploadRegistry.js"
import * as Pages from "./Pages.js"
import * as Rows from "./Rows.js"
import * as SqlFailure from "./SqlFailure.js"
import * as Tails from "./Tails.js"
import * as Totals from "./Totals.js"

/** All reading methods of a registry. */
export type Reads = Omit<UploadRegistry["Type"], "claim" | "commit" | "create" | "identity" | "remove" | "takeTurn">

export const make = (sql: SqlClient.SqlClient): Reads => ({
  ...Pages.make(sql),
  ...Totals.make(sql),
  get: (id) =>
    Effect.flatMap(
      Effect.mapError(
        sql<Rows.IdRow>`SELECT * FROM effect_tus_uploads WHERE id = ${id}`,
        SqlFailure.toStoreError("Read", `read the state of ${id}`)
      ),
      ([row]) => row === undefined ? Either.right(Option.none()) : Either.map(Rows.decodeEntry(row), Option.some)
    ),
  getAll: (ids) =>
    Effect.map(
      Effect.forEach(Arr.chunksOf(ids, 256), (some) => getSome(sql, some)),
      (pages) => {
        const found = new Map(pages.flat().map((entry) => [entry.upload.id, entry]))
        return ids.map((id) => Option.fromNullable(found.get(id)))
      }
    ),
  tails: { limit: Tails.limit, read: Tails.read(sql), whole: Tails.whole(sql), complete: Tails.complete(sql) },
  absent: (asked) =>
    Arr.isNonEmptyReadonlyArray(asked)
      ? Rows.all(
        `look for ${asked.length} uploads`,
        sql<Rows.IdRow>`WITH asked (id) AS (VALUES ${sql.csv(asked.map((id) => sql`(${id})`))}) SELECT id FROM asked
            WHERE NOT EXISTS (SELECT 1 FROM effect_tus_uploads held WHERE held.id = asked.id)`,
        Rows.decodeId
      )
      : Effect.succeed([]),
  finalsOf: (part) =>
    Rows.all(
      `look for the finals of ${part}`,
      sql<Rows.IdRow>`SELECT final.id FROM effect_tus_parts JOIN effect_tus_uploads final ON final.id = final_id
          WHERE part_id = ${part} AND final.completion = 'Open' ORDER BY final.id`,
      Rows.decodeId
    )
})

const getSome = (sql: SqlClient.SqlClient, ids: ReadonlyArray<UploadId>) =>
  Effect.flatMap(
    Effect.mapError(
      sql<Rows.IdRow>`SELECT * FROM effect_tus_uploads WHERE ${sql.in("id", ids)}`,
      SqlFailure.toStoreError("Read", `read the states of ${ids.length} uploads`)
    ),
    (rows) => Either.all(rows.map(Rows.decodeEntry))
  )
