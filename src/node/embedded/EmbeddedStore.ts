/**
 * The embedded default: states in SQLite, bytes in files beside it, locks in this process. One process owns a
 * directory; a second one is refused, since its locks would know nothing of the first. Whoever only reads the database
 * may do so beside it.
 */
import { SqlError } from "@effect/sql/SqlError"
import * as Cause from "effect/Cause"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { join } from "node:path"
import * as UploadLimits from "../../server/hooks/UploadLimits.js"
import type { OptionError } from "../../server/policy/OptionError.js"
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
import * as DirectoryLock from "./DirectoryLock.js"
import * as DiskReserve from "./DiskReserve.js"
import * as LockedStore from "./LockedStore.js"
import * as NodeBootId from "./NodeBootId.js"
import * as Sqlite from "./Sqlite.js"

/** Where uploads are kept, and how much of them. */
export interface Options extends Pairing.Options {
  /** Where everything is kept; made where it is missing. */
  readonly directory: string
  /**
   * Who else may read what is made in the directory, database and all: nobody by default (`"owner"`), or its group
   * (`"group"`), as `FileByteStore` says. What is there keeps its modes; `effect-tus doctor DIR` tells them.
   */
  readonly permissions?: FileByteStore.Options["permissions"]
  /**
   * The client of the database, given the name of its file, and of an empty one called `:memory:` by which the
   * directory is locked: `(filename) => SqliteClient.layer({ filename })`. By default that of
   * `@effect/sql-sqlite-node`, and one over `node:sqlite` where its native module cannot be loaded, which is logged.
   */
  readonly sqlite?: Sqlite.Client | undefined
  /** What uploads may take. Summing up what they take already reads all states once, at the start. */
  readonly limits?: UploadLimits.Options | undefined
  /** Whether each call of the store has a span. They have none by default. */
  readonly tracing?: boolean | undefined
}

// A database that cannot be opened is a defect to some clients, and an answer to whoever starts a server.
const connection = ({ directory, sqlite = Sqlite.layer }: Options, filename: string) =>
  Layer.catchAllCause(
    Layer.suspend(() => sqlite(filename)),
    (cause) => Layer.fail(unopened(directory, Cause.squash(cause)))
  )

/** SQLite gives its log, and whatever else it makes, the mode of the database. */
const database = (options: Options, path: string, permissions: NodeFs.Permissions) =>
  Layer.provide(connection(options, path), Layer.effectDiscard(NodeFs.make(path, permissions)))

const unopened = (directory: string, error: unknown) =>
  new UploadStoreError({
    reason: "Write",
    operation: `open the database in ${directory}`,
    cause: error instanceof SqlError ? error.cause : error
  })

/** What a `TusServer` is built on. */
export type Services = ByteStore | UploadLock.UploadLock | UploadRegistry | UploadStore.UploadStore

/**
 * All that a `TusServer` is built on, and `UploadLimits` where there are `limits`. Fails with an `UploadStoreError`
 * where the directory or the database in it cannot be used, or another process has it, with a `StoreMismatch` where the
 * database is not the one of the directory, and with an `OptionError` where a limit means nothing.
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
  const lock = DirectoryLock.layer({
    directory,
    permissions,
    // What there is to say of a driver is said of the database. A layer with another level would be one for all that is
    // built after it.
    connection: Layer.scopedContext(
      Logger.withMinimumLogLevel(Layer.build(connection(options, ":memory:")), LogLevel.Warning)
    )
  })
  const bytes = DiskReserve.layer({ directory, permissions }).pipe(
    Layer.provide(LockedStore.layerBytes),
    Layer.provideMerge(lock),
    // Makes the directory.
    Layer.provide(FileByteStore.layer({ directory, permissions: options.permissions }))
  )
  const registry = Pairing.layer({ adopt }).pipe(
    Layer.provideMerge(RegistryCache.layer()),
    Layer.provide(DiskReserve.layerRegistry),
    Layer.provide(LockedStore.layerRegistry),
    Layer.provide(SqlUploadRegistry.layer),
    Layer.provide(database(options, join(directory, "uploads.sqlite"), permissions)),
    Layer.provide(NodeBootId.layer)
  )
  const limited: Layer.Layer<
    UploadRegistry,
    OptionError | Pairing.StoreMismatch | UploadStoreError,
    ByteStore | DirectoryLock.DirectoryLock | DiskReserve.Reserve
  > = limits === undefined
    ? registry
    : Layer.provideMerge(UploadLimits.layer(limits), Layer.provide(UsageLedger.layer, registry))
  const store = tracing ? Layer.provide(TracedStore.layer, UploadStore.layer) : UploadStore.layer
  return Layer.mergeAll(store, UploadLock.layerMemory).pipe(
    Layer.provideMerge(limited),
    Layer.provideMerge(bytes)
  )
}
