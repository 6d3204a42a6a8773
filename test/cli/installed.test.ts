/**
 * The package as npm installs it for `npx effect-tus`: in an empty folder, without optional dependencies.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync, symlinkSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import * as Process from "./process.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const npm = (at: string, ...args: ReadonlyArray<string>) =>
  execFileSync("npm", [...args, "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: at, encoding: "utf8" }).trim()

/** A folder with only the package and its dependencies. */
const installed = Effect.map(directory, (at) => {
  const archive = npm(root, "pack", "--silent", "--pack-destination", at)
  npm(at, "install", "--omit=peer", "--prefer-offline", `./${archive}`)
  return at
})

/** Simulates a runtime without SQLite, such as Node 20. */
const withoutSqlite = isBuiltin("node:sqlite") ? ["--no-experimental-sqlite"] : []

const bundled = join(root, "dist/cli")

/** The packages that the bundle imports. */
const loaded = () =>
  new Set(
    readdirSync(bundled).filter((name) => name.endsWith(".js")).flatMap((name) =>
      [...readFileSync(join(bundled, name), "utf8").matchAll(/^(?:import|export) .*?["']([^"']+)["'];?$/gm)]
        .map(([, specifier = ""]) => specifier)
    ).filter((specifier) => !specifier.startsWith("./") && !isBuiltin(specifier))
  )

needs("SQLite")("the command in an empty folder", () => {
  it.scopedLive("prints its help, uploads and serves, and names the missing package on Node 20 in one sentence", () =>
    Effect.gen(function*() {
      const at = yield* installed
      const command = [process.execPath, ...withoutSqlite, join(at, "node_modules/.bin/effect-tus")]
      const start = (...args: ReadonlyArray<string>) => Process.program(at, [...command, ...args])
      const run = (...args: ReadonlyArray<string>) =>
        Effect.scoped(Effect.flatMap(start(...args), ({ ended }) => Effect.promise(() => ended)))

      assert.match((yield* run("--help")).stdout, /^effect-tus \d+\.\d+\.\d+: resumable uploads/)
      const refused = yield* run("serve", "--port", "0")
      assert.match(
        refused.stderr,
        /^effect-tus: open the database in \S+: better-sqlite3 cannot be loaded \(Cannot find package 'better-sqlite3'\), and this runtime has no node:sqlite; install better-sqlite3@\^12 beside effect-tus \([^)]+\), or use Node 22\.13 or later\n$/
      )
      assert.strictEqual(refused.code, 1)

      const without = (...options: ReadonlyArray<string>) =>
        Effect.map(run("serve", "--port", "0", "--bucket", "s3://uploads", ...options), ({ stderr }) => stderr)
      assert.strictEqual(
        yield* without(),
        "effect-tus: --bucket needs a package that is not installed: npx -p effect-tus -p @aws-sdk/client-s3@3 effect-tus serve\n"
      )
      assert.strictEqual(
        yield* without("--database", "postgres://tus@127.0.0.1:1/tus"),
        "effect-tus: --database needs a package that is not installed: npx -p effect-tus -p @effect/sql-pg@0.53 effect-tus serve\n"
      )

      symlinkSync(join(root, "node_modules/better-sqlite3"), join(at, "node_modules/better-sqlite3"))
      const server = yield* start("serve", "--port", "0")
      const [url] = yield* Effect.promise(() => server.said(/http:\/\/\S+/))
      const path = Process.file(at, "a.bin", randomBytes(3_000_000))
      const { code, out, stderr } = yield* run("upload", "a.bin", "--to", url)
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(yield* Process.stored(join(at, "uploads"), out[0]), yield* Process.digest(path))
    }))

  it("loads only its own files, the dependencies of the package, and drivers if they are installed", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
    deepStrictEqual([...loaded()].filter((name) => !(name in dependencies)).toSorted(), [
      "@aws-sdk/client-s3",
      "better-sqlite3",
      "pg",
      "pg-connection-string",
      "pg-cursor"
    ])
  })

  it("has the licenses of the bundled packages", () => {
    const text = readFileSync(join(bundled, "LICENSES.txt"), "utf8")
    for (const name of ["effect", "@effect/platform", "mime", "ws"]) {
      assert.match(text, new RegExp(`^${name} \\d\\S+ \\(MIT\\)\\n\\n[^]*?Permission is hereby granted`, "m"))
    }
  })
}, { timeout: 120_000 })
