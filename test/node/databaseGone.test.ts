/**
 * The database is removed, moved or replaced under a running server, by an operator or a cleaner.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { copyFileSync, cpSync, existsSync, renameSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { life, untilRefused } from "../support/life.js"
import { logged, untilLogged } from "../support/logged.js"
import { needs } from "../support/needs.js"
import { query } from "../support/stored.js"

const database = (at: string) => join(at, "uploads.sqlite")
const remove = (at: string, ...endings: ReadonlyArray<string>) =>
  endings.forEach((ending) => rmSync(database(at) + ending))

needs("SQLite")("a database whose files disappear under a server", () => {
  for (const [what, endings] of [["all files", ["", "-wal", "-shm"]], ["the log", ["-wal"]]] as const) {
    it.scopedLive(`is written again, ${what}: what was acknowledged is there for the next server`, () =>
      Effect.gen(function*() {
        const at = yield* directory
        const later = `${at}-later`
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(later, { recursive: true, force: true })))
        const lines: Array<string> = []
        const paths = yield* life({ directory: at }, (server) =>
          Effect.gen(function*() {
            const before = yield* server.create(10, {}, "hello")
            const mode = statSync(database(at)).mode
            remove(at, ...endings)
            const paths = [before, ...(yield* untilRefused(server))]
            const refused = yield* server.ask(Exchange.patch(before, 5, "world"))
            assert.strictEqual(refused.status, 500)
            assert.strictEqual(yield* server.offsetOf(before), 5)
            yield* untilLogged(lines, /has been written again|has everything that was committed/)
            assert.strictEqual(statSync(database(at)).mode, mode)
            // As if the server was killed now: nothing that it does at its end helps.
            cpSync(at, later, { recursive: true })
            return paths
          })).pipe(Effect.provide(logged(lines)))
        assert.match(lines.join("\n"), /uploads\.sqlite: its files were removed, moved or replaced while the server/)
        for (const directory of [later, at]) {
          yield* life(
            { directory },
            (server) =>
              Effect.forEach(paths, (path) => Effect.zipRight(server.patch(path, 5, "world"), server.get(path)))
          ).pipe(
            Effect.map((texts) => deepStrictEqual(texts, paths.map(() => "helloworld")))
          )
        }
      }))
  }

  it.scopedLive("is written to again when it is back, with its directory", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const away = join(at, "..", "away")
      const uploads = join(at, "uploads")
      yield* life({ directory: uploads }, (server) =>
        Effect.gen(function*() {
          const before = yield* server.create(10, {}, "hello")
          renameSync(uploads, away)
          const paths = [before, ...(yield* untilRefused(server))]
          assert.isFalse(existsSync(uploads))
          renameSync(away, uploads)
          yield* Effect.repeat(Effect.sleep(5), {
            until: () => Effect.map(server.ask(Exchange.post({ "upload-length": 1 })), ({ status }) => status === 201)
          })
          yield* Effect.forEach(paths, (path) => server.patch(path, 5, "world"))
        }))
    }))

  it.scopedLive("is not written over another one in its place", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const copy = join(at, "copy")
      const lines: Array<string> = []
      yield* life({ directory: at }, (server) => server.create(10, {}, "hello"))
      copyFileSync(database(at), copy)
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          yield* server.create(10, {}, "hello")
          remove(at, "", "-wal", "-shm")
          renameSync(copy, database(at))
          yield* untilRefused(server)
          yield* untilLogged(lines, /is another file now, and is left alone/)
        })).pipe(Effect.provide(logged(lines)))
      deepStrictEqual(
        yield* query(at, (sql) => sql`SELECT COUNT(*) AS uploads FROM effect_tus_uploads`),
        [{ uploads: 1 }]
      )
    }))
})
