import * as SqlClient from "@effect/sql/SqlClient"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, Upload } from "effect-tus"
import { EmbeddedStore, NodeTusServer } from "effect-tus/node"
import { TusServer, TusSyncer } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { truncateSync } from "node:fs"
import { join } from "node:path"
import * as Sqlite from "../../src/node/Sqlite.js"
import { askPort } from "../server/doors.js"
import { create, head, patch } from "../server/requests.js"
import { directory } from "./temporary.js"

const idOf = (path: string) => Upload.UploadId.make(path.split("/").at(-1) ?? "")

const offsetOf = (path: string) => Effect.map(head(path), ({ headers }) => headers["upload-offset"])

const content = (path: string) =>
  Effect.flatMap(
    ByteStore.ByteStore,
    ({ read }) => read(idOf(path), { start: 0, end: 6 }).pipe(Stream.decodeText(), Stream.mkString)
  )

/** One process after another on the same directory, and what happens to it in between. */
const machine = Effect.map(directory, (directory) => {
  const server = TusServer.layer.pipe(Layer.provideMerge(EmbeddedStore.layer({ directory })))
  return {
    directory,
    process: <A, E>(use: Effect.Effect<A, E, Layer.Layer.Success<typeof server>>) =>
      Effect.scoped(Effect.flatMap(Layer.build(server), (context) => Effect.provide(use, context))),
    /** As the next process finds it when the power was cut, and some bytes with it that had not been synced. */
    powerCut: (path: string, left: number) =>
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql`UPDATE effect_tus_boot SET boot = 'another'`).pipe(
        Effect.provide(Sqlite.layer(join(directory, "uploads.sqlite"))),
        Effect.zipRight(Effect.sync(() => truncateSync(join(directory, path.slice(-2), idOf(path)), left)))
      )
  }
})

describe("EmbeddedStore", () => {
  it.scopedLive("after a power cut no upload goes on behind a gap", () =>
    Effect.gen(function*() {
      const { powerCut, process } = yield* machine
      const path = yield* process(Effect.gen(function*() {
        const path = yield* create({ "upload-length": "6" })
        yield* patch(path, 0, "ab")
        yield* Effect.scoped(Layer.build(TusSyncer.layer()))
        yield* patch(path, 2, "cd")
        return path
      }))
      yield* process(Effect.map(offsetOf(path), (offset) => deepStrictEqual(offset, "4")))
      yield* powerCut(path, 3)
      yield* process(Effect.gen(function*() {
        deepStrictEqual(yield* offsetOf(path), "2")
        yield* patch(path, 2, "cdef")
        deepStrictEqual(yield* content(path), "abcdef")
      }))
    }))

  it.scopedLive("a power cut after a server has stopped costs nothing", () =>
    Effect.gen(function*() {
      const { directory, powerCut, process } = yield* machine
      const serving = Effect.flatMap(Layer.build(NodeTusServer.layer({ directory, port: 0 })), (context) =>
        Effect.promise(async () => {
          const { port } = Context.get(context, NodeTusServer.NodeTusServer)
          const ask = askPort(port)
          const { headers } = await ask({ method: "POST", path: "/files", headers: { ...tus, "upload-length": "6" } })
          await ask({
            method: "PATCH",
            path: headers["location"] ?? "",
            headers: { ...tus, "content-type": "application/offset+octet-stream", "upload-offset": "0" },
            body: "abcd"
          })
          return headers["location"] ?? ""
        }))
      const path = yield* Effect.scoped(serving)
      yield* powerCut(path, 4)
      yield* process(Effect.map(offsetOf(path), (offset) =>
        deepStrictEqual(offset, "4")))
    }))
})

const tus = { "tus-resumable": "1.0.0" }
