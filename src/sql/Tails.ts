/**
 * The tails of uploads, in pieces, in a table of their own. They change in the transaction of the state.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { type StoredUpload, tailOf } from "../store/StoredUpload.js"
import type * as UploadRegistry from "../store/UploadRegistry.js"
import { UploadStoreError } from "../store/UploadStoreError.js"
import * as Pages from "./Pages.js"
import * as Rows from "./Rows.js"
import * as SqlFailure from "./SqlFailure.js"

/** The most bytes of a tail. */
export const limit = 64 * 1024

/** What a write does to the tail of its upload. */
export type Change =
  | { readonly _tag: "None" }
  | { readonly _tag: "Grow"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly _tag: "Drop" }
  /** Keeps the bytes from `start` to `end`. */
  | { readonly _tag: "Cut"; readonly start: number; readonly end: number }

export const none: Change = { _tag: "None" }

/** Of a new upload. */
export const begun = ({ stored, upload }: StoredUpload, tail: Uint8Array | undefined): Change =>
  tail === undefined ? none : grown(stored, upload.offset, tail)

export const changed = (before: StoredUpload, after: StoredUpload, tail: Uint8Array | undefined): Change =>
  tail !== undefined
    ? grown(before.upload.offset, after.upload.offset, tail)
    : tailOf(before) === 0
    ? none
    : tailOf(after) === 0
    ? { _tag: "Drop" }
    : before.stored === after.stored && before.upload.offset === after.upload.offset
    ? none
    : { _tag: "Cut", start: after.stored, end: after.upload.offset }

/** Of a removed upload. */
export const removed = (entry: StoredUpload): Change => tailOf(entry) === 0 ? none : { _tag: "Drop" }

const grown = (at: number, end: number, bytes: Uint8Array): Change => {
  if (bytes.length !== end - at) {
    throw new Error(`expected a tail of ${end - at} bytes, got ${bytes.length}`)
  }
  return bytes.length === 0 ? none : { _tag: "Grow", at, bytes }
}

/** A write that has taken effect. */
interface Done {
  readonly id: string
  readonly tail: Change
}

/** Changes the tails in the transaction that wrote the states. */
export const change = Effect.fnUntraced(function*(
  sql: SqlClient.SqlClient,
  done: ReadonlyArray<Done>
): Effect.fn.Return<void, SqlError> {
  const dropped = done.filter(({ tail }) => tail._tag === "Drop")
  if (dropped.length > 0) {
    yield* sql`DELETE FROM effect_tus_tails WHERE ${sql.in("id", dropped.map(({ id }) => id))}`
  }
  for (const { id, tail } of done) {
    if (tail._tag === "Cut") {
      yield* cut(sql, id, tail)
    }
  }
  const pieces = done.flatMap(({ id, tail }) => tail._tag === "Grow" ? [{ id, at: tail.at, bytes: tail.bytes }] : [])
  if (pieces.length > 0) {
    yield* sql`INSERT INTO effect_tus_tails ${sql.insert(pieces)}`
  }
})

/** Before the first tail of a process: versions that know no tails must not write to this database any more. */
export const announce = (sql: SqlClient.SqlClient): Effect.Effect<void, SqlError> => {
  let isAnnounced = false
  return Effect.suspend(() =>
    isAnnounced
      ? Effect.void
      : Effect.map(sql`UPDATE effect_tus_registry SET oldest = 7 WHERE oldest < 7`, () => {
        isAnnounced = true
      })
  )
}

/** Removes the pieces outside of the range. A piece across one of its ends is shortened. */
const cut = (sql: SqlClient.SqlClient, id: string, { end, start }: { readonly start: number; readonly end: number }) =>
  Effect.zipRight(
    sql`DELETE FROM effect_tus_tails WHERE id = ${id} AND (at >= ${end} OR at + length(bytes) <= ${start})`,
    Effect.zipRight(
      sql`UPDATE effect_tus_tails SET bytes = substr(bytes, 1, CAST(${end} - at AS INTEGER))
        WHERE id = ${id} AND at + length(bytes) > ${end}`,
      sql`UPDATE effect_tus_tails SET at = ${start}, bytes = substr(bytes, CAST(${start} - at + 1 AS INTEGER))
        WHERE id = ${id} AND at < ${start}`
    )
  )

interface Piece {
  readonly stored: number | string
  readonly upload_offset: number | string
  readonly at: number | string | null
  readonly bytes: Uint8Array | null
}

/** One statement, so that state and pieces are of one moment. */
export const read = (sql: SqlClient.SqlClient): UploadRegistry.Tails["read"] => (id) => {
  const operation = `read the tail of ${id}`
  return Effect.flatMap(
    Effect.mapError(
      sql<Piece>`SELECT upload.upload_offset - upload.tail_bytes AS stored, upload.upload_offset, tail.at, tail.bytes
        FROM effect_tus_uploads upload LEFT JOIN effect_tus_tails tail ON tail.id = upload.id
        WHERE upload.id = ${id} ORDER BY tail.at`,
      SqlFailure.toStoreError("Read", operation)
    ),
    (rows) => {
      const [first] = rows
      if (first === undefined) {
        return Effect.succeedNone
      }
      const at = Number(first.stored)
      const pieces = rows.flatMap(({ bytes }) => bytes === null ? [] : [bytes])
      const end = piecesEnd(at, rows)
      return end === Number(first.upload_offset)
        ? Effect.succeedSome({ at, pieces })
        : new UploadStoreError({
          reason: "Corrupt",
          operation,
          cause: new Error(`expected bytes from ${at} to ${first.upload_offset}, found those to ${end}`)
        })
    }
  )
}

/** Found by their ids. */
export const whole = (sql: SqlClient.SqlClient): UploadRegistry.Tails["whole"] => (ids) =>
  Arr.isNonEmptyReadonlyArray(ids)
    ? Rows.all(
      `look for the bytes of ${ids.length} uploads`,
      sql<Rows.IdRow>`SELECT id FROM effect_tus_uploads
        WHERE ${sql.in("id", ids)} AND completion <> 'Open' AND tail_bytes > 0 AND tail_bytes = upload_offset`,
      Rows.decodeId
    )
    : Effect.succeed([])

/** Must repeat the WHERE clause of the partial index. */
export const complete = (sql: SqlClient.SqlClient): UploadRegistry.Tails["complete"] =>
  Pages.ids("look for complete uploads with a tail", (after, limit) =>
    sql`SELECT id FROM effect_tus_uploads
        WHERE completion = 'Complete' AND tail_bytes > 0 AND id > ${after}
        ORDER BY id LIMIT ${limit}`)

/** The offset up to which the pieces are there, without a gap. */
const piecesEnd = (start: number, rows: ReadonlyArray<Piece>): number =>
  rows.reduce((end, { at, bytes }) => bytes !== null && Number(at) === end ? end + bytes.length : end, start)
