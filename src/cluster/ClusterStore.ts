/**
 * The store of any number of servers: states and locks in one PostgreSQL, bytes in a store that all of them reach. No
 * server keeps anything that another one would need.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PgUploadLock from "../postgres/PgUploadLock.js"
import * as PgUsageLedger from "../postgres/PgUsageLedger.js"
import * as PostgresClient from "../postgres/PostgresClient.js"
import * as UploadLimits from "../server/hooks/UploadLimits.js"
import { OptionError } from "../server/policy/OptionError.js"
import * as SqlUploadRegistry from "../sql/SqlUploadRegistry.js"
import { ByteStore } from "../store/ByteStore.js"
import * as TracedStore from "../store/TracedStore.js"
import type { UploadLock } from "../store/UploadLock.js"
import type { UploadRegistry } from "../store/UploadRegistry.js"
import * as UploadStore from "../store/UploadStore.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"

/** Where states and bytes are. */
export interface Options {
  /** The database of all servers. */
  readonly database: PostgresClient.Options
  /** How the servers hear of each other. */
  readonly lock?: PgUploadLock.Options | undefined
  /**
   * The bytes of all servers, such as `S3ByteStore.layer`. It gets the client of the database. Files on one machine are
   * refused: the others would not find them.
   */
  readonly bytes: Layer.Layer<ByteStore, OptionError | UploadStoreError, SqlClient.SqlClient>
  /**
   * Quotas of owners, which hold for all servers together, and limits of each process. None by default. There is no
   * disk whose free space they could watch.
   */
  readonly limits?: Omit<UploadLimits.Options, "minFreeBytes"> | undefined
  /** Whether each call of the store has a span. Not by default. */
  readonly tracing?: boolean | undefined
}

/** The services that a `TusServer` needs. */
export type Services = ByteStore | UploadLock | UploadRegistry | UploadStore.UploadStore

/** Bytes that only this process finds are none for the others. */
const shared = (bytes: Options["bytes"]) =>
  Layer.effect(
    ByteStore,
    Effect.filterOrFail(
      ByteStore,
      ({ isShared }) => isShared === true,
      () =>
        new OptionError({
          option: "bytes",
          expected: "a byte store that several servers can share, such as S3ByteStore",
          actual: "one of this process"
        })
    )
  ).pipe(Layer.provide(bytes))

/**
 * The services that a `TusServer` needs. Everything that was acknowledged survives the loss of a server: the database
 * waits for its disk, and the bytes for their store, so `Durability` is `"always"`. Fails with an `UploadStoreError` if
 * the database cannot be reached, and with an `OptionError` if an option makes no sense.
 *
 * The first bytes of an upload, up to 64 KiB, wait in the database: they need no object of their own.
 */
export const layer = (
  { bytes, database, limits, lock, tracing = false }: Options
): Layer.Layer<Services, OptionError | UploadStoreError> => {
  const store = Layer.provide(UploadStore.layer, [
    Layer.succeed(UploadStore.Durability, "always" as const),
    Layer.succeed(UploadStore.SmallUploads, "registry" as const)
  ])
  const limited = limits === undefined
    ? Layer.empty
    : Layer.provide(UploadLimits.layer(limits), PgUsageLedger.layer())
  return (tracing ? Layer.provide(TracedStore.layer, store) : store).pipe(
    Layer.provideMerge(limited),
    Layer.provideMerge(PgUploadLock.layer(lock)),
    Layer.provideMerge(shared(bytes)),
    Layer.provide(SqlUploadRegistry.layer),
    Layer.provide(PostgresClient.layer(database))
  )
}
