/**
 * Decodes each row on its own: an unreadable row does not fail the others.
 */
import type { SqlError } from "@effect/sql/SqlError"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { UploadId } from "../protocol/Upload.js"
import type { StoredUpload } from "../store/UploadRegistry.js"
import { unknownDialect, UploadStoreError } from "../store/UploadStoreError.js"
import * as SqlFailure from "./SqlFailure.js"
import * as UploadRow from "./UploadRow.js"

/** The part of a row that is read even if the rest is damaged. */
export interface IdRow {
  readonly id: string
}

export type Decode<A> = (row: object) => Either.Either<A, ParseResult.ParseError>

/** The first problem, on one line. */
export const corrupt = (operation: string, error: ParseResult.ParseError): UploadStoreError => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `
  const what = issue?.message.split("\n")[0] ?? "it is damaged"
  return new UploadStoreError({ reason: "Corrupt", operation, cause: new Error(`${where}${what}`, { cause: error }) })
}

/** The readable rows; the others are logged. */
const readable = <Row extends object, A>(operation: string, rows: ReadonlyArray<Row>, decode: Decode<A>) => {
  const [unread, read] = Arr.separate(rows.map((row) => decode(row)))
  return Effect.as(
    Effect.forEach(unread, (error) => Effect.logWarning(corrupt(operation, error).message), { discard: true }),
    read
  )
}

export const all = <Row extends object, A>(
  operation: string,
  statement: Effect.Effect<ReadonlyArray<Row>, SqlError>,
  decode: Decode<A>
): Effect.Effect<ReadonlyArray<A>, UploadStoreError> =>
  statement.pipe(
    Effect.mapError(SqlFailure.toStoreError("Read", operation)),
    Effect.flatMap((rows) => readable(operation, rows, decode))
  )

/**
 * A page of readable rows, filled up from the next rows: only the last page is shorter than `limit`.
 */
export const page = <Row extends object, A>(
  operation: string,
  query: (after: Row | undefined, limit: number) => Effect.Effect<ReadonlyArray<Row>, SqlError>,
  decode: Decode<A>
) => {
  const from = (after: Row | undefined, limit: number): Effect.Effect<ReadonlyArray<A>, UploadStoreError> =>
    Effect.flatMap(
      Effect.mapError(query(after, limit), SqlFailure.toStoreError("Read", operation)),
      (rows) =>
        Effect.flatMap(readable(operation, rows, decode), (read) =>
          read.length === rows.length || rows.length < limit
            ? Effect.succeed(read)
            : Effect.map(from(rows.at(-1), limit - read.length), (more) => [...read, ...more]))
    )
  return from
}

export const decodeId = (row: object): Either.Either<UploadId, ParseResult.ParseError> =>
  Either.map(decodeIdRow(row), ({ id }) => id)

const decodeIdRow = Schema.decodeUnknownEither(Schema.Struct({ id: UploadId }))

/** An unreadable row is damaged, unless its dialect says that a newer version has written it. */
export const decodeEntry = (row: IdRow): Either.Either<StoredUpload, UploadStoreError> =>
  Either.mapLeft(UploadRow.decode(row), (error) =>
    Option.match(UploadRow.unknownDialectOf(row), {
      onNone: () => corrupt(`read the state of ${row.id}`, error),
      onSome: (dialect) => unknownDialect(row.id, dialect)
    }))
