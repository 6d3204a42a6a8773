/**
 * The embedded store: states in SQLite, bytes in files beside it, locks in this process. One process owns a directory.
 * A second one is refused, since its locks would not know those of the first. The database can be read beside it.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { join, resolve } from "node:path"
import * as UploadLimits from "../../server/hooks/UploadLimits.js"
import type { OptionError } from "../../server/policy/OptionError.js"
import * as SqlFailure from "../../sql/SqlFailure.js"
import * as SqlUploadRegistry from "../../sql/SqlUploadRegistry.js"
import type { ByteStore } from "../../store/ByteStore.js"
import * as Pairing from "../../store/Pairing.js"
import * as RegistryCache from "../../store/RegistryCache.js"
import * as TracedStore from "../../store/TracedStore.js"
import * as UploadLock from "../../store/UploadLock.js"
import type { UploadRegistry } from "../../store/UploadRegistry.js"
import * as UploadStore from "../../store/UploadStore.js"
import { UploadStoreError } from "../../store/UploadStoreError.js"
import * as UsageLedger from "../../store/UsageLedger.js"
import * as FileByteStore from "../files/FileByteStore.js"
import * as NodeFs from "../files/NodeFs.js"
import * as DatabaseFile from "./DatabaseFile.js"
import * as DatabaseWatch from "./DatabaseWatch.js"
import * as DirectoryLock from "./DirectoryLock.js"
import * as DiskReserve from "./DiskReserve.js"
import * as LockedStore from "./LockedStore.js"
import * as NodeBootId from "./NodeBootId.js"
import * as Sqlite from "./Sqlite.js"

/** The directory, its permissions and its limits. */
export interface Options extends Pairing.Options {
  /** The directory for states and bytes; created if it is missing. */
  readonly directory: string
  /**
   * Who may read new files in the directory, the database included: only the owner by default (`"owner"`), or the
   * group, too (`"group"`), as in `FileByteStore`. Existing files keep their modes; `effect-tus doctor DIR` shows them.
   */
  readonly permissions?: FileByteStore.Options["permissions"]
  /**
   * Makes the client of a database from its file name: `(filename) => SqliteClient.layer({ filename })`. Also called
   * with `:memory:`, for the lock of the directory. By default that of `@effect/sql-sqlite-node`; if its native module
   * cannot be loaded, one over `node:sqlite`, which is logged.
   */
  readonly sqlite?: Sqlite.Client | undefined
  /**
   * Where uploads of at most 64 KiB stay.
   *
   * - `"files"`: in a file each, like all other uploads. The default. With a durability that waits for the disk, the
   *   answer waits for the database alone. The file is there within a second, before `onComplete`, and before the event
   *   `Completed` and `TusServer.locate` tell of it.
   * - `"database"`: beside their states. One write stores both, which takes half the time or less. `locate` finds no
   *   file: they are read through the library, by HTTP or by `UploadStore.read`. A lost database has lost them, too.
   */
  readonly smallUploads?: "files" | "database" | undefined
  /**
   * The bytes, if they are not in files of the directory: `S3ByteStore.layer`, for example. It gets the client of the
   * database. `smallUploads` has no meaning then.
   */
  readonly bytes?: Layer.Layer<ByteStore, OptionError | UploadStoreError, SqlClient.SqlClient> | undefined
  /** Quotas and limits. With quotas all states are read once at the start. */
  readonly limits?: UploadLimits.Options | undefined
  /** Whether each call of the store has a span. Not by default. */
  readonly tracing?: boolean | undefined
}

// Some clients die if the database cannot be opened; here it is an error.
const connection = ({ directory, sqlite = Sqlite.layer }: Options, filename: string) =>
  Layer.catchAllCause(
    Layer.suspend(() => sqlite(filename)),
    (cause) => Layer.fail(unopened(directory, Cause.squash(cause)))
  )

const unopened = (directory: string, error: unknown) =>
  new UploadStoreError({
    reason: "Write",
    operation: `open the database in ${directory}`,
    cause: SqlFailure.advised(error instanceof SqlError ? error.cause : error)
  })

const directoryOf = (directory: string, permissions: NodeFs.Permissions) =>
  Layer.effectDiscard(NodeFs.prepareDirectory(resolve(directory), permissions))

/** Where nothing is synced, a file costs less than its way through the database. */
const placementOf =
  (smallUploads: Options["smallUploads"] = "files") =>
  (durability: (typeof UploadStore.Durability)["Service"]): (typeof UploadStore.SmallUploads)["Service"] =>
    smallUploads === "database" ? "registry" : durability === "process" ? "byteStore" : "background"

/** The services that a `TusServer` needs. */
export type Services = ByteStore | UploadLock.UploadLock | UploadRegistry | UploadStore.UploadStore

/**
 * The services that a `TusServer` needs, and `UploadLimits` if there are `limits`. Fails with an `UploadStoreError` if
 * the directory or its database cannot be used, or another process has it; with a `StoreMismatch` if the database does
 * not belong to the directory; with an `OptionError` if a limit makes no sense.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { EmbeddedStore, NodeHashFunctions, NodeTusServer } from "effect-tus/node"
 * import { TusServer } from "effect-tus/server"
 *
 * export const server = NodeTusServer.layerHttp({ port: 1080 }).pipe(
 *   Layer.provide(TusServer.layer),
 *   Layer.provide([EmbeddedStore.layer({ directory: "./uploads" }), NodeHashFunctions.layer])
 * )
 * ```
 */
export const layer = (
  options: Options
): Layer.Layer<Services, OptionError | Pairing.StoreMismatch | UploadStoreError> => {
  const { adopt, directory, limits, tracing = false } = options
  const permissions = NodeFs.permissions[options.permissions ?? "owner"]
  const path = join(directory, "uploads.sqlite")
  const client = Layer.provideMerge(connection(options, path), DatabaseFile.layer({ path, permissions }))
  const smallUploads = options.bytes === undefined ? options.smallUploads : "database"
  const lock = DirectoryLock.layer({
    directory,
    permissions,
    // Sets the log level only here: a layer would set it for everything that is built after it.
    connection: Layer.scopedContext(
      Logger.withMinimumLogLevel(Layer.build(connection(options, ":memory:")), LogLevel.Warning)
    )
  })
  const bytes = DiskReserve.layer({ directory, permissions }).pipe(
    Layer.provide(LockedStore.layerBytes),
    Layer.provideMerge(lock),
    // Creates the directory.
    Layer.provide(
      options.bytes === undefined
        ? FileByteStore.layer({ directory, permissions: options.permissions })
        : Layer.provide(options.bytes, Layer.provide(client, directoryOf(directory, permissions)))
    )
  )
  const registry = Pairing.layer({ adopt }).pipe(
    Layer.provideMerge(RegistryCache.layer()),
    Layer.provide(DiskReserve.layerRegistry),
    Layer.provide(LockedStore.layerRegistry),
    Layer.provide(DatabaseWatch.layerRegistry({ path, permissions })),
    Layer.provide(SqlUploadRegistry.layer),
    Layer.provide(client),
    Layer.provide(NodeBootId.layer)
  )
  const limited: Layer.Layer<
    UploadRegistry,
    OptionError | Pairing.StoreMismatch | UploadStoreError,
    ByteStore | DirectoryLock.DirectoryLock | DiskReserve.Reserve
  > = limits === undefined
    ? registry
    : Layer.provideMerge(UploadLimits.layer(limits), Layer.provide(UsageLedger.layer, registry))
  const untraced = Layer.provide(
    UploadStore.layer,
    Layer.effect(UploadStore.SmallUploads, Effect.map(UploadStore.Durability, placementOf(smallUploads)))
  )
  const store = tracing ? Layer.provide(TracedStore.layer, untraced) : untraced
  return Layer.mergeAll(store, UploadLock.layerMemory).pipe(
    Layer.provideMerge(limited),
    Layer.provideMerge(bytes)
  )
}
