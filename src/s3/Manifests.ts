/**
 * The manifests in a database. Whoever changes one does so under the fence of its lock: a change under another fence
 * than the last one fails with `Superseded`, and changes nothing.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import type * as Statement from "@effect/sql/Statement"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import * as SqlFailure from "../sql/SqlFailure.js"
import { Superseded, type UploadStoreError } from "../store/UploadStoreError.js"
import * as Manifest from "./Manifest.js"

/** What is stored of an upload. */
export interface Stored {
  readonly manifest: Manifest.Manifest
  readonly writtenAt: DateTime.Utc
}

/** An upload that is not sealed, or has the mark of `condemn`. */
export interface Unsealed {
  readonly id: UploadId
  readonly isCondemned: boolean
}

export interface Change {
  readonly id: UploadId
  readonly fence: number
  readonly before: Manifest.Manifest
  readonly after: Manifest.Manifest
  /** Whether the upload is one object now. False by default. */
  readonly isSealed?: boolean
}

export type Manifests = ReturnType<typeof make>

export const make = (sql: SqlClient.SqlClient) => ({
  ...reads(sql),
  ...writes(sql),
  claim: claiming(sql),

  mark: (id: UploadId, isCondemned: boolean): Effect.Effect<void, UploadStoreError> =>
    told(
      "Write",
      `mark the manifest of ${id}`,
      Effect.asVoid(sql`UPDATE effect_tus_s3_uploads SET is_condemned = ${isCondemned ? 1 : 0} WHERE id = ${id}`)
    )
})

/** Failures of the database become those of the store. What has begun is not interrupted. */
const told = <A, E>(reason: "Read" | "Write", operation: string, effect: Effect.Effect<A, E | SqlError>) =>
  Effect.uninterruptible(Effect.mapError(
    effect,
    (error) =>
      error instanceof SqlError ? SqlFailure.toStoreError(reason, operation)(error) : error as Exclude<E, SqlError>
  ))

const manifestOf = (sql: SqlClient.SqlClient, id: UploadId): Effect.Effect<Manifest.Manifest, SqlError> =>
  Effect.zipWith(
    sql<PieceRow>`SELECT * FROM effect_tus_s3_pieces WHERE id = ${id}`,
    sql<ChapterRow>`SELECT * FROM effect_tus_s3_chapters WHERE id = ${id} ORDER BY chapter`,
    (pieces, chapters) => ({ pieces: pieces.map(pieceOf), chapters: chapters.map(chapterOf) })
  )

const write = (
  sql: SqlClient.SqlClient,
  { after, before, id }: Pick<Change, "after" | "before" | "id">
): Effect.Effect<void, SqlError> => Effect.all(statements(sql, id, before, after), { discard: true })

/**
 * Claims the upload for this fence, and makes what `next` returns its manifest: from now on, changes under lower fences
 * fail. `next` is handed undefined for an unknown upload.
 */
const claiming =
  (sql: SqlClient.SqlClient) =>
  <A extends { readonly after: Manifest.Manifest; readonly isSealed?: boolean }, E>(
    id: UploadId,
    fence: number,
    next: (found: Manifest.Manifest | undefined) => Effect.Effect<A, E>
  ): Effect.Effect<A & { readonly before: Manifest.Manifest }, E | Superseded | UploadStoreError> =>
    Effect.flatMap(DateTime.now, (now) =>
      told(
        "Write",
        `claim the manifest of ${id}`,
        sql.withTransaction(Effect.gen(function*() {
          const [row] = yield* sql<{ readonly is_sealed: Whole }>`INSERT INTO effect_tus_s3_uploads
          (id, fence, written_at, is_sealed) VALUES (${id}, ${fence}, ${DateTime.toEpochMillis(now)}, ${unknown})
          ON CONFLICT (id) DO UPDATE SET fence = excluded.fence, written_at = excluded.written_at
          WHERE effect_tus_s3_uploads.fence <= excluded.fence RETURNING is_sealed`
          if (row === undefined) {
            return yield* new Superseded({ id })
          }
          const before = yield* manifestOf(sql, id)
          const result = yield* next(Number(row.is_sealed) === unknown ? undefined : before)
          yield* write(sql, { id, before, after: result.after })
          const isSealed = result.isSealed ?? (result.after === before && Number(row.is_sealed) === 1)
          yield* sql`UPDATE effect_tus_s3_uploads SET is_sealed = ${isSealed ? 1 : 0} WHERE id = ${id}`
          return { ...result, before }
        }))
      ))

/** Whether an upload is sealed that was not there: never outside a transaction. */
const unknown = -1

const writes = (sql: SqlClient.SqlClient) => ({
  /** Makes `after` the manifest in place of `before`, which is the one that was stored under this fence. */
  change: (
    { after, before, fence, id, isSealed = false }: Change
  ): Effect.Effect<void, Superseded | UploadStoreError> =>
    Effect.flatMap(DateTime.now, (now) =>
      told(
        "Write",
        `write the manifest of ${id}`,
        sql.withTransaction(Effect.gen(function*() {
          // Others wait for this row, so that they see all of a change, or nothing.
          const [row] = yield* sql`UPDATE effect_tus_s3_uploads
            SET written_at = ${DateTime.toEpochMillis(now)}, is_sealed = ${isSealed ? 1 : 0}
            WHERE id = ${id} AND fence = ${fence} RETURNING id`
          return row === undefined ? yield* new Superseded({ id }) : yield* write(sql, { id, before, after })
        }))
      )),

  /** Removes a manifest, and returns it. */
  remove: (id: UploadId, fence: number): Effect.Effect<Manifest.Manifest, Superseded | UploadStoreError> =>
    told(
      "Write",
      `remove the manifest of ${id}`,
      sql.withTransaction(Effect.gen(function*() {
        // Others wait for this row.
        const [row] = yield* sql<{ readonly fence: Whole }>`UPDATE effect_tus_s3_uploads SET is_sealed = is_sealed
          WHERE id = ${id} RETURNING fence`
        if (row === undefined) {
          return Manifest.empty
        }
        if (Number(row.fence) > fence) {
          return yield* new Superseded({ id })
        }
        const before = yield* manifestOf(sql, id)
        yield* write(sql, { id, before, after: Manifest.empty })
        yield* sql`DELETE FROM effect_tus_s3_uploads WHERE id = ${id}`
        return before
      }))
    )
})

const reads = (sql: SqlClient.SqlClient) => ({
  /** `Option.none` for an unknown upload. */
  load: (id: UploadId): Effect.Effect<Option.Option<Stored>, UploadStoreError> =>
    told(
      "Read",
      `read the manifest of ${id}`,
      Effect.flatMap(
        sql<{ readonly written_at: Whole }>`SELECT written_at FROM effect_tus_s3_uploads WHERE id = ${id}`,
        ([row]) =>
          row === undefined ?
            Effect.succeedNone :
            Effect.map(
              manifestOf(sql, id),
              (manifest) => Option.some({ manifest, writtenAt: DateTime.unsafeMake(Number(row.written_at)) })
            )
      )
    ),

  /** In the order of their ids, behind `after`. Must repeat the WHERE clause of the partial index. */
  unsealed: (after: string, limit: number): Effect.Effect<ReadonlyArray<Unsealed>, UploadStoreError> =>
    told(
      "Read",
      "list the manifests",
      Effect.map(
        sql<{ readonly id: UploadId; readonly is_condemned: Whole }>`SELECT id, is_condemned
          FROM effect_tus_s3_uploads WHERE (is_sealed = 0 OR is_condemned = 1) AND id > ${after}
          ORDER BY id LIMIT ${limit}`,
        (rows) => rows.map(({ id, is_condemned }) => ({ id, isCondemned: Number(is_condemned) === 1 }))
      )
    ),

  /** All keys and multipart ids that the manifests of these uploads name. */
  named: (ids: ReadonlyArray<string>): Effect.Effect<ReadonlySet<string>, UploadStoreError> =>
    told(
      "Read",
      "look for names in the manifests",
      ids.length === 0 ? Effect.succeed(new Set<string>()) : Effect.map(
        sql<{ readonly name: string }>`SELECT name FROM effect_tus_s3_pieces WHERE ${sql.in("id", ids)}
          UNION SELECT object_key AS name FROM effect_tus_s3_chapters WHERE ${sql.in("id", ids)}
          UNION SELECT multipart_id AS name FROM effect_tus_s3_chapters WHERE ${sql.in("id", ids)}`,
        (rows) => new Set(rows.map(({ name }) => name))
      )
    )
})

/** What makes the stored `before` the stored `after`. */
const statements = (
  sql: SqlClient.SqlClient,
  id: UploadId,
  before: Manifest.Manifest,
  after: Manifest.Manifest
): ReadonlyArray<Statement.Statement<object>> => {
  const kept = new Set(after.pieces.map(Manifest.nameOf))
  const gone = before.pieces.map(Manifest.nameOf).filter((name) => !kept.has(name))
  const chapters = new Set(after.chapters.map(({ chapter }) => chapter))
  const closed = before.chapters.map(({ chapter }) => chapter).filter((chapter) => !chapters.has(chapter))
  return [
    ...gone.map((name) => sql`DELETE FROM effect_tus_s3_pieces WHERE id = ${id} AND name = ${name}`),
    ...closed.map((chapter) => sql`DELETE FROM effect_tus_s3_chapters WHERE id = ${id} AND chapter = ${chapter}`),
    ...after.chapters.filter((chapter) => !before.chapters.includes(chapter)).map((chapter) =>
      sql`INSERT INTO effect_tus_s3_chapters ${sql.insert(chapterRow(id, chapter))}
        ON CONFLICT (id, chapter) DO UPDATE SET writer = excluded.writer`
    ),
    ...after.pieces.filter((piece) => !before.pieces.includes(piece)).map((piece) =>
      sql`INSERT INTO effect_tus_s3_pieces ${sql.insert(pieceRow(id, piece))}
        ON CONFLICT (id, name) DO UPDATE SET start = excluded.start, size = excluded.size`
    )
  ]
}

/** Some drivers return BIGINT as text. */
type Whole = number | string

interface PieceRow {
  readonly id: string
  readonly name: string
  readonly start: Whole
  readonly size: Whole
  readonly object_size: Whole | null
  readonly chapter: Whole | null
  readonly part: Whole | null
  readonly etag: string | null
}

const pieceOf = (row: PieceRow): Manifest.Piece => {
  const range = { start: Number(row.start), size: Number(row.size) }
  return row.chapter === null
    ? { _tag: "Object", ...range, key: row.name, objectSize: Number(row.object_size) }
    : { _tag: "Part", ...range, chapter: Number(row.chapter), number: Number(row.part), etag: row.etag ?? "" }
}

const pieceRow = (id: UploadId, piece: Manifest.Piece) => {
  const { size, start } = piece
  const row = { id, name: Manifest.nameOf(piece), start, size }
  return piece._tag === "Object"
    ? { ...row, object_size: piece.objectSize, chapter: null, part: null, etag: null }
    : { ...row, object_size: null, chapter: piece.chapter, part: piece.number, etag: piece.etag }
}

interface ChapterRow {
  readonly chapter: Whole
  readonly start: Whole
  readonly object_key: string
  readonly multipart_id: string
  readonly token: string
  readonly part_size: Whole
  readonly writer: Whole | null
}

const chapterOf = (row: ChapterRow): Manifest.Chapter => ({
  chapter: Number(row.chapter),
  start: Number(row.start),
  key: row.object_key,
  multipartId: row.multipart_id,
  token: row.token,
  partSize: Number(row.part_size),
  writer: row.writer === null ? undefined : Number(row.writer)
})

const chapterRow = (id: UploadId, { chapter, key, multipartId, partSize, start, token, writer }: Manifest.Chapter) => ({
  id,
  chapter,
  start,
  object_key: key,
  multipart_id: multipartId,
  token,
  part_size: partSize,
  writer: writer ?? null
})
