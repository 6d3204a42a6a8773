/**
 * The queries over all uploads, each with one answer.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { Statement } from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { UploadRegistry } from "../store/UploadRegistry.js"
import * as Accounts from "./Accounts.js"
import * as Rows from "./Rows.js"
import * as SqlFailure from "./SqlFailure.js"
import * as UploadRow from "./UploadRow.js"

export type Totals = Pick<UploadRegistry["Type"], "lastFence" | "usage" | "usageByOwner">

export const make = (sql: SqlClient.SqlClient): Totals => ({
  usage: read(
    "sum up uploads",
    sql.onDialectOrElse({
      pg: () => Accounts.usage(sql),
      orElse: () => sql`SELECT COUNT(*) AS uploads, COALESCE(SUM(upload_offset), 0) AS bytes FROM effect_tus_uploads`
    }),
    ([row]) => decodeUsage(row)
  ),
  usageByOwner: Rows.all(
    "sum up uploads by owner",
    sql.onDialectOrElse({
      pg: () => Accounts.usageByOwner(sql),
      orElse: () =>
        sql`SELECT owner,
          SUM(COALESCE(upload_length, upload_offset)) AS bytes,
          SUM(CASE WHEN completion = 'Open' THEN 1 ELSE 0 END) AS open,
          SUM(CASE WHEN completion = 'Open' AND kind <> 'Final'
            THEN COALESCE(upload_length, upload_offset) - upload_offset ELSE 0 END) AS outstanding
          FROM effect_tus_uploads GROUP BY owner`
    }),
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
