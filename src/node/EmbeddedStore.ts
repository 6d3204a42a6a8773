/**
 * The embedded default: states in SQLite, bytes in files beside it, locks in this process. One process owns a directory;
 * a second one is refused, since its locks would know nothing of the first.
 */
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join } from "node:path"
import * as SqlUploadRegistry from "../sql/SqlUploadRegistry.js"
import * as UploadLock from "../store/UploadLock.js"
import * as UploadStore from "../store/UploadStore.js"
import { UploadStoreError } from "../store/UploadStoreError.js"
import * as FileByteStore from "./FileByteStore.js"

export interface Options {
  /** Where everything is kept; made where it is missing. */
  readonly directory: string
}

/** Held as long as the connection is open, freed by the kernel when the process ends, however it ends. */
const ownDirectory = (directory: string) =>
  Layer.effectDiscard(
    Effect.flatMap(SqlClient.SqlClient, (sql) =>
      sql`PRAGMA locking_mode = EXCLUSIVE`.pipe(
        Effect.zipRight(sql`BEGIN EXCLUSIVE`),
        Effect.zipRight(sql`COMMIT`),
        Effect.mapError((cause) =>
          new UploadStoreError({
            reason: "Write",
            operation: `take ${directory}, which another server may be using`,
            cause
          })
        )
      ))
  )

export const layer = ({ directory }: Options) => {
  const bytes = FileByteStore.layer({ directory })
  const sqlite = SqliteClient.layer({ filename: join(directory, "uploads.sqlite") })
  const registry = SqlUploadRegistry.layer.pipe(
    Layer.provide(ownDirectory(directory)),
    Layer.provide(sqlite)
  )
  return Layer.mergeAll(UploadStore.layer, UploadLock.layerMemory).pipe(
    Layer.provideMerge(registry),
    Layer.provideMerge(bytes)
  )
}
