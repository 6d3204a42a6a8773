/**
 * A runtime on which better-sqlite3 cannot be loaded. With `node:sqlite` the same tests pass; without both, one
 * sentence says what to do.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { directory } from "../support/directory.js"
import { node22, root } from "./runtimes.js"

const withoutNative = ["--import", join(root, "test/sqlite/withoutNative.mjs")]

const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      spawn(node22, args, { cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
    ),
    (child) =>
      Effect.promise(async () => {
        let output = ""
        const onData = (text: string) => output += text
        child.stdout.setEncoding("utf8").on("data", onData)
        child.stderr.setEncoding("utf8").on("data", onData)
        const [code] = await once(child, "close")
        return { code: Number(code), output }
      }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** The first test is a whole run of vitest. */
const limit = 900_000

describe("a runtime without better-sqlite3", () => {
  it.live(
    "passes the tests of the registry, of kill -9 and of a second server with node:sqlite",
    () =>
      Effect.gen(function*() {
        const { code, output } = yield* run(["node_modules/vitest/vitest.mjs", "run", "--mode", "sqlite"], {
          NODE_OPTIONS: withoutNative.join(" "),
          CYCLES: "3"
        })
        assert.strictEqual(code, 0, output)
        assert.match(stripVTControlCharacters(output), /Test Files +\d+ passed \(/)
      }),
    limit
  )

  it.scopedLive("prints which package to install if it has no SQLite of its own", () =>
    Effect.gen(function*() {
      const { code, output } = yield* run([
        "--no-experimental-sqlite",
        ...withoutNative,
        "test/runtimes/serve.mjs",
        yield* directory
      ])
      assert.strictEqual(code, 1, output)
      assert.match(
        output,
        /open the database in \S+: better-sqlite3 cannot be loaded \(The module .*\), and this runtime has no node:sqlite; run "npm install @effect\/sql-sqlite-node@\^0\.53 better-sqlite3@\^12", or use Node 22\.13 or later\n/
      )
    }))
})
