/**
 * States in a SQLite or PostgreSQL database. Concurrent writes share a transaction.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Pairing from "../store/Pairing.js"
import { committed, created, type StoredUpload, UploadRegistry } from "../store/UploadRegistry.js"
import { Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import * as Claim from "./Claim.js"
import * as Committer from "./Committer.js"
import * as CrashRecovery from "./CrashRecovery.js"
import * as Migrations from "./Migrations.js"
import * as Reads from "./Reads.js"
import * as Registration from "./Registration.js"
import * as SqlFailure from "./SqlFailure.js"
import * as SqliteSpace from "./SqliteSpace.js"
import * as SqliteSync from "./SqliteSync.js"
import * as Turns from "./Turns.js"
import * as WriteBatch from "./WriteBatch.js"
import * as WriteOutcome from "./WriteOutcome.js"

/** A histogram of how many states each transaction of this process has written: `tus_commit_batch_size`. */
export const commitBatchSize = Committer.batchSize

/**
 * Runs the migrations, rolls unfinished uploads back after a reboot (`BootId`), and begins to write. Closing its scope
 * waits for the queued writes. Do not call it within a transaction of the same client: the writes wait for the
 * transaction to end.
 */
export const make: Effect.Effect<UploadRegistry["Type"], UploadStoreError, SqlClient.SqlClient | Scope.Scope> = Effect
  .gen(function*() {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const prepare = SqlFailure.toStoreError("Write", "prepare the tables")
    const durably = yield* Effect.mapError(
      SqliteSync.make(sql).pipe(Effect.zipLeft(SqliteSpace.prepare(sql)), Effect.zipLeft(Migrations.run)),
      prepare
    )
    yield* Registration.admit(sql, Migrations.latest)
    yield* Effect.mapError(CrashRecovery.rollBack(sql), prepare)
    const perform = WriteBatch.perform(sql)

    const write = yield* Committer.make<WriteBatch.Write>({
      idOf: ({ row }) => row.id,
      limit: 256,
      isOutage: SqlFailure.isOutage,
      write: (writes) => {
        const done = perform(writes)
        return (writes.some(({ durable }) => durable) ? durably(done) : done).pipe(
          Effect.mapError(SqlFailure.toStoreError("Write", `write the states of ${writes.length} uploads`))
        )
      }
    })

    const learn = WriteOutcome.learn(sql)
    const writeOrSuperseded = (next: WriteBatch.Write, entry: StoredUpload) => {
      const result = (tookEffect: boolean): Effect.Effect<StoredUpload, Superseded> =>
        tookEffect ? Effect.succeed(entry) : new Superseded({ id: entry.upload.id })
      return write(
        next,
        result,
        (error) => SqlFailure.isUnsure(error) ? Effect.flatMap(learn(next, error), result) : Effect.fail(error)
      )
    }

    const reads = Reads.make(sql)
    return UploadRegistry.of({
      ...reads,
      create: (upload, options) => {
        const entry = created(upload, options)
        return writeOrSuperseded(WriteBatch.create(entry, options), entry)
      },
      commit: (entry, upload, options) => {
        const next = committed(entry, upload, options)
        return writeOrSuperseded(WriteBatch.commit(entry, next, options), next)
      },
      remove: (entry, options) => Effect.asVoid(writeOrSuperseded(WriteBatch.remove(entry, options), entry)),
      claim: Claim.make(sql, reads.get),
      giveBack: Effect.mapError(SqliteSpace.giveBack(sql), SqlFailure.toStoreError("Write", "shrink the database")),
      identity: Registration.identity(sql, durably),
      takeTurn: Turns.make(sql, Pairing.newName())
    })
  })

const refuse = () =>
  new UploadStoreError({
    reason: "Write",
    operation: "write to the database",
    cause: new Error("it is open for reading only")
  })

/**
 * For reading beside a server: runs no migration, and every write fails. Fails with an `UploadStoreError` if the
 * database requires a newer version.
 */
export const makeReading: Effect.Effect<UploadRegistry["Type"], UploadStoreError, SqlClient.SqlClient> = Effect.gen(
  function*() {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    yield* Registration.admit(sql, Migrations.latest)
    return UploadRegistry.of({ ...Reads.make(sql), claim: refuse, create: refuse, commit: refuse, remove: refuse })
  }
)

/**
 * `make` over the provided `SqlClient`, as long as the layer lives. Fails with an `UploadStoreError` if a migration
 * fails. Each `get` reads the database; `RegistryCache` avoids that if nobody else writes.
 */
export const layer: Layer.Layer<UploadRegistry, UploadStoreError, SqlClient.SqlClient> = Layer.scoped(
  UploadRegistry,
  make
)
