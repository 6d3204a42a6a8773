/**
 * A whole server that keeps small uploads in its database, over HTTP.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import * as Registration from "../../src/sql/Registration.js"
import { remains } from "../chaos/remains.js"
import * as Process from "../cli/process.js"
import { fileOf } from "../interop/server.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { beside, filesIn, life } from "../support/life.js"
import { needs } from "../support/needs.js"
import * as Raw from "../support/raw.js"
import { faults, query } from "../support/stored.js"
import { idOf } from "../support/uploads.js"

const letters = (length: number) => randomBytes(length).toString("base64").slice(0, length)

needs("SQLite")("small uploads in the database", () => {
  it.scopedLive("are uploaded, read and ranged without a file, also by the next server", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(5000)
      const path = yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          const path = yield* server.create(5000, {}, text.slice(0, 1000))
          yield* server.patch(path, 1000, text.slice(1000, 3000))
          assert.strictEqual(yield* server.offsetOf(path), 3000)
          yield* server.patch(path, 3000, text.slice(3000))
          assert.strictEqual(yield* server.get(path), text)
          return path
        }))
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* server.offsetOf(path), 5000)
          assert.strictEqual(yield* server.get(path), text)
          for (
            const [range, start, end] of [["0-0", 0, 1], ["999-1000", 999, 1001], ["2500-3500", 2500, 3501]] as const
          ) {
            assert.strictEqual(yield* server.get(path, range), text.slice(start, end))
          }
          assert.strictEqual(yield* server.get(path, "-7"), text.slice(-7))
          assert.strictEqual((yield* server.ask(Exchange.patch(path, 5000, "x"))).status, 413)
          const { location, stored, upload } = yield* server.admin.inspect(idOf(path))
          deepStrictEqual([location, stored, upload.offset], [Option.none(), 0, 5000])
        }))
      deepStrictEqual(filesIn(at), [])
      deepStrictEqual(yield* beside(at), [5000])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("that begin in a file are read as one, and end in it", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(100_400)
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          const read = (id: string, start: number, end: number) =>
            server.store.read(idOf(id), { start, end }).pipe(Stream.decodeText(), Stream.mkString)
          const path = yield* server.create(100_400)
          yield* server.patch(path, 0, text.slice(0, 100_000))
          yield* server.patch(path, 100_000, text.slice(100_000, 100_200))
          yield* server.patch(path, 100_200, text.slice(100_200, 100_300))
          deepStrictEqual(yield* beside(at), [300])
          for (
            const [start, end] of [[0, 100_300], [99_990, 100_010], [100_000, 100_001], [100_190, 100_290]] as const
          ) {
            assert.strictEqual(yield* read(path, start, end), text.slice(start, end))
          }
          deepStrictEqual((yield* server.admin.inspect(idOf(path))).location, Option.none())
          yield* server.patch(path, 100_300, text.slice(100_300))
          assert.strictEqual(yield* server.get(path), text)
          assert.strictEqual(yield* server.get(path, "99990-100350"), text.slice(99_990, 100_351))
          deepStrictEqual((yield* server.admin.inspect(idOf(path))).location, Option.some(fileOf(at, path)))
          assert.strictEqual(readFileSync(fileOf(at, path), "utf8"), text)
        }))
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("that grow past 64 KiB in small steps move into one file", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const step = 10_000
      const text = letters(20 * step)
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          const path = yield* server.create(text.length)
          for (let start = 0; start < text.length; start += step) {
            yield* server.patch(path, start, text.slice(start, start + step))
            const [size = 0] = yield* beside(at)
            assert.isAtMost(size, 64 * 1024)
            // It lies in a file once it is longer than that.
            assert.strictEqual(filesIn(at).length, start + step <= 64 * 1024 ? 0 : 1)
          }
          assert.strictEqual(yield* server.get(path), text)
          assert.strictEqual(readFileSync(fileOf(at, path), "utf8"), text)
        }))
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("move to where the setting says with their next bytes, and are readable with both settings", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(3000)
      const first = yield* life({ directory: at }, (server) =>
        Effect.all({
          complete: server.create(3000, {}, text),
          open: server.create(3000, {}, text.slice(0, 1000)),
          moving: server.create(3000, {}, text.slice(0, 1000))
        }))
      const files = { directory: at, smallUploads: "files" } as const
      const second = yield* life({ ...files, durability: "process" }, (server) =>
        Effect.gen(function*() {
          assert.strictEqual(yield* server.get(first.complete), text)
          assert.strictEqual(yield* server.offsetOf(first.open), 1000)
          yield* server.patch(first.moving, 1000, text.slice(1000, 2000))
          return {
            open: yield* server.create(3000, {}, text.slice(0, 1000)),
            complete: yield* server.create(3000, {}, text)
          }
        }))
      const moved = [first.complete, first.moving, second.open, second.complete].map(idOf).toSorted()
      deepStrictEqual(filesIn(at).toSorted(), moved)
      deepStrictEqual(yield* beside(at), [1000])
      deepStrictEqual(yield* faults(at), [])
      const all = [first.complete, first.open, first.moving, second.open, second.complete]
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          for (const path of [first.open, first.moving, second.open]) {
            const offset = yield* server.offsetOf(path)
            yield* server.patch(path, offset, text.slice(offset, 2500))
            yield* server.patch(path, 2500, text.slice(2500))
          }
          deepStrictEqual(yield* Effect.forEach(all, (path) => server.get(path)), all.map(() => text))
        }))
      // An upload that is complete lies in one place.
      deepStrictEqual(filesIn(at).toSorted(), moved)
      deepStrictEqual(yield* beside(at), [3000])
      deepStrictEqual(yield* faults(at), [])
      yield* life(files, (server) =>
        Effect.gen(function*() {
          yield* server.locate(first.open)
          deepStrictEqual(yield* Effect.forEach(all, (path) => server.get(path)), all.map(() => text))
        }))
      deepStrictEqual(filesIn(at).toSorted(), all.map(idOf).toSorted())
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("are joined, whether the final comes before or after the bytes of its parts", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(2000)
      const partial = { "upload-concat": "partial" }
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          const join = (parts: ReadonlyArray<string>) =>
            Effect.map(
              server.ask(Exchange.post({ "upload-concat": `final;${parts.join(" ")}` })),
              Exchange.locationOf
            )
          const whole = yield* server.create(1200, partial, text.slice(0, 1200))
          const begun = yield* server.create(800, partial, text.slice(1200, 1500))
          const before = yield* join([whole, begun])
          yield* server.patch(begun, 300, text.slice(1500))
          const after = yield* join([begun, whole])
          assert.strictEqual(yield* server.get(before), text)
          assert.strictEqual(yield* server.get(after), text.slice(1200) + text.slice(0, 1200))
          assert.strictEqual(yield* server.get(after, "700-900"), (text.slice(1200) + text).slice(700, 901))
        }))
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("leave no row and no file when they are deleted or expire", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(70_000)
      const kept = yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          const complete = yield* server.create(100, {}, text.slice(0, 100))
          const open = yield* server.create(200, {}, text.slice(0, 100))
          const both = yield* server.create(80_000, {}, text)
          yield* server.patch(both, 70_000, text.slice(0, 100))
          const expiring = yield* server.create(80_000, {}, text)
          yield* server.patch(expiring, 70_000, text.slice(0, 50))
          yield* server.create(200, {}, text.slice(0, 60))
          deepStrictEqual(yield* beside(at), [50, 60, 100, 100, 100])
          for (const path of [complete, open, both]) {
            yield* server.send(Exchange.terminate(path))
            assert.strictEqual((yield* server.ask(Exchange.head(path))).status, 404)
          }
          deepStrictEqual(yield* beside(at), [50, 60])
          deepStrictEqual(filesIn(at), [idOf(expiring)])
          return yield* server.create(40, {}, text.slice(0, 40))
        }))
      const { uploads } = yield* remains(at, "2 days", "database")
      deepStrictEqual(uploads.map(({ id }) => id), [idOf(kept)])
      deepStrictEqual(filesIn(at), [])
      deepStrictEqual(yield* beside(at), [40])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("are checked against checksums in headers and trailers, and bytes that differ leave nothing", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(300)
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          const path = yield* server.create(300)
          for (const message of [Exchange.checked, Exchange.trailed]) {
            const wrong = { ...message(path, 0, text.slice(0, 100)), body: text.slice(1, 101) }
            assert.strictEqual((yield* server.ask(wrong)).status, 460)
            deepStrictEqual(yield* faults(at), [])
          }
          assert.strictEqual(yield* server.offsetOf(path), 0)
          deepStrictEqual(yield* beside(at), [])
          yield* server.send(Exchange.checked(path, 0, text.slice(0, 100)))
          deepStrictEqual(yield* beside(at), [100])
          // The length of a body with a trailer is not announced: it goes into a file, and what came before it, too.
          yield* server.send(Exchange.trailed(path, 100, text.slice(100)))
          assert.strictEqual(yield* server.get(path), text)
          assert.strictEqual(readFileSync(fileOf(at, path), "utf8"), text)
        }))
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("are in a file if a client asks for them before the body is whole", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(300)
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          const path = yield* server.create(300, {}, text.slice(0, 100))
          const slow = yield* Effect.acquireRelease(
            Effect.promise(() => Raw.open(server.port)),
            (client) => Effect.sync(() => client.destroy())
          )
          yield* Effect.promise(() => slow.send(Raw.patch(path, 100, 200), text.slice(100, 150)))
          yield* Effect.repeat(server.offsetOf(path), { until: (offset) => offset === 150 })
          yield* Effect.promise(() => slow.send(text.slice(150)))
          assert.strictEqual((yield* Effect.promise(() => slow.answer("PATCH"))).status, 204)
          assert.strictEqual(yield* server.get(path), text)
          assert.strictEqual(readFileSync(fileOf(at, path), "utf8"), text)
        }))
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("leave nothing in the file that a server began before it was killed", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(300)
      const [open, whole] = yield* life({ directory: at }, (server) =>
        Effect.all([server.create(300), server.create(300)]))
      for (const path of [open, whole]) {
        mkdirSync(dirname(fileOf(at, path)), { recursive: true })
        writeFileSync(fileOf(at, path), "never committed")
      }
      yield* life({ directory: at }, (server) =>
        Effect.gen(function*() {
          yield* server.patch(open, 0, text.slice(0, 100))
          yield* server.patch(open, 100, text.slice(100))
          assert.strictEqual(yield* server.get(open), text)
          yield* server.patch(whole, 0, text)
          assert.strictEqual(yield* server.get(whole), text)
        }))
      yield* remains(at, "1 hour", "database")
      deepStrictEqual(filesIn(at), [])
      deepStrictEqual(yield* faults(at), [])
      yield* life({ directory: at }, (server) =>
        Effect.map(server.get(whole), (found) =>
          assert.strictEqual(found, text)))
    }))

  it.scopedLive("count for a quota like all others, also after a restart", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const options = { directory: at, limits: { bytesPerOwner: 1000 } }
      const text = letters(600)
      const post = Exchange.post({ "upload-length": 600 }, text)
      const first = yield* life(options, (server) => server.create(600, {}, text))
      yield* life(options, (server) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* server.ask(post)).status, 507)
          yield* server.send(Exchange.terminate(first))
          assert.strictEqual((yield* server.ask(post)).status, 201)
          assert.strictEqual((yield* server.ask(post)).status, 507)
        }))
      deepStrictEqual(yield* beside(at), [600])
    }))

  it.scopedLive("are shown to an operator, beside the server and without it", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const shows = Effect.fnUntraced(function*(open: string, complete: string) {
        const listed = yield* Process.run(at, ["admin", "list"])
        deepStrictEqual(
          listed.out.map((line) => line.split("  ").slice(0, 3)).toSorted(),
          [[idOf(open), "open", "25% of 400 B"], [idOf(complete), "complete", "100% of 300 B"]].toSorted()
        )
        const inspected = yield* Process.run(at, ["admin", "inspect", idOf(complete), "--json"])
        assert.deepInclude(JSON.parse(inspected.stdout), {
          state: "complete",
          offset: 300,
          length: 300,
          location: null
        })
      })
      const { complete, open } = yield* life({ directory: join(at, "uploads") }, (server) =>
        Effect.gen(function*() {
          const open = yield* server.create(400, {}, letters(100))
          const complete = yield* server.create(300, {}, letters(300))
          const listed = Either.getOrThrow(
            Either.all(Chunk.toReadonlyArray(yield* Stream.runCollect(server.admin.list)))
          )
          deepStrictEqual(listed.map(({ offset }) => Number(offset)).toSorted(), [100, 300])
          yield* shows(open, complete)
          return { complete, open }
        }))
      yield* shows(open, complete)
      const removed = yield* Process.run(at, ["admin", "terminate", idOf(complete)])
      assert.strictEqual(removed.code, 0, removed.stderr)
      deepStrictEqual(yield* beside(join(at, "uploads")), [100])
    }))
})

/** Everything that is logged, as lines. */
const logged = Effect.map(
  Effect.sync((): Array<string> => []),
  (lines) => ({
    lines,
    layer: Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ cause, logLevel, message }) => {
        lines.push(`${logLevel.label} ${[message].flat().map(String).join(" ")} ${Cause.pretty(cause)}`)
      })
    )
  })
)

const alter = (directory: string, statement: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(Sqlite.layer(join(directory, "uploads.sqlite")))
  )

/** What somebody does to the rows of an upload. */
const damages: Readonly<Record<string, (id: string) => string>> = {
  "missing": (id) => `DELETE FROM effect_tus_tails WHERE id = '${id}'`,
  "shorter": (id) => `UPDATE effect_tus_tails SET bytes = substr(bytes, 1, 50) WHERE id = '${id}' AND at = 100`,
  "moved": (id) => `UPDATE effect_tus_tails SET at = 101 WHERE id = '${id}' AND at = 100`,
  "longer": (id) => `UPDATE effect_tus_tails SET bytes = bytes || bytes WHERE id = '${id}' AND at = 100`
}

needs("SQLite")("bytes in the database that are not those of the state", () => {
  for (const [what, damage] of Object.entries(damages)) {
    it.scopedLive(`because a row is ${what}: no byte of the upload is sent, and all others are`, () =>
      Effect.gen(function*() {
        const at = yield* directory
        const text = letters(200)
        const { layer, lines } = yield* logged
        const paths = yield* life({ directory: at }, (server) =>
          Effect.gen(function*() {
            const complete = yield* server.create(200, {}, text.slice(0, 100))
            yield* server.patch(complete, 100, text.slice(100))
            const open = yield* server.create(100_000, {}, text.slice(0, 100))
            yield* server.patch(open, 100, text.slice(100))
            return { complete, open, other: yield* server.create(200, {}, text) }
          }))
        yield* alter(at, damage(idOf(paths.complete)))
        yield* alter(at, damage(idOf(paths.open)))
        yield* life({ directory: at }, (server) =>
          Effect.gen(function*() {
            const broken = yield* server.ask({ method: "GET", path: paths.complete })
            assert.strictEqual(broken.status, 500)
            assert.notInclude(broken.text, text.slice(0, 10))
            assert.match(
              lines.join("\n"),
              new RegExp(
                `ERROR.*[^]*read the tail of ${idOf(paths.complete)}.*expected bytes from 0 to 200, found those to`
              )
            )
            assert.strictEqual(yield* server.offsetOf(paths.complete), 200)
            assert.strictEqual(yield* server.offsetOf(paths.open), 200)
            // These bytes are to move into a file, together with those before them: the upload begins again.
            const long = letters(100_000)
            assert.strictEqual((yield* server.ask(Exchange.patch(paths.open, 200, long.slice(200)))).status, 409)
            assert.match(lines.join("\n"), new RegExp(`${idOf(paths.open)} goes back from 200 bytes to 0`))
            assert.strictEqual(yield* server.offsetOf(paths.open), 0)
            yield* server.patch(paths.open, 0, long)
            assert.strictEqual(yield* server.get(paths.open), long)
            assert.strictEqual(yield* server.get(paths.other), text)
            assert.strictEqual(yield* server.get(yield* server.create(200, {}, text)), text)
            for (const path of Object.values(paths)) {
              yield* server.send(Exchange.terminate(path))
            }
          })).pipe(Effect.provide(layer))
        deepStrictEqual(yield* faults(at), [])
        deepStrictEqual(yield* beside(at), [200])
      }))
  }
})

needs("SQLite")("a version that knows no bytes in the database", () => {
  it.scopedLive("may use it until there are any, and is then refused with a sentence that says why", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const before = query(at, (sql) => Effect.either(Registration.admit(sql, 6)))
      const post = (smallUploads: "database" | "files", length: number, text: string) =>
        life({ directory: at, smallUploads, durability: "process" }, (server) => server.create(length, {}, text))
      yield* post("files", 10, letters(10))
      yield* post("database", 10, "")
      yield* post("database", 100_000, letters(100_000))
      assert.isTrue(Either.isRight(yield* before))
      const path = yield* post("database", 10, letters(5))
      const refused = yield* Effect.flip(Effect.flatten(before))
      assert.match(
        refused.message,
        /a newer effect-tus has migrated its tables: a version needs migration 7 to write to them, and this one knows 6/
      )
      // Nothing makes the database usable for that version again.
      yield* life({ directory: at, smallUploads: "files" }, (server) => server.send(Exchange.terminate(path)))
      assert.isTrue(Either.isLeft(yield* before))
    }))
})
