import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import { TusServer } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { createUpload } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import { idOf } from "../support/uploads.js"
import * as Process from "./process.js"

/** A directory that a server has left, with an empty upload and a complete one. */
const left = Effect.gen(function*() {
  const at = yield* directory
  const scope = yield* Scope.make()
  const server = yield* Layer.buildWithScope(NodeTusServer.layer({ port: 0, directory: join(at, "uploads") }), scope)
  const { url } = Context.get(server, NodeTusServer.NodeTusServer)
  const ids = yield* Effect.promise(async () => ({
    open: idOf(await createUpload(url, 10, { "upload-metadata": `filename ${btoa("a b.txt")}` })),
    complete: idOf(await createUpload(url, 3, {}, "abc"))
  }))
  yield* Context.get(server, TusServer.TusServer).locate(ids.complete)
  return { at, ids, stop: Scope.close(scope, Exit.void) }
})

const alter = (at: string, statement: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
    Effect.provide(Sqlite.layer(join(at, "uploads", "uploads.sqlite")))
  )

needs("SQLite")("the command admin", () => {
  it.scopedLive("shows, extends and removes uploads", () =>
    Effect.gen(function*() {
      const { at, ids, stop } = yield* left
      yield* stop
      const all = yield* Process.run(at, ["admin", "list"])
      assert.strictEqual(all.code, 0)
      deepStrictEqual(all.out.map((line) => line.split("  ")[0]), [ids.open, ids.complete].toSorted())
      assert.match(all.stdout, new RegExp(`^${ids.open}  open  0% of 10 B  created .* ago  a b\\.txt$`, "m"))
      assert.match(all.stdout, new RegExp(`^${ids.complete}  complete  100% of 3 B  created .* ago$`, "m"))

      const extended = yield* Process.run(at, ["admin", "extend", ids.open, "--for", "10 days"])
      assert.match(extended.stdout, /expires in (10 d|9 d 23 h)/)
      const inspected = yield* Process.run(at, ["admin", "inspect", `http://a.b/files/${ids.complete}?x`, "--json"])
      const facts = JSON.parse(inspected.stdout)
      assert.deepInclude(facts, {
        id: ids.complete,
        state: "complete",
        offset: 3,
        length: 3,
        owner: null,
        expires: null
      })
      assert.isTrue(existsSync(facts.location))

      const removed = yield* Process.run(at, ["admin", "terminate", ids.complete, "x".repeat(22)])
      deepStrictEqual([removed.code, removed.err], [
        1,
        [`removed ${ids.complete}`, `effect-tus: no upload "${"x".repeat(22)}" here`]
      ])
      assert.isFalse(existsSync(facts.location))
    }))

  it.scopedLive("reports a missing directory, and creates nothing", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const nowhere = yield* Process.run(at, ["admin", "list", "--dir", "none"])
      deepStrictEqual([nowhere.code, nowhere.err], [
        1,
        [`effect-tus: ${join(at, "none")}: no server has stored uploads here; --dir names the directory of a server`]
      ])
      assert.isFalse(existsSync(join(at, "none")))
      const which = yield* Process.run(at, ["admin", "inspect"])
      deepStrictEqual([which.code, which.err], [
        2,
        ["effect-tus: inspect: expected at least one upload id; see effect-tus admin --help"]
      ])
    }))

  it.scopedLive("reads beside a server, and changes nothing there", () =>
    Effect.gen(function*() {
      const { at, ids, stop } = yield* left
      const seen = yield* Process.run(at, ["admin", "list"])
      deepStrictEqual([seen.code, seen.out.length], [0, 2])
      assert.strictEqual((yield* Process.run(at, ["admin", "inspect", ids.complete])).code, 0)
      const refused = yield* Process.run(at, ["admin", "terminate", ids.complete])
      deepStrictEqual([refused.code, refused.err], [
        1,
        [`effect-tus: a server is using ${join(at, "uploads")}; stop it first`]
      ])
      yield* stop
    }))

  it.scopedLive("shows the uploads that can be read, and names the others", () =>
    Effect.gen(function*() {
      const { at, ids, stop } = yield* left
      yield* stop
      yield* alter(at, `UPDATE effect_tus_uploads SET kind = 'Weird' WHERE id = '${ids.complete}'`)
      const all = yield* Process.run(at, ["admin", "list"])
      deepStrictEqual([all.code, all.out.length, all.err.length], [1, 1, 1])
      assert.include(all.stdout, ids.open)
      assert.include(all.stderr, `read the state of ${ids.complete}`)
      assert.isBelow(all.stderr.length, 300)
    }))

  it.scopedLive("shows an upload of a dialect that it does not serve, and leaves it unchanged", () =>
    Effect.gen(function*() {
      const { at, ids, stop } = yield* left
      yield* stop
      yield* alter(at, `UPDATE effect_tus_uploads SET dialect = 'ietf' WHERE id = '${ids.open}'`)
      const all = yield* Process.run(at, ["admin", "list"])
      deepStrictEqual([all.code, all.out.length], [0, 2])
      assert.match(all.stdout, new RegExp(`^${ids.open}  open  .*  dialect ietf  a b\\.txt$`, "m"))
      const inspected = yield* Process.run(at, ["admin", "inspect", ids.open, "--json"])
      assert.propertyVal(JSON.parse(inspected.stdout), "dialect", "ietf")
      const refused = yield* Process.run(at, ["admin", "terminate", ids.open])
      deepStrictEqual([refused.code, refused.err], [
        1,
        [
          `effect-tus: serve the upload ${ids.open}: it was created in the dialect ietf, which this version of effect-tus does not support; run the version that created it`
        ]
      ])
      assert.strictEqual((yield* Process.run(at, ["admin", "list"])).out.length, 2)
    }))

  it.scopedLive("copies the database beside a server, and never over another file", () =>
    Effect.gen(function*() {
      const { at, stop } = yield* left
      const to = join(at, "kept.sqlite")
      assert.strictEqual((yield* Process.run(at, ["admin", "backup", "--to", to])).code, 0)
      const again = yield* Process.run(at, ["admin", "backup", "--to", to])
      deepStrictEqual([again.code, again.err.length], [1, 1])
      assert.include(again.stderr, "the file already exists")
      yield* stop
      const uploads = join(at, "uploads")
      readdirSync(uploads).filter((name) => name.startsWith("uploads.sqlite")).forEach((name) =>
        rmSync(join(uploads, name))
      )
      copyFileSync(to, join(uploads, "uploads.sqlite"))
      deepStrictEqual((yield* Process.run(at, ["admin", "list"])).out.length, 2)
      deepStrictEqual(readdirSync(at).filter((name) => name.includes("kept")), ["kept.sqlite"])
    }))

  it.scopedLive("shows orphans, and restores them for a state that lacks them, or into a file", () =>
    Effect.gen(function*() {
      const { at, ids, stop } = yield* left
      const uploads = join(at, "uploads")
      const file = join(uploads, ids.complete.slice(-2), ids.complete)
      const stamp = new Date(Date.now() + 600_000).toISOString().replace(/[-:]|\.\d+/g, "")
      const aside = join(uploads, "orphans", ids.complete.slice(-2), `${ids.complete}.3.${stamp}`)
      mkdirSync(join(aside, ".."), { recursive: true })
      renameSync(file, aside)
      const stray = join(uploads, "orphans", "xx", `${"x".repeat(22)}.5.${stamp}`)
      mkdirSync(join(stray, ".."))
      writeFileSync(stray, "stray")

      const listed = yield* Process.run(at, ["admin", "orphans", "list", "--json"])
      deepStrictEqual(
        listed.out.map((line) => JSON.parse(line)).map(({ id, size }) => [id, size]).toSorted(),
        [[ids.complete, 3], ["x".repeat(22), 5]].toSorted()
      )
      const unnamed = yield* Process.run(at, ["admin", "orphans", "restore", "x".repeat(22)])
      deepStrictEqual([unnamed.code, unnamed.err.length], [1, 1])
      assert.match(unnamed.stderr, /the database has no such upload; use --to PATH to write a copy/)

      const to = join(at, "back")
      const restore = ["admin", "orphans", "restore", "x".repeat(22), "--to", to]
      assert.strictEqual((yield* Process.run(at, restore)).code, 0)
      assert.strictEqual(readFileSync(to, "utf8"), "stray")
      writeFileSync(to, "mine")
      assert.strictEqual((yield* Process.run(at, restore)).code, 1)
      assert.strictEqual(readFileSync(to, "utf8"), "mine")

      writeFileSync(aside, "abcd")
      const changed = yield* Process.run(at, ["admin", "orphans", "restore", ids.complete])
      deepStrictEqual([changed.code, existsSync(file)], [1, false])
      assert.match(
        changed.stderr,
        /they were changed after they were set aside; use --to PATH to write a copy/
      )
      assert.match((yield* Process.run(at, ["admin", "orphans", "list"])).stdout, /, changed since/)
      writeFileSync(aside, "abc")
      assert.strictEqual((yield* Process.run(at, ["admin", "orphans", "restore", ids.complete])).code, 0)
      assert.strictEqual(readFileSync(file, "utf8"), "abc")
      assert.isFalse(existsSync(aside))
      yield* stop

      assert.strictEqual((yield* Process.run(at, ["admin", "orphans", "remove", "x".repeat(22)])).code, 0)
      deepStrictEqual((yield* Process.run(at, ["admin", "orphans", "list"])).out, [])
    }))

  it.scopedLive("is named in the error of a server whose database does not belong to the directory", () =>
    Effect.gen(function*() {
      const { at, stop } = yield* left
      yield* stop
      const uploads = join(at, "uploads")
      readdirSync(uploads).filter((name) => name.startsWith("uploads.sqlite")).forEach((name) =>
        rmSync(join(uploads, name))
      )
      const refused = yield* Process.run(at, ["serve", "--port", "0"])
      deepStrictEqual([refused.code, refused.err.length], [1, 1])
      assert.match(refused.stderr, /continue with --adopt, which sets aside, and never removes/)
    }))
}, { concurrent: true, timeout: 120_000 })
