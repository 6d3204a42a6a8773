/**
 * A directory that an earlier version has left, before databases had names. It is the work of the server of commit
 * e6d85ce, which was stopped by SIGTERM; the database is dumped as SQL. Each upload says in its bytes where they are.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Metadata } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { remains } from "../chaos/remains.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { beside, filesIn, life } from "../support/life.js"
import { needs } from "../support/needs.js"
import { faults } from "../support/stored.js"

const fixture = fileURLToPath(new URL("fixtures/migration-4", import.meta.url))

const left = Effect.gen(function*() {
  const at = yield* directory
  cpSync(fixture, at, { recursive: true })
  rmSync(join(at, "uploads.sql"))
  const statements = readFileSync(join(fixture, "uploads.sql"), "utf8").trim().split("\n")
  yield* Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
  ).pipe(
    Effect.provide(Sqlite.layer(join(at, "uploads.sqlite")))
  )
  return at
})

/** The bytes from `start` to `end` of the upload with this name. */
const bytes = (name: string, start: number, end: number) =>
  Array.from({ length: end }, (_, n) => `${name} ${n} `).join("").slice(start, end)

const decode = Schema.decodeSync(Metadata.TextFromRaw)

type Server = Parameters<Parameters<typeof life>[1]>[0]

/** The paths of the uploads by their names. */
const paths = ({ admin }: Server) =>
  Effect.map(Stream.runCollect(admin.list), (listed) => {
    const uploads = Either.getOrThrow(Either.all(listed))
    const found = new Map(
      uploads.map(({ id, metadata }) => [decode(Option.getOrThrow(metadata))["filename"] ?? "", `/files/${id}`])
    )
    return (name: string) => found.get(name) ?? assert.fail(`${name} is lost`)
  })

/** What is complete, and its bytes. */
const complete = [
  ["complete", bytes("complete", 0, 700)],
  ["empty", ""],
  ["first", bytes("joined", 0, 200)],
  ["second", bytes("joined", 200, 450)],
  ["joined", bytes("joined", 0, 450)],
  ["third", bytes("waiting", 0, 60)]
] as const

/** What becomes complete. */
const completed = [
  ["unfinished", bytes("unfinished", 0, 900)],
  ["untouched", bytes("untouched", 0, 80)],
  ["deferred", bytes("deferred", 0, 200)],
  ["fourth", bytes("waiting", 60, 150)],
  ["waiting", bytes("waiting", 0, 150)]
] as const

/** Where the bytes of an upload begin in those of the whole. */
const shift = (name: string) => name === "fourth" ? 60 : 0

/** Reads what is there, and continues what is not complete. */
const continued = Effect.fnUntraced(function*(server: Server) {
  const pathOf = yield* paths(server)
  for (const [name, text] of complete) {
    assert.strictEqual(yield* server.get(pathOf(name)), text, name)
  }
  const send = Effect.fnUntraced(function*(name: string, from: string, start: number, ...ends: ReadonlyArray<number>) {
    const path = pathOf(name)
    assert.strictEqual(yield* server.offsetOf(path), start, name)
    let at = start
    for (const end of ends) {
      const length = name === "deferred" && end === ends.at(-1) ? { "upload-length": end } : {}
      yield* server.patch(path, at, bytes(from, at + shift(name), end + shift(name)), length)
      at = end
    }
  })
  yield* send("unfinished", "unfinished", 300, 500, 900)
  yield* send("untouched", "untouched", 0, 30, 80)
  yield* send("deferred", "deferred", 120, 150, 200)
  yield* send("fourth", "waiting", 40, 70, 90)
})

const readable = Effect.fnUntraced(function*(server: Server) {
  const pathOf = yield* paths(server)
  for (const [name, text] of [...complete, ...completed]) {
    assert.strictEqual(yield* server.get(pathOf(name)), text, name)
  }
})

needs("SQLite")("a directory of an earlier version", () => {
  for (const smallUploads of ["files", "database"] as const) {
    it.scopedLive(`is continued with small uploads in ${smallUploads}, and nothing is lost or set aside`, () =>
      Effect.gen(function*() {
        const at = yield* left
        yield* life({ directory: at, smallUploads }, (server) => Effect.zipRight(continued(server), readable(server)))
        // What nobody had begun is in the database; an upload that began in a file ends there.
        deepStrictEqual(yield* beside(at), smallUploads === "database" ? [80] : [])
        yield* life({ directory: at, smallUploads: smallUploads === "files" ? "database" : "files" }, readable)
        const { uploads } = yield* remains(at, "2 days")
        assert.strictEqual(uploads.length, complete.length + completed.length)
        deepStrictEqual(
          filesIn(at).length,
          uploads.length - (yield* beside(at)).length
        )
        assert.isFalse(existsSync(join(at, "orphans")))
        deepStrictEqual(yield* faults(at), [])
        yield* life({ directory: at, smallUploads }, (server) =>
          Effect.gen(function*() {
            const pathOf = yield* paths(server)
            for (const [name] of [...complete, ...completed].toReversed()) {
              yield* server.send(Exchange.terminate(pathOf(name)))
            }
          }))
        deepStrictEqual(filesIn(at), [])
        deepStrictEqual(yield* beside(at), [])
      }))
  }
})
