/**
 * A batch of writes as statements: one for all creations, one for all commits, one for all removals. The database
 * returns the ids of the writes that took effect.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Upload } from "../protocol/Upload.js"
import type { RemoveOptions, StoredUpload, WriteOptions } from "../store/UploadRegistry.js"
import * as UploadRow from "./UploadRow.js"

export interface Write {
  readonly _tag: "Create" | "Commit" | "Remove" | "RemoveUnlessNamed"
  /** The new row; for a removal, the current row with the fence of the remover. */
  readonly row: UploadRow.UploadRow
  /** Whether the parts that the upload names may change. */
  readonly relinks: boolean
  readonly durable: boolean
}

export const create = (entry: StoredUpload, { durable }: WriteOptions): Write => ({
  _tag: "Create",
  row: UploadRow.encode(entry),
  relinks: entry.upload.isFinal,
  durable
})

/** A commit keeps the same `kind` object; writing the same parts again would do no harm. */
export const commit = (before: Upload, entry: StoredUpload, { durable }: WriteOptions): Write => ({
  _tag: "Commit",
  row: UploadRow.encode(entry),
  relinks: before.kind !== entry.upload.kind && (before.isFinal || entry.upload.isFinal),
  durable
})

export const remove = (entry: StoredUpload, { durable, fence, unlessNamed = false }: RemoveOptions): Write => ({
  _tag: unlessNamed ? "RemoveUnlessNamed" : "Remove",
  row: UploadRow.encode({ ...entry, fence }),
  relinks: entry.upload.isFinal,
  durable
})

/** Performs writes for different uploads, all or none, and returns the ids of those that took effect. */
export const perform = (sql: SqlClient.SqlClient) => {
  const values = (rows: Rows, columns: ReadonlyArray<keyof UploadRow.UploadRow>) =>
    sql`VALUES ${sql.csv(rows.map((row) => sql`${sql.in(columns.map((column) => row[column]))}`))}`

  const removal = (rows: Rows, condition: Fragment) =>
    sql<Returned>`WITH gone (id, version, fence) AS (${values(rows, ["id", "version", "fence"])})
      DELETE FROM effect_tus_uploads WHERE (id, version) IN (
        SELECT held.id, held.version FROM gone JOIN effect_tus_uploads held ON held.id = gone.id
        WHERE held.version = CAST(gone.version AS BIGINT) AND held.fence <= CAST(gone.fence AS BIGINT) AND ${condition}
      ) RETURNING id`

  /** Parameters in VALUES have no type, so numbers are cast. */
  const statement = {
    Create: (rows: Rows) =>
      sql<Returned>`INSERT INTO effect_tus_uploads ${sql.insert(rows)} ON CONFLICT DO NOTHING RETURNING id`,
    Commit: (rows: Rows) =>
      sql<Returned>`WITH next (${sql.csv(UploadRow.columns)}) AS (${values(rows, UploadRow.columns)})
        UPDATE effect_tus_uploads SET
          version = CAST(next.version AS BIGINT),
          fence = CAST(next.fence AS BIGINT),
          kind = next.kind,
          parts = next.parts,
          concat = next.concat,
          upload_offset = CAST(next.upload_offset AS BIGINT),
          synced_offset = CAST(next.synced_offset AS BIGINT),
          upload_length = CAST(next.upload_length AS BIGINT),
          metadata = next.metadata,
          created_at = CAST(next.created_at AS BIGINT),
          expires_at = CAST(next.expires_at AS BIGINT),
          expiry_stands = CAST(next.expiry_stands AS BIGINT),
          completion = next.completion,
          completed_at = CAST(next.completed_at AS BIGINT),
          rejected_status = CAST(next.rejected_status AS BIGINT),
          rejected_reason = next.rejected_reason,
          owner = next.owner,
          dialect = next.dialect
        FROM next
        WHERE effect_tus_uploads.id = next.id
          AND effect_tus_uploads.version = CAST(next.version AS BIGINT) - 1
          AND effect_tus_uploads.fence <= CAST(next.fence AS BIGINT)
        RETURNING effect_tus_uploads.id`,
    Remove: (rows: Rows) => removal(rows, sql`TRUE`),
    RemoveUnlessNamed: (rows: Rows) =>
      removal(
        rows,
        sql`NOT EXISTS (
          SELECT 1 FROM effect_tus_parts JOIN effect_tus_uploads final ON final.id = final_id
          WHERE part_id = held.id AND final.completion IN ('Open', 'Finishing')
        )`
      )
  }

  const run = (writes: ReadonlyArray<Write>, tag: Write["_tag"]) => {
    const rows = writes.filter(({ _tag }) => _tag === tag).map(({ row }) => row)
    return rows.length === 0 ? Effect.succeed([]) : statement[tag](rows)
  }

  const relink = Effect.fnUntraced(function*(writes: ReadonlyArray<Write>) {
    const before = writes.filter(({ _tag }) => _tag !== "Create").map(({ row }) => row.id)
    if (before.length > 0) {
      yield* sql`DELETE FROM effect_tus_parts WHERE ${sql.in("final_id", before)}`
    }
    const links = writes.filter(({ _tag }) => _tag !== "Remove").flatMap(({ row: { id, parts } }) =>
      parts === null ? [] : parts.split(" ").map((part_id) => ({ final_id: id, part_id }))
    )
    yield* Effect.forEach(
      Arr.chunksOf(links, 1024),
      (rows) => sql`INSERT INTO effect_tus_parts ${sql.insert(rows)} ON CONFLICT DO NOTHING`,
      { discard: true }
    )
  })

  const all = Effect.fnUntraced(function*(writes: ReadonlyArray<Write>) {
    const rows = [
      ...(yield* run(writes, "Create")),
      ...(yield* run(writes, "Commit")),
      ...(yield* run(writes, "Remove")),
      ...(yield* run(writes, "RemoveUnlessNamed"))
    ]
    const done: ReadonlySet<string> = new Set(rows.map(({ id }) => id))
    yield* relink(writes.filter(({ relinks, row }) => relinks && done.has(row.id)))
    return done
  })

  /** `withTransaction` turns a failing COMMIT into a defect, and leaves SQLite within the transaction. */
  const transaction = <A>(self: Effect.Effect<A, SqlError>) =>
    Effect.catchAllDefect(sql.withTransaction(self), (defect) =>
      defect instanceof SqlError
        ? Effect.zipRight(Effect.ignore(sql`ROLLBACK`.unprepared), defect)
        : Effect.die(defect))

  /** A single statement is a transaction by itself, which is cheaper. */
  return (writes: ReadonlyArray<Write>): Effect.Effect<ReadonlySet<string>, SqlError> =>
    new Set(writes.map(({ _tag }) => _tag)).size > 1 || writes.some(({ relinks }) => relinks)
      ? transaction(all(writes))
      : all(writes)
}

type Rows = ReadonlyArray<UploadRow.UploadRow>

interface Returned {
  readonly id: string
}
