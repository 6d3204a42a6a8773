/**
 * What is left in a directory of uploads: the store is opened without a server, and swept at a time when all unfinished
 * uploads have expired.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { type Upload, UploadRegistry } from "effect-tus"
import { EmbeddedStore, NodeHashFunctions } from "effect-tus/node"
import { TusServer, TusSweeper } from "effect-tus/server"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"

export interface Remains {
  readonly uploads: ReadonlyArray<Upload.Upload>
  /** Files that do not belong to the database and were not set aside. */
  readonly files: ReadonlyArray<string>
}

export const remains = (
  directory: string,
  after: Duration.DurationInput,
  smallUploads: EmbeddedStore.Options["smallUploads"] = "files"
): Effect.Effect<Remains> =>
  Effect.gen(function*() {
    yield* TestClock.setTime(Date.now() + Duration.toMillis(after))
    const { sweep, sweepOrphans } = yield* TusSweeper.make
    yield* sweep()
    yield* sweepOrphans()
  }).pipe(
    Effect.provide(TusServer.layer.pipe(
      Layer.provideMerge(EmbeddedStore.layer({ directory, smallUploads })),
      Layer.provide(NodeHashFunctions.layer)
    )),
    Effect.zipRight(uploadsIn(directory)),
    Effect.map((uploads) => ({
      uploads,
      files: readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !/^(uploads\.sqlite.*|server\.lock|reserve|identity)$/.test(entry.name))
        // Bytes that a crash left of a creation are set aside.
        .filter(({ parentPath }) => !parentPath.includes(join(directory, "orphans")))
        .map(({ name }) => name)
    })),
    Effect.provide(TestContext.TestContext),
    Effect.orDie
  )

/** All uploads in the database, with or without their bytes. */
const uploadsIn = (directory: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const registry = yield* UploadRegistry.UploadRegistry
    const rows = yield* sql<{ readonly id: Upload.UploadId }>`SELECT id FROM effect_tus_uploads`
    const entries = yield* Effect.forEach(rows, ({ id }) => registry.get(id))
    return entries.flatMap(Option.toArray).map(({ upload }) => upload)
  }).pipe(
    Effect.provide(Layer.provideMerge(
      SqlUploadRegistry.layer,
      Sqlite.layer(join(directory, "uploads.sqlite"))
    ))
  )
