/**
 * What `effect-tus serve` prints about bytes that its database does not name.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createUpload } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import { idOf } from "../support/uploads.js"
import * as Process from "./process.js"

const start = Effect.fnUntraced(function*(at: string, ...options: ReadonlyArray<string>) {
  const running = yield* Process.start(at, ["serve", "--port", "0", ...options])
  const [url] = yield* Effect.promise(() => running.said(/http:\/\/\S+/))
  return {
    url,
    said: (pattern: RegExp) => Effect.promise(() => running.said(pattern)),
    stop: Effect.promise(() => {
      running.process.kill("SIGTERM")
      return running.ended
    })
  }
})

const upload = (url: string, body: string) =>
  Effect.promise(async () => idOf(await createUpload(url, body.length, {}, body)))

const loseDatabase = (at: string) => {
  const uploads = join(at, "uploads")
  readdirSync(uploads).filter((name) => name.startsWith("uploads.sqlite")).forEach((name) =>
    rmSync(join(uploads, name))
  )
}

/** A file that was set aside some hours ago. */
const setAside = (at: string, letter: string, hours: number) => {
  const since = new Date(Date.now() - hours * 3_600_000)
  const id = letter.repeat(32)
  const folder = join(at, "uploads", "orphans", id.slice(-2))
  const path = join(folder, `${id}.5.${since.toISOString().replace(/[-:]|\.\d+/g, "")}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, "stray")
  utimesSync(path, since, since)
  return path
}

needs("SQLite")("the command serve", () => {
  it.scopedLive("--adopt starts after the loss of the database, and sets the files aside", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const before = yield* start(at)
      const id = yield* upload(before.url, "abc")
      yield* before.stop
      loseDatabase(at)
      const adopting = yield* start(at, "--adopt")
      const [, path = ""] = yield* adopting.said(/named by no state, and set aside: (\S+)/)
      assert.include(path, id)
      assert.strictEqual(readFileSync(path, "utf8"), "abc")
      yield* adopting.stop
      // From then on the directory belongs to the new database.
      yield* (yield* start(at)).stop
    }))

  it.scopedLive("--keep-orphans limits how long they stay, 30 days by default", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const [younger, older] = [setAside(at, "a", 1), setAside(at, "b", 3)]
      const oldest = setAside(at, "c", 24 * 31)
      const usual = yield* start(at)
      yield* usual.said(/bytes of c{32}.* are removed: they were set aside/)
      yield* usual.stop
      deepStrictEqual([younger, older, oldest].map((path) => existsSync(path)), [true, true, false])
      const keeping = yield* start(at, "--keep-orphans", "2h")
      yield* keeping.said(/bytes of b{32}.* are removed: they were set aside/)
      yield* keeping.stop
      deepStrictEqual([younger, older].map((path) => existsSync(path)), [true, false])
    }))
}, { concurrent: true, timeout: 120_000 })
