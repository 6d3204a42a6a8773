/**
 * States in a database that speaks the SQL of SQLite or PostgreSQL. What is to be written at the same time is written
 * together.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { Statement } from "@effect/sql/Statement"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Bytes, UploadId } from "../protocol/Upload.js"
import { committed, created, type Entry, UploadRegistry } from "../store/UploadRegistry.js"
import { Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import * as Committer from "./Committer.js"
import * as Durability from "./Durability.js"
import * as Migrations from "./Migrations.js"
import * as Reboot from "./Reboot.js"
import * as SqlFailure from "./SqlFailure.js"
import * as UploadRow from "./UploadRow.js"
import * as Writes from "./Writes.js"

/** How many states each commit of this process has written, a histogram: `tus_commit_batch_size`. */
export const commitBatchSize = Committer.batchSize

/**
 * Brings the tables up to date, sets back what a power cut may have taken where `Boot` tells of one, and begins to write. Closing its scope waits for what is queued.
 *
 * - Never to be asked from within a transaction of the same client: the writes wait for the transaction to end.
 * - Pages are in the order of the database's collation: where that is not the order of code units (PostgreSQL: a locale
 *   other than C), no page misses an id or repeats one, but the order is another.
 */
export const make: Effect.Effect<UploadRegistry["Type"], UploadStoreError, SqlClient.SqlClient | Scope.Scope> = Effect
  .gen(function*() {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const durably = yield* Durability.make(sql).pipe(
      Effect.zipLeft(Migrations.run),
      Effect.zipLeft(Reboot.settle(sql)),
      Effect.mapError(SqlFailure.toStoreError("Write", "prepare the tables"))
    )
    const perform = Writes.perform(sql)

    const write = yield* Committer.make<Writes.Write>({
      idOf: ({ row }) => row.id,
      limit: 256,
      isOutage: SqlFailure.isLocked,
      write: (writes) => {
        const done = perform(writes)
        return (writes.some(({ durable }) => durable) ? durably(done) : done).pipe(
          Effect.mapError(SqlFailure.toStoreError("Write", `write the states of ${writes.length} uploads`))
        )
      }
    })

    const settle = (next: Writes.Write, entry: Entry) =>
      Effect.flatMap(
        write(next),
        (done) => done ? Effect.succeed(entry) : new Superseded({ id: entry.upload.id })
      )

    const ids = (operation: string, statement: Statement<object>) =>
      Effect.map(read(operation, statement, decodeIds), Arr.map(({ id }) => id))

    return UploadRegistry.of({
      create: (upload, options) => {
        const entry = created(upload, options)
        return settle(Writes.create(entry, options), entry)
      },
      get: (id) =>
        read(
          `read the state of ${id}`,
          sql`SELECT * FROM effect_tus_uploads WHERE id = ${id}`,
          ([row]) => row === undefined ? Either.right(Option.none()) : Either.map(UploadRow.decode(row), Option.some)
        ),
      missing: (asked) =>
        Arr.isNonEmptyReadonlyArray(asked)
          ? ids(
            `look for ${asked.length} uploads`,
            sql`WITH asked (id) AS (VALUES ${sql.csv(asked.map((id) => sql`(${id})`))}) SELECT id FROM asked
              WHERE NOT EXISTS (SELECT 1 FROM effect_tus_uploads held WHERE held.id = asked.id)`
          )
          : Effect.succeed([]),
      commit: (entry, upload, options) => {
        const next = committed(entry, upload, options)
        return settle(Writes.commit(entry.upload, next, options), next)
      },
      remove: (entry, options) => Effect.asVoid(settle(Writes.remove(entry, options), entry)),
      expired: (now, { after, limit }) => {
        const start = after === undefined ? Number.MIN_SAFE_INTEGER : DateTime.toEpochMillis(after.expiresAt)
        return read(
          "look for expired uploads",
          sql`SELECT id, expires_at FROM effect_tus_uploads
            WHERE expires_at <= ${DateTime.toEpochMillis(now)} AND (expires_at, id) > (${start}, ${after?.id ?? ""})
            ORDER BY expires_at, id LIMIT ${limit}`,
          decodeDue
        )
      },
      /** The condition is spelled like that of the index. */
      unsettled: ({ after = "", limit }) =>
        ids(
          "look for unsettled uploads",
          sql`SELECT id FROM effect_tus_uploads
            WHERE (completion = 'Finishing' OR (kind = 'Final' AND completion = 'Open')) AND id > ${after}
            ORDER BY id LIMIT ${limit}`
        ),
      /** Likewise: what is not synced has begun. */
      unsynced: ({ after = "", limit }) =>
        ids(
          "look for uploads that are not synced",
          sql`SELECT id FROM effect_tus_uploads
            WHERE completion = 'Open' AND upload_offset > 0 AND upload_offset > synced_offset AND id > ${after}
            ORDER BY id LIMIT ${limit}`
        ),
      finalsOf: (part) =>
        ids(
          `look for the finals of ${part}`,
          sql`SELECT final.id FROM effect_tus_parts JOIN effect_tus_uploads final ON final.id = final_id
            WHERE part_id = ${part} AND final.completion = 'Open' ORDER BY final.id`
        ),
      usedUp: ({ after = "", limit }) =>
        ids(
          "look for parts that are used up",
          sql`SELECT part.id FROM effect_tus_parts
            JOIN effect_tus_uploads part ON part.id = part_id
            JOIN effect_tus_uploads final ON final.id = final_id
            WHERE part_id > ${after} AND part.kind = 'Partial' AND part.completion <> 'Open'
            GROUP BY part.id
            HAVING SUM(CASE WHEN final.completion = 'Complete' THEN 1 ELSE 0 END) > 0
              AND SUM(CASE WHEN final.completion IN ('Open', 'Finishing') THEN 1 ELSE 0 END) = 0
            ORDER BY part.id LIMIT ${limit}`
        ),
      /** Likewise. */
      begun: ({ after, limit }) =>
        read(
          "look for uploads that have begun",
          sql`SELECT id, upload_offset FROM effect_tus_uploads
            WHERE completion = 'Open' AND upload_offset > 0 AND id > ${after?.id ?? ""}
            ORDER BY id LIMIT ${limit}`,
          decodeBegun
        ),
      list: ({ after = "", limit }) =>
        read(
          "list uploads",
          sql`SELECT * FROM effect_tus_uploads WHERE id > ${after} ORDER BY id LIMIT ${limit}`,
          (rows) => Either.all(rows.map((row) => Either.map(UploadRow.decode(row), ({ upload }) => upload)))
        ),
      usage: read(
        "sum up uploads",
        sql`SELECT COUNT(*) AS uploads, COALESCE(SUM(upload_offset), 0) AS bytes FROM effect_tus_uploads`,
        ([row]) => decodeUsage(row)
      ),
      accounts: read(
        "sum up uploads by owner",
        sql`SELECT owner,
          SUM(COALESCE(upload_length, upload_offset)) AS bytes,
          SUM(CASE WHEN completion = 'Open' THEN 1 ELSE 0 END) AS open,
          SUM(CASE WHEN completion = 'Open' AND kind <> 'Final'
            THEN COALESCE(upload_length, upload_offset) - upload_offset ELSE 0 END) AS outstanding
          FROM effect_tus_uploads GROUP BY owner`,
        decodeAccounts
      ),
      lastFence: Effect.map(
        read(
          "read the last fence",
          sql`SELECT COALESCE(MAX(fence), 0) AS fence FROM effect_tus_uploads`,
          ([row]) => decodeFence(row)
        ),
        ({ fence }) => fence
      )
    })
  })

/**
 * `make` as long as the layer lives, over the `SqlClient` that is provided. Fails with an `UploadStoreError` where the tables
 * cannot be prepared. Each `get` asks the database: `LiveStates` spares it that where nobody else writes.
 */
export const layer: Layer.Layer<UploadRegistry, UploadStoreError, SqlClient.SqlClient> = Layer.scoped(
  UploadRegistry,
  make
)

const decodeIds = Schema.decodeUnknownEither(Schema.Array(Schema.Struct({ id: UploadId })))
const decodeDue = Schema.decodeUnknownEither(
  Schema.Array(
    Schema.Struct({
      id: UploadId,
      expiresAt: Schema.propertySignature(Schema.compose(UploadRow.BigInt, Schema.DateTimeUtcFromNumber)).pipe(
        Schema.fromKey("expires_at")
      )
    })
  )
)
const decodeBegun = Schema.decodeUnknownEither(
  Schema.Array(
    Schema.Struct({
      id: UploadId,
      offset: Schema.propertySignature(Schema.compose(UploadRow.BigInt, Bytes)).pipe(
        Schema.fromKey("upload_offset")
      )
    })
  )
)
const decodeUsage = Schema.decodeUnknownEither(
  Schema.Struct({ uploads: UploadRow.BigInt, bytes: UploadRow.BigInt })
)
const decodeAccounts = Schema.decodeUnknownEither(
  Schema.Array(
    Schema.Struct({
      owner: Schema.OptionFromNullOr(Schema.String),
      bytes: UploadRow.BigInt,
      open: UploadRow.BigInt,
      outstanding: UploadRow.BigInt
    })
  )
)
const decodeFence = Schema.decodeUnknownEither(Schema.Struct({ fence: UploadRow.BigInt }))

const read = <A>(
  operation: string,
  statement: Statement<object>,
  decode: (rows: ReadonlyArray<object>) => Either.Either<A, ParseResult.ParseError>
) =>
  Effect.flatMap(
    Effect.mapError(statement, SqlFailure.toStoreError("Read", operation)),
    (rows) => Either.mapLeft(decode(rows), (cause) => new UploadStoreError({ reason: "Corrupt", operation, cause }))
  )
