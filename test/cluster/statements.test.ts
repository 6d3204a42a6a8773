/**
 * How often a server asks the database. Statements of its background work, and of its lease, are not counted.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore } from "effect-tus"
import { ClusterStore } from "effect-tus/cluster"
import { NodeTusServer } from "effect-tus/node"
import { TusServer } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { through } from "../postgres/servers.js"
import { eventually } from "../support/eventually.js"
import { create, head, locationOf, patch, post, type Request } from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { postgres } from "../support/postgres.js"
import * as Raw from "../support/raw.js"
import * as Statements from "../support/statements.js"
import * as FencedBytes from "./fencedBytes.js"

/** The verb of a statement, and the table that it is about. */
const nameOf = (statement: string) => {
  const [, verb = "", table] = /\b(INSERT|UPDATE|DELETE|SELECT|BEGIN|COMMIT)\b(?:.*?\beffect_tus_(\w+))?/s
    .exec(statement) ?? []
  return table === undefined ? verb : `${verb} ${table}`
}

const locked = (...statements: ReadonlyArray<string>) => ["INSERT locks", ...statements, "DELETE locks"]

needs("PostgreSQL")("a server of a cluster", () => {
  it.scopedLive("asks the database once for a HEAD and for a POST, and three times for a PATCH", () =>
    Effect.gen(function*() {
      const { database, port } = yield* postgres
      const url = yield* database
      const proxy = yield* Statements.make(port)
      const store = ClusterStore.layer({
        database: { url: Redacted.make(through(url, proxy.port)) },
        lock: { url: Redacted.make(url) },
        bytes: Layer.effect(ByteStore.ByteStore, FencedBytes.make)
      })
      const context = yield* Layer.build(
        NodeTusServer.layerHttp({ port: 0 }).pipe(Layer.provide(TusServer.layer), Layer.provide(store))
      )
      const ask = Raw.ask(Context.get(context, NodeTusServer.NodeTusServer).port)
      let taken: ReadonlyArray<string> = []
      yield* eventually(() => {
        taken = [...taken, ...proxy.taken().map(nameOf)]
        return taken.includes("DELETE servers")
      })
      const asked = (request: Request) => Effect.promise(() => ask(request))
      const counted = (request: Request, ...statements: ReadonlyArray<string>) =>
        Effect.map(asked(request), (answer) => {
          deepStrictEqual(proxy.taken().map(nameOf), statements, `${request.method}: ${answer.status} ${answer.text}`)
          return answer
        })

      // The first tail says that earlier versions cannot serve this database any more.
      yield* asked(post({ "upload-length": 3 }, "abc"))
      proxy.taken()
      const path = locationOf(yield* counted(create(200_001), "INSERT uploads"))
      yield* counted(head(path), "SELECT uploads")
      yield* counted(patch(path, 0, Buffer.alloc(100_000)), ...locked("UPDATE uploads"))
      yield* counted(patch(path, 0, Buffer.alloc(100_000)), ...locked())
      yield* counted(patch(path, 100_000, "a"), ...locked("BEGIN", "UPDATE uploads", "INSERT tails", "COMMIT"))
      // The tail is read, and moves to the other bytes.
      yield* counted(
        patch(path, 100_001, Buffer.alloc(100_000)),
        ...locked("SELECT uploads", "BEGIN", "UPDATE uploads", "DELETE tails", "COMMIT")
      )
      yield* counted(head(path), "SELECT uploads")
      yield* counted(
        post({ "upload-length": 3 }, "abc"),
        ...locked("BEGIN", "INSERT uploads", "INSERT tails", "COMMIT")
      )
    }))
})
