/**
 * Reads a directory, and copies its database, beside a running server or without one.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { dirname, join, resolve } from "node:path"
import * as SqlFailure from "../../sql/SqlFailure.js"
import * as SqlUploadRegistry from "../../sql/SqlUploadRegistry.js"
import { newName } from "../../store/Pairing.js"
import * as UploadLock from "../../store/UploadLock.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import * as UploadStore from "../../store/UploadStore.js"
import { UploadStoreError } from "../../store/UploadStoreError.js"
import * as FileByteStore from "../files/FileByteStore.js"
import * as NodeFs from "../files/NodeFs.js"
import * as Sqlite from "./Sqlite.js"

const sqlite = (directory: string) =>
  Layer.catchAllCause(Sqlite.layer(join(directory, "uploads.sqlite")), (cause) =>
    Layer.fail(
      new UploadStoreError({
        reason: "Read",
        operation: `open the database in ${directory}`,
        cause: Cause.squash(cause)
      })
    ))

/** The services for a `TusAdmin`; every write fails with an `UploadStoreError`. */
export const layer = (directory: string) =>
  Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
    Layer.provideMerge(Layer.effect(UploadRegistry, SqlUploadRegistry.makeReading)),
    Layer.provide(sqlite(directory)),
    Layer.provideMerge(FileByteStore.layer({ directory }))
  )

/** Copies a consistent snapshot of the database to a new file. */
export const backup = (directory: string, to: string): Effect.Effect<void, UploadStoreError> =>
  place(to, (part) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql`VACUUM INTO ${part}`).pipe(
      Effect.catchTag("SqlError", SqlFailure.toStoreError("Write", `copy the database of ${directory}`)),
      Effect.provide(sqlite(directory))
    ))

/** Copies a file to a new file. */
export const copy = (from: string, to: string): Effect.Effect<void, UploadStoreError> =>
  place(to, (part) => NodeFs.copy(from, part))

/** Written under a temporary name, synced, and then linked to its name, which never replaces a file. */
const place = (to: string, make: (part: string) => Effect.Effect<void, UploadStoreError>) => {
  const path = resolve(to)
  const part = `${path}.${newName().slice(0, 8)}.part`
  const taken = new UploadStoreError({
    reason: "Write",
    operation: `write ${path}`,
    cause: new Error("the file already exists")
  })
  const syncFolder = NodeFs.canSyncDirectories
    ? Effect.catchIf(NodeFs.use(dirname(path), "r", NodeFs.syncDirectory), NodeFs.isUnsupported, () => Effect.void)
    : Effect.void
  return Effect.whenEffect(taken, NodeFs.exists(path)).pipe(
    Effect.zipRight(make(part)),
    Effect.zipRight(NodeFs.use(part, "r+", NodeFs.sync)),
    Effect.zipRight(NodeFs.link(part, path)),
    Effect.zipRight(syncFolder),
    Effect.ensuring(Effect.ignore(NodeFs.removeIfPresent(part)))
  )
}
