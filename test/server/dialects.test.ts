/**
 * Uploads of a dialect that this version does not serve. A newer version wrote them, and must find them unchanged.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadRegistry } from "effect-tus"
import { EmbeddedStore, NodeTusServer } from "effect-tus/node"
import { TusAdmin, TusPolicy, TusServer, TusSweeper, TusSyncer } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { directory as temporary } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { create, head, patch } from "../support/memory.js"
import { needs } from "../support/needs.js"
import * as Raw from "../support/raw.js"
import { idOf } from "../support/uploads.js"

/** One process after another on the same directory, and writes to the database between them. */
const machine = Effect.map(temporary, (directory) => {
  const server = NodeTusServer.layerHttp({ port: 0 }).pipe(
    Layer.provideMerge(Layer.mergeAll(TusServer.layer, TusAdmin.layer)),
    Layer.provideMerge(EmbeddedStore.layer({ directory })),
    Layer.provideMerge(Layer.succeed(TusPolicy.TusPolicy, { downloads: true, expiresAfter: "1 hour" }))
  )
  return {
    process: <A, E>(use: Effect.Effect<A, E, Layer.Layer.Success<typeof server>>) =>
      Effect.scoped(Effect.flatMap(Layer.build(server), (context) => Effect.provide(use, context))),
    rows: (statement: string) =>
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe<Readonly<Record<string, unknown>>>(statement)).pipe(
        Effect.provide(Sqlite.layer(join(directory, "uploads.sqlite")))
      )
  }
})

/** Everything that a server does by itself, once. */
const housekeeping = Effect.gen(function*() {
  const { sweep, sweepOrphans } = yield* TusSweeper.make
  const { sync } = yield* TusSyncer.make
  yield* sync(1)
  yield* sweep({ removeUsedPartials: true })
  yield* sweepOrphans()
})

needs("SQLite")("an upload of a dialect that is not served", () => {
  it.scopedLive("is refused with an explanation by every request, and changed by none", () =>
    Effect.gen(function*() {
      const { process, rows } = yield* machine
      const path = yield* process(
        Effect.tap(create({ "upload-length": "6", "upload-concat": "partial" }), (path) => patch(path, 0, "abc"))
      )
      const id = idOf(path)
      yield* rows(`UPDATE effect_tus_uploads SET dialect = 'ietf' WHERE id = '${id}'`)
      const before = yield* rows("SELECT * FROM effect_tus_uploads")
      yield* process(Effect.gen(function*() {
        const ask = Raw.ask((yield* NodeTusServer.NodeTusServer).port)
        const answers = yield* Effect.promise(() =>
          Promise.all([
            ask(Exchange.head(path)),
            ask(Exchange.patch(path, 3, "def")),
            ask(Exchange.terminate(path)),
            ask({ method: "GET", path }),
            ask(Exchange.post({ "upload-concat": `final;${path}` }))
          ])
        )
        deepStrictEqual(answers.map(({ status }) => status), [501, 501, 501, 501, 501])
        for (const { text } of answers.slice(1)) {
          assert.include(
            text,
            "created in the dialect ietf, which this version of effect-tus does not support; run the version that created it"
          )
        }
        const admin = yield* TusAdmin.TusAdmin
        for (const change of [admin.terminate(id), admin.extend(id, Option.none())]) {
          assert.propertyVal(yield* Effect.flip(change), "reason", "UnknownDialect")
        }
        const listed = Either.getOrThrow(Either.all(yield* Stream.runCollect(admin.list)))
        deepStrictEqual(listed.map(({ dialect }) => dialect), ["ietf"])
        deepStrictEqual((yield* admin.inspect(id)).upload.dialect, "ietf")
      }))
      deepStrictEqual(yield* rows("SELECT * FROM effect_tus_uploads"), before)
    }))

  it.scopedLive("is neither set aside, set back, finished nor removed, in any state", () =>
    Effect.gen(function*() {
      const { process, rows } = yield* machine
      const paths = yield* process(Effect.gen(function*() {
        const paths = [
          yield* create({ "upload-length": "6" }),
          yield* create({ "upload-length": "6" }),
          yield* create({ "upload-length": "3" }),
          yield* create({ "upload-length": "3", "upload-concat": "partial" }),
          yield* create({ "upload-length": "3", "upload-concat": "partial" })
        ]
        yield* Effect.forEach(paths, (path) => patch(path, 0, "abc"))
        yield* create({ "upload-concat": `final;${paths[3]} ${paths[4]}` })
        return paths
      }))
      const [open, lacking, finishing, part] = paths.map(idOf)
      yield* rows(`UPDATE effect_tus_uploads SET dialect = 'ietf' WHERE kind <> 'Final'`)
      yield* rows(`UPDATE effect_tus_uploads SET synced_offset = 0 WHERE id = '${open}'`)
      yield* rows(`UPDATE effect_tus_uploads SET upload_offset = 6 WHERE id = '${lacking}'`)
      yield* rows(`UPDATE effect_tus_uploads SET completion = 'Finishing', expires_at = 1 WHERE id = '${finishing}'`)
      yield* rows(`UPDATE effect_tus_uploads SET completion = 'Sealed' WHERE id = '${part}'`)
      const before = yield* rows("SELECT * FROM effect_tus_uploads ORDER BY id")
      const sizes = yield* process(Effect.gen(function*() {
        yield* housekeeping
        const bytes = yield* ByteStore.ByteStore
        deepStrictEqual(yield* Stream.runCount(bytes.orphans?.list ?? Stream.empty), 0)
        deepStrictEqual((yield* Effect.flatMap(UploadRegistry.UploadRegistry, ({ usage }) => usage)).uploads, 6)
        return yield* Effect.forEach(paths, (path) => bytes.size(idOf(path)))
      }))
      deepStrictEqual(sizes.map(Option.getOrNull), [3, 3, 3, 3, 3])
      deepStrictEqual(yield* rows("SELECT * FROM effect_tus_uploads ORDER BY id"), before)
    }))

  it.scopedLive("is removed like any other when it is unfinished and has expired", () =>
    Effect.gen(function*() {
      const { process, rows } = yield* machine
      const [old, young] = yield* process(
        Effect.all([create({ "upload-length": "6" }), create({ "upload-length": "6" })])
      )
      yield* rows("UPDATE effect_tus_uploads SET dialect = 'ietf'")
      yield* rows(`UPDATE effect_tus_uploads SET expires_at = 1 WHERE id = '${idOf(old)}'`)
      yield* process(Effect.gen(function*() {
        yield* housekeeping
        deepStrictEqual((yield* Effect.all([head(old), head(young)])).map(({ status }) => status), [404, 501])
      }))
    }))
})
