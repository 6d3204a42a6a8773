/**
 * A database that is damaged, or that the server may not write: the server says so, and what to do. What was
 * acknowledged before is there once it is mended.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { EmbeddedStore } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { execFileSync } from "node:child_process"
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import * as DatabaseFile from "../../src/node/embedded/DatabaseFile.js"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import * as NodeFs from "../../src/node/files/NodeFs.js"
import * as SqliteSpace from "../../src/sql/SqliteSpace.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { life, untilRefused } from "../support/life.js"
import { logged, untilLogged } from "../support/logged.js"
import { needs } from "../support/needs.js"

const database = (at: string) => join(at, "uploads.sqlite")

/** Why the store does not open. */
const refusal = (at: string) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(EmbeddedStore.layer({ directory: at })))), ({ message }) => message)

/** A directory with so many unfinished uploads. */
const uploads = (count: number) =>
  Effect.gen(function*() {
    const at = yield* directory
    const paths = yield* life(
      { directory: at },
      (server) => Effect.forEach(Array.from({ length: count }), () => server.create(10, {}, "hello"))
    )
    const size = statSync(database(at)).size
    const backup = `${at}.backup`
    copyFileSync(database(at), backup)
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(backup)))
    const restore = () => {
      ;["", "-wal", "-shm"].forEach((ending) => rmSync(database(at) + ending, { force: true }))
      copyFileSync(backup, database(at))
    }
    const goOn = life({ directory: at }, (server) =>
      Effect.forEach(paths, (path) => Effect.zipRight(server.patch(path, 5, "world"), server.get(path))))
    return {
      at,
      paths,
      size,
      restore,
      /** Each upload continues from what was acknowledged. */
      continue: Effect.map(goOn, (texts) =>
        deepStrictEqual(new Set(texts), new Set(["helloworld"])))
    }
  })

const cuts = [1, 50, 100, 512, 2048, 4096, 5000]

needs("SQLite")("a damaged database", () => {
  for (const count of [1, 150]) {
    it.scopedLive(`of ${count} uploads that is cut off anywhere stops the server at its start, and is not changed`, () =>
      Effect.gen(function*() {
        const here = yield* uploads(count)
        const path = database(here.at)
        const whole = readFileSync(path)
        for (const size of [...cuts, here.size / 2, here.size - 4096, here.size - 4095, here.size - 1]) {
          truncateSync(path, size)
          assert.include(
            yield* refusal(here.at),
            `open ${path}: it was cut off after ${size} ${size < 100 ? "bytes" : `of ${here.size} bytes`}; restore`
          )
          assert.isTrue(readFileSync(path).equals(whole.subarray(0, size)), `${size} bytes`)
          writeFileSync(path, whole)
        }
        yield* here.continue
      }))
  }

  it.scopedLive("is another file altogether: the server does not start, and the file is not changed", () =>
    Effect.gen(function*() {
      const here = yield* uploads(2)
      const path = database(here.at)
      for (const text of ["x", "a text of somebody else\n".repeat(1000)]) {
        writeFileSync(path, text)
        assert.include(yield* refusal(here.at), `open ${path}: it is no SQLite database; restore a backup of it`)
        assert.strictEqual(readFileSync(path, "utf8"), text)
      }
      here.restore()
      yield* here.continue
    }))

  it.scopedLive("says what to do where SQLite finds the damage", () =>
    Effect.gen(function*() {
      const here = yield* uploads(20)
      const whole = readFileSync(database(here.at))
      writeFileSync(database(here.at), whole.fill(0x77, 4096))
      assert.match(yield* refusal(here.at), /malformed; the database is damaged: restore a backup of it/)
      here.restore()
      yield* here.continue
    }))

  for (const [what, sizeOf] of [["altogether", () => 0], ["in the middle", (size: number) => size / 2]] as const) {
    it.scopedLive(`that is cut off ${what} under a running server: nothing more is acknowledged`, () =>
      Effect.gen(function*() {
        const here = yield* uploads(20)
        const lines: Array<string> = []
        yield* life({ directory: here.at }, (server) =>
          Effect.gen(function*() {
            const [path = ""] = here.paths
            truncateSync(database(here.at), Math.floor(sizeOf(here.size)))
            yield* untilLogged(
              lines,
              /uploads\.sqlite: it was cut off while the server was running; stop the server, and/
            )
            deepStrictEqual(yield* untilRefused(server), [])
            assert.strictEqual((yield* server.ask(Exchange.patch(path, 5, "world"))).status, 500)
            assert.strictEqual((yield* server.ask(Exchange.terminate(path))).status, 500)
          })).pipe(Effect.provide(logged(lines)))
        here.restore()
        yield* here.continue
      }))
  }

  it.scopedLive("is not what a database is called that grows and shrinks by itself", () =>
    Effect.gen(function*() {
      const path = database(yield* directory)
      const file = DatabaseFile.layer({ path, permissions: NodeFs.permissions.owner })
      const context = yield* Layer.build(Layer.provideMerge(Sqlite.layer(path), file))
      const { isCut } = Context.get(context, DatabaseFile.DatabaseFile)
      const sql = Context.get(context, SqlClient.SqlClient)
      yield* SqliteSpace.prepare(sql)
      yield* sql`CREATE TABLE blobs (bytes BLOB)`
      for (let round = 0; round < 3; round++) {
        yield* Effect.replicateEffect(
          Effect.zipRight(sql`INSERT INTO blobs VALUES (zeroblob(60000))`, Effect.map(isCut, assert.isFalse)),
          200
        )
        const { size } = statSync(path)
        yield* sql`DELETE FROM blobs`
        yield* SqliteSpace.giveBack(sql)
        assert.isFalse(yield* isCut)
        assert.isBelow(statSync(path).size, size / 10)
      }
    }))

  it.scopedLive("is not what a database is called that a full disk keeps from growing", () =>
    Effect.gen(function*() {
      const { at, size } = yield* uploads(1)
      const path = database(at)
      const file = DatabaseFile.layer({ path, permissions: NodeFs.permissions.owner })
      const { isCut } = Context.get(yield* Layer.build(file), DatabaseFile.DatabaseFile)
      // SQLite has written the first page, and had no space for the last one.
      const first = readFileSync(path)
      first.writeUInt32BE(size / 4096 + 1, 28)
      writeFileSync(path, first, { flag: "r+" })
      assert.isFalse(yield* isCut)
      truncateSync(path, size - 4096)
      assert.isTrue(yield* isCut)
    }))
})

/** Mounts a directory or a file somewhere, for reading only, as long as the scope is open. */
const mounted = (from: string, to = from) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      execFileSync("mount", ["--bind", from, to])
      execFileSync("mount", ["-o", "remount,bind,ro", to])
    }),
    () => Effect.sync(() => execFileSync("umount", ["-l", to]))
  )

needs("SQLite", "mount")(
  "what can only be read stops the server at its start, and is continued once it can be written:",
  () => {
    it.scopedLive("the directory", () =>
      Effect.gen(function*() {
        const here = yield* uploads(2)
        const place = `${here.at}.mounted`
        yield* Effect.acquireRelease(Effect.sync(() => mkdirSync(place)), () => Effect.sync(() => rmdirSync(place)))
        const why = yield* Effect.scoped(Effect.zipRight(mounted(here.at, place), refusal(place)))
        assert.match(why, /^use directory .*mounted: EROFS: read-only file system/)
        yield* here.continue
      }))

    for (const name of ["uploads.sqlite", "uploads.sqlite-wal", "uploads.sqlite-shm", "server.lock"]) {
      it.scopedLive(name, () =>
        Effect.gen(function*() {
          const here = yield* uploads(2)
          const path = join(here.at, name)
          // As an administrator leaves it who has looked at the database.
          closeSync(openSync(path, "a"))
          const why = yield* Effect.scoped(Effect.zipRight(mounted(path), refusal(here.at)))
          assert.include(why, `write to ${path}: EROFS: read-only file system`)
          assert.include(why, "let the user of this process read and write it")
          yield* here.continue
        }))
    }
  }
)
