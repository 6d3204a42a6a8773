/**
 * Claims a state for the holder of a lock: one statement writes the fence and loads the row.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import type { StoredUpload, UploadRegistry } from "../store/UploadRegistry.js"
import { Superseded, type UploadStoreError } from "../store/UploadStoreError.js"
import * as Rows from "./Rows.js"
import * as SqlFailure from "./SqlFailure.js"

/** Without a row, `get` says why: the upload is absent, or its fence is higher. */
export const make = (
  sql: SqlClient.SqlClient,
  get: UploadRegistry["Type"]["get"]
): UploadRegistry["Type"]["claim"] =>
(id: UploadId, fence: number): Effect.Effect<Option.Option<StoredUpload>, Superseded | UploadStoreError> =>
  Effect.flatMap(
    Effect.mapError(
      sql<Rows.IdRow>`UPDATE effect_tus_uploads SET fence = ${fence} WHERE id = ${id} AND fence <= ${fence}
        RETURNING *`,
      SqlFailure.toStoreError("Write", `claim the state of ${id}`)
    ),
    ([row]) =>
      row === undefined
        ? Effect.flatMap(get(id), (found) => Option.isSome(found) ? new Superseded({ id }) : Effect.succeed(found))
        : Either.map(Rows.decodeEntry(row), Option.some)
  )
