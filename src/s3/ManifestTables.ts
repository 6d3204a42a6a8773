/**
 * The tables of the manifests, in SQL that SQLite and PostgreSQL both run.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Migrating from "../sql/Migrating.js"

/**
 * An upload, its chapters and its pieces. `name` is the key of an object, or the chapter and number of a part. Uploads
 * that are sealed are many, and in no index but that of their id.
 */
const manifests = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  const id = Migrating.idType(sql)
  yield* sql`CREATE TABLE effect_tus_s3_uploads (
    id ${id} PRIMARY KEY NOT NULL,
    fence BIGINT NOT NULL,
    written_at BIGINT NOT NULL,
    is_sealed BIGINT NOT NULL DEFAULT 0,
    is_condemned BIGINT NOT NULL DEFAULT 0
  )`
  yield* sql`CREATE INDEX effect_tus_s3_unsealed ON effect_tus_s3_uploads (id)
    WHERE is_sealed = 0 OR is_condemned = 1`
  yield* sql`CREATE TABLE effect_tus_s3_chapters (
    id ${id} NOT NULL,
    chapter BIGINT NOT NULL,
    start BIGINT NOT NULL,
    object_key TEXT NOT NULL,
    multipart_id TEXT NOT NULL,
    token TEXT NOT NULL,
    part_size BIGINT NOT NULL,
    writer BIGINT,
    PRIMARY KEY (id, chapter)
  )`
  yield* sql`CREATE TABLE effect_tus_s3_pieces (
    id ${id} NOT NULL,
    name TEXT NOT NULL,
    start BIGINT NOT NULL,
    size BIGINT NOT NULL,
    object_size BIGINT,
    chapter BIGINT,
    part BIGINT,
    etag TEXT,
    PRIMARY KEY (id, name)
  )`
})

export const run = Migrating.run("effect_tus_s3_migrations", { "1_manifests": manifests })
