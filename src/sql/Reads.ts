/**
 * The queries. They change nothing.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Statement } from "@effect/sql/Statement"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { Bytes, UploadId } from "../protocol/Upload.js"
import type { Page, UploadRegistry } from "../store/UploadRegistry.js"
import { unknownDialect } from "../store/UploadStoreError.js"
import * as Rows from "./Rows.js"
import * as SqlFailure from "./SqlFailure.js"
import * as UploadRow from "./UploadRow.js"

type Registry = UploadRegistry["Type"]

/** All reading methods of a registry. */
export type Reads = Omit<Registry, "commit" | "create" | "identity" | "remove">

/** A query with keyset pagination by id. */
const ids =
  (operation: string, query: (after: string, limit: number) => Statement<object>) => ({ after, limit }: Page) =>
    Rows.page(
      operation,
      (after: IdRow | undefined, limit) => query(after?.id ?? "", limit) as Statement<IdRow>,
      decodeId
    )(after && { id: after }, limit)

export const make = (sql: SqlClient.SqlClient): Reads => ({
  get: (id) =>
    Effect.flatMap(
      Effect.mapError(
        sql<IdRow>`SELECT * FROM effect_tus_uploads WHERE id = ${id}`,
        SqlFailure.toStoreError("Read", `read the state of ${id}`)
      ),
      ([row]) => row === undefined ? Either.right(Option.none()) : Either.map(decodeEntry(row), Option.some)
    ),
  absent: (asked) =>
    Arr.isNonEmptyReadonlyArray(asked)
      ? Rows.all(
        `look for ${asked.length} uploads`,
        sql<IdRow>`WITH asked (id) AS (VALUES ${sql.csv(asked.map((id) => sql`(${id})`))}) SELECT id FROM asked
            WHERE NOT EXISTS (SELECT 1 FROM effect_tus_uploads held WHERE held.id = asked.id)`,
        decodeId
      )
      : Effect.succeed([]),
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
  unsynced: ids("look for uploads that are not synced", (after, limit) =>
    sql`SELECT id FROM effect_tus_uploads
        WHERE completion = 'Open' AND upload_offset > 0 AND upload_offset > synced_offset AND id > ${after}
        ORDER BY id LIMIT ${limit}`),
  finalsOf: (part) =>
    Rows.all(
      `look for the finals of ${part}`,
      sql<IdRow>`SELECT final.id FROM effect_tus_parts JOIN effect_tus_uploads final ON final.id = final_id
          WHERE part_id = ${part} AND final.completion = 'Open' ORDER BY final.id`,
      decodeId
    ),
  consumedParts: ids("look for parts that are used up", (after, limit) =>
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
      "look for uploads that have begun",
      (after: IdRow | undefined, limit) =>
        sql<IdRow>`SELECT id, upload_offset FROM effect_tus_uploads
            WHERE completion = 'Open' AND upload_offset > 0 AND id > ${after?.id ?? ""}
            ORDER BY id LIMIT ${limit}`,
      decodeWithBytes
    )(after, limit),
  list: ({ after = "", limit }) =>
    Effect.mapBoth(
      sql<IdRow>`SELECT * FROM effect_tus_uploads WHERE id > ${after} ORDER BY id LIMIT ${limit}`,
      {
        onFailure: SqlFailure.toStoreError("Read", "list uploads"),
        onSuccess: Arr.map((row) =>
          Either.mapBoth(decodeEntry(row), {
            onLeft: (error) => ({ id: row.id, error }),
            onRight: ({ upload }) => upload
          })
        )
      }
    ),
  usage: read(
    "sum up uploads",
    sql`SELECT COUNT(*) AS uploads, COALESCE(SUM(upload_offset), 0) AS bytes FROM effect_tus_uploads`,
    ([row]) => decodeUsage(row)
  ),
  usageByOwner: Rows.all(
    "sum up uploads by owner",
    sql`SELECT owner,
        SUM(COALESCE(upload_length, upload_offset)) AS bytes,
        SUM(CASE WHEN completion = 'Open' THEN 1 ELSE 0 END) AS open,
        SUM(CASE WHEN completion = 'Open' AND kind <> 'Final'
          THEN COALESCE(upload_length, upload_offset) - upload_offset ELSE 0 END) AS outstanding
        FROM effect_tus_uploads GROUP BY owner`,
    decodeOwnedUsage
  ),
  /** Runs when a server starts: a damaged number does not keep it from starting. */
  lastFence: Effect.map(
    read(
      "read the last fence",
      sql`SELECT COALESCE(MAX(fence), 0) AS fence FROM effect_tus_uploads WHERE fence <= ${Number.MAX_SAFE_INTEGER}`,
      ([row]) => decodeFence(row)
    ),
    ({ fence }) => fence
  )
})

interface IdRow {
  readonly id: string
}

interface DueRow extends IdRow {
  readonly expires_at: number
}

/** An unreadable row is damaged, unless its dialect says that a newer version has written it. */
const decodeEntry = (row: IdRow) =>
  Either.mapLeft(UploadRow.decode(row), (error) =>
    Option.match(UploadRow.unknownDialectOf(row), {
      onNone: () => Rows.corrupt(`read the state of ${row.id}`, error),
      onSome: (dialect) => unknownDialect(row.id, dialect)
    }))

const Id = Schema.Struct({ id: UploadId })
const decodeId = (row: object) => Either.map(Schema.decodeUnknownEither(Id)(row), ({ id }) => id)
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
const decodeUsage = Schema.decodeUnknownEither(
  Schema.Struct({ uploads: UploadRow.BigInt, bytes: UploadRow.BigInt })
)
const decodeOwnedUsage = Schema.decodeUnknownEither(
  Schema.Struct({
    owner: Schema.OptionFromNullOr(Schema.String),
    bytes: UploadRow.BigInt,
    open: UploadRow.BigInt,
    outstanding: UploadRow.BigInt
  })
)
const decodeFence = Schema.decodeUnknownEither(Schema.Struct({ fence: UploadRow.BigInt }))

const read = <A>(
  operation: string,
  statement: Statement<object>,
  decode: (rows: ReadonlyArray<object>) => Either.Either<A, ParseResult.ParseError>
) =>
  Effect.flatMap(
    Effect.mapError(statement, SqlFailure.toStoreError("Read", operation)),
    (rows) => Either.mapLeft(decode(rows), (error) => Rows.corrupt(operation, error))
  )
