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

/**
 * Without a row, `get` says why: the upload is absent, or its fence is higher. If neither is so, it was created in
 * between.
 */
export const make = (
  sql: SqlClient.SqlClient,
  get: UploadRegistry["Type"]["get"]
): UploadRegistry["Type"]["claim"] => {
  const claim = (
    id: UploadId,
    fence: number
  ): Effect.Effect<Option.Option<StoredUpload>, Superseded | UploadStoreError> =>
    Effect.flatMap(
      Effect.mapError(
        sql<Rows.IdRow>`UPDATE effect_tus_uploads SET fence = ${fence} WHERE id = ${id} AND fence <= ${fence}
          RETURNING *`,
        SqlFailure.toStoreError("Write", `claim the state of ${id}`)
      ),
      ([row]) => row === undefined ? whyNot(id, fence) : Either.map(Rows.decodeEntry(row), Option.some)
    )

  const whyNot = (id: UploadId, fence: number) =>
    Effect.flatMap(get(id), (found) =>
      Option.isNone(found)
        ? Effect.succeed(found)
        : found.value.fence > fence
        ? new Superseded({ id })
        : claim(id, fence))

  return claim
}
