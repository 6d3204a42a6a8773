/**
 * Encodes a stored upload as one row, and decodes it. Knows nothing about statements.
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as Dialect from "../protocol/Dialect.js"
import * as FinalAnswer from "../protocol/FinalAnswer.js"
import { Bytes, Upload } from "../protocol/Upload.js"
import type { StoredUpload } from "../store/UploadRegistry.js"

/** Whole numbers up to 2^53-1; some drivers return BIGINT as text. */
export const BigInt = Schema.Union(Schema.Number, Schema.NumberFromString)

const Columns = Schema.Struct({
  id: Schema.String,
  version: BigInt,
  fence: BigInt,
  kind: Schema.String,
  /** For a final: the ids of its parts, separated by spaces, and the header that named them. */
  parts: Schema.NullOr(Schema.String),
  concat: Schema.NullOr(Schema.String),
  upload_offset: BigInt,
  synced_offset: BigInt,
  /** The bytes in `effect_tus_tails`. A database that no newer version has opened for writing has no such column. */
  tail_bytes: Schema.optionalWith(BigInt, { default: () => 0 }),
  upload_length: Schema.NullOr(BigInt),
  metadata: Schema.NullOr(Schema.String),
  created_at: BigInt,
  expires_at: Schema.NullOr(BigInt),
  expiry_stands: BigInt,
  completion: Schema.String,
  completed_at: Schema.NullOr(BigInt),
  rejected_status: Schema.NullOr(BigInt),
  rejected_reason: Schema.NullOr(Schema.String),
  /** `FinalAnswer.FromJson`. A database that no newer version has opened for writing has no such column. */
  final_answer: Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null }),
  owner: Schema.NullOr(Schema.String),
  dialect: Schema.String
})
export type UploadRow = typeof Columns.Type

export const columns = Struct.keys(Columns.fields)

/** A plain function instead of a Schema: an upload is valid by construction, and this runs with every commit. */
export const encode = ({ fence, stored, synced, upload, version }: StoredUpload): UploadRow => {
  const { completion, kind } = upload
  return {
    id: upload.id,
    version,
    fence,
    kind: kind._tag,
    parts: kind._tag === "Final" ? kind.parts.join(" ") : null,
    concat: kind._tag === "Final" ? kind.concat : null,
    upload_offset: upload.offset,
    synced_offset: synced,
    tail_bytes: upload.offset - stored,
    upload_length: Option.getOrNull(upload.length),
    metadata: Option.getOrNull(upload.metadata),
    created_at: DateTime.toEpochMillis(upload.createdAt),
    expires_at: Option.getOrNull(Option.map(upload.expiresAt, DateTime.toEpochMillis)),
    expiry_stands: upload.expiryIsFixed ? 1 : 0,
    completion: completion._tag,
    completed_at: completion._tag === "Complete" ? DateTime.toEpochMillis(completion.at) : null,
    rejected_status: completion._tag === "Rejected" ? completion.status : null,
    rejected_reason: completion._tag === "Rejected" ? completion.reason : null,
    final_answer: completion._tag === "Complete"
      ? Option.getOrNull(Option.map(completion.answer, FinalAnswer.encode))
      : null,
    owner: Option.getOrNull(upload.owner),
    dialect: upload.dialect
  }
}

/** Anybody may have written to the database, so every invariant of the upload is checked. */
export const decode = (row: unknown): Either.Either<StoredUpload, ParseResult.ParseError> =>
  Either.flatMap(decodeColumns(row), (columns) =>
    decodeEntry({
      version: columns.version,
      fence: columns.fence,
      stored: columns.upload_offset - columns.tail_bytes,
      synced: columns.synced_offset,
      upload: {
        id: columns.id,
        kind: { _tag: columns.kind, parts: columns.parts?.split(" "), concat: columns.concat },
        offset: columns.upload_offset,
        length: columns.upload_length,
        metadata: columns.metadata,
        createdAt: columns.created_at,
        expiresAt: columns.expires_at,
        expiryIsFixed: columns.expiry_stands === 1,
        completion: {
          _tag: columns.completion,
          at: columns.completed_at,
          answer: columns.final_answer,
          status: columns.rejected_status,
          reason: columns.rejected_reason
        },
        owner: columns.owner,
        dialect: columns.dialect
      }
    }))

/**
 * The dialect of a row that this version does not serve: only a newer version can read its other columns.
 */
export const unknownDialectOf = (row: unknown): Option.Option<Dialect.Dialect> =>
  decodeDialect(row).pipe(Option.filter((row) => !Dialect.isServed(row)), Option.map(({ dialect }) => dialect))

const decodeDialect = Schema.decodeUnknownOption(Schema.Struct({ dialect: Dialect.Dialect }))
const decodeColumns = Schema.decodeUnknownEither(Columns)
const decodeEntry = Schema.decodeUnknownEither(
  Schema.Struct({ upload: Upload, version: Schema.Int, fence: Schema.Int, stored: Bytes, synced: Bytes })
)
