/**
 * The statements that write states: one for all writes of a kind. Each returns the ids of the writes that took effect.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Fragment, Statement } from "@effect/sql/Statement"
import * as UploadRow from "./UploadRow.js"

export type Kind = "Create" | "Commit" | "Remove" | "RemoveUnlessNamed"

type Rows = ReadonlyArray<UploadRow.UploadRow>

interface Returned {
  readonly id: string
}

export type WriteStatements = Readonly<Record<Kind, (rows: Rows) => Statement<Returned>>>

/** Parameters in VALUES have no type, so numbers are cast. */
export const make = (sql: SqlClient.SqlClient): WriteStatements => {
  const values = (rows: Rows, columns: ReadonlyArray<keyof UploadRow.UploadRow>) =>
    sql`VALUES ${sql.csv(rows.map((row) => sql`${sql.in(columns.map((column) => row[column]))}`))}`

  const removal = (rows: Rows, condition: Fragment) =>
    sql<Returned>`WITH gone (id, version, fence) AS (${values(rows, ["id", "version", "fence"])})
      DELETE FROM effect_tus_uploads WHERE (id, version) IN (
        SELECT held.id, held.version FROM gone JOIN effect_tus_uploads held ON held.id = gone.id
        WHERE held.version = CAST(gone.version AS BIGINT) AND held.fence <= CAST(gone.fence AS BIGINT) AND ${condition}
      ) RETURNING id`

  return {
    Create: (rows) =>
      sql<Returned>`INSERT INTO effect_tus_uploads ${sql.insert(rows)} ON CONFLICT DO NOTHING RETURNING id`,
    Commit: (rows) =>
      sql<Returned>`WITH next (${sql.csv(UploadRow.columns)}) AS (${values(rows, UploadRow.columns)})
        UPDATE effect_tus_uploads SET
          version = CAST(next.version AS BIGINT),
          fence = CAST(next.fence AS BIGINT),
          kind = next.kind,
          parts = next.parts,
          concat = next.concat,
          upload_offset = CAST(next.upload_offset AS BIGINT),
          synced_offset = CAST(next.synced_offset AS BIGINT),
          tail_bytes = CAST(next.tail_bytes AS BIGINT),
          upload_length = CAST(next.upload_length AS BIGINT),
          metadata = next.metadata,
          created_at = CAST(next.created_at AS BIGINT),
          expires_at = CAST(next.expires_at AS BIGINT),
          expiry_stands = CAST(next.expiry_stands AS BIGINT),
          completion = next.completion,
          completed_at = CAST(next.completed_at AS BIGINT),
          rejected_status = CAST(next.rejected_status AS BIGINT),
          rejected_reason = next.rejected_reason,
          final_answer = next.final_answer,
          owner = next.owner,
          dialect = next.dialect
        FROM next
        WHERE effect_tus_uploads.id = next.id
          AND effect_tus_uploads.version = CAST(next.version AS BIGINT) - 1
          AND effect_tus_uploads.fence <= CAST(next.fence AS BIGINT)
        RETURNING effect_tus_uploads.id`,
    Remove: (rows) => removal(rows, sql`TRUE`),
    RemoveUnlessNamed: (rows) =>
      removal(
        rows,
        sql`NOT EXISTS (
          SELECT 1 FROM effect_tus_parts JOIN effect_tus_uploads final ON final.id = final_id
          WHERE part_id = held.id AND final.completion IN ('Open', 'Finishing')
        )`
      )
  }
}
