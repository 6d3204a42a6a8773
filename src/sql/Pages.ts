/**
 * The queries with keyset pagination.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Statement } from "@effect/sql/Statement"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { Bytes, UploadId } from "../protocol/Upload.js"
import type { Page, UploadRegistry } from "../store/UploadRegistry.js"
import * as Rows from "./Rows.js"
import * as SqlFailure from "./SqlFailure.js"
import * as UploadRow from "./UploadRow.js"

export type Pages = Pick<
  UploadRegistry["Type"],
  "consumedParts" | "expired" | "list" | "pending" | "unsynced" | "withBytes"
>

/** A query for ids, in their order. */
export const ids =
  (operation: string, query: (after: string, limit: number) => Statement<object>) => ({ after, limit }: Page) =>
    Rows.page(
      operation,
      (after: Rows.IdRow | undefined, limit) => query(after?.id ?? "", limit) as Statement<Rows.IdRow>,
      Rows.decodeId
    )(after && { id: after }, limit)

export const make = (sql: SqlClient.SqlClient): Pages => ({
  expired: (now, page) =>
    Rows.page(
      "look for expired uploads",
      (after: DueRow | undefined, limit) =>
        sql<DueRow>`SELECT id, expires_at FROM effect_tus_uploads
            WHERE expires_at <= ${DateTime.toEpochMillis(now)}
              AND (expires_at, id) > (${after?.expires_at ?? Number.MIN_SAFE_INTEGER}, ${after?.id ?? ""})
            ORDER BY expires_at, id LIMIT ${limit}`,
      decodeDue
    )(page.after && { id: page.after.id, expires_at: DateTime.toEpochMillis(page.after.expiresAt) }, page.limit),
  /** Must repeat the WHERE clause of the partial index, or the planner does not use it. */
  pending: ids("look for pending uploads", (after, limit) =>
    sql`SELECT id FROM effect_tus_uploads
        WHERE (completion = 'Finishing' OR (kind = 'Final' AND completion = 'Open')) AND id > ${after}
        ORDER BY id LIMIT ${limit}`),
  /** Must repeat the WHERE clause of the partial index: an upload with unsynced bytes has bytes. */
  unsynced: ids("look for uploads with unsynced bytes", (after, limit) =>
    sql`SELECT id FROM effect_tus_uploads
        WHERE completion = 'Open' AND upload_offset > 0 AND upload_offset > synced_offset AND id > ${after}
        ORDER BY id LIMIT ${limit}`),
  consumedParts: ids("look for consumed parts", (after, limit) =>
    sql`SELECT part.id FROM effect_tus_parts
        JOIN effect_tus_uploads part ON part.id = part_id
        JOIN effect_tus_uploads final ON final.id = final_id
        WHERE part_id > ${after} AND part.kind = 'Partial' AND part.completion <> 'Open'
        GROUP BY part.id
        HAVING SUM(CASE WHEN final.completion = 'Complete' THEN 1 ELSE 0 END) > 0
          AND SUM(CASE WHEN final.completion IN ('Open', 'Finishing') THEN 1 ELSE 0 END) = 0
        ORDER BY part.id LIMIT ${limit}`),
  /** Must repeat the WHERE clause of the partial index. */
  withBytes: ({ after, limit }) =>
    Rows.page(
      "look for unfinished uploads with bytes",
      (after: Rows.IdRow | undefined, limit) =>
        sql<Rows.IdRow>`SELECT id, upload_offset FROM effect_tus_uploads
            WHERE completion = 'Open' AND upload_offset > 0 AND id > ${after?.id ?? ""}
            ORDER BY id LIMIT ${limit}`,
      decodeWithBytes
    )(after, limit),
  list: ({ after = "", limit }) =>
    Effect.mapBoth(
      sql<Rows.IdRow>`SELECT * FROM effect_tus_uploads WHERE id > ${after} ORDER BY id LIMIT ${limit}`,
      {
        onFailure: SqlFailure.toStoreError("Read", "list uploads"),
        onSuccess: Arr.map((row) =>
          Either.mapBoth(Rows.decodeEntry(row), {
            onLeft: (error) => ({ id: row.id, error }),
            onRight: ({ upload }) => upload
          })
        )
      }
    )
})

interface DueRow extends Rows.IdRow {
  readonly expires_at: number
}

const decodeDue = Schema.decodeUnknownEither(
  Schema.Struct({
    id: UploadId,
    expiresAt: Schema.propertySignature(Schema.compose(UploadRow.BigInt, Schema.DateTimeUtcFromNumber)).pipe(
      Schema.fromKey("expires_at")
    )
  })
)
const decodeWithBytes = Schema.decodeUnknownEither(
  Schema.Struct({
    id: UploadId,
    offset: Schema.propertySignature(Schema.compose(UploadRow.BigInt, Bytes)).pipe(Schema.fromKey("upload_offset"))
  })
)
