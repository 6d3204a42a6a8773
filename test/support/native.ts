/**
 * Builds better-sqlite3, or downloads it, if that has not been done: `npm ci` runs no install scripts, so that it works
 * without a compiler. If neither works, the server uses the SQLite of Node 22.13 or later.
 */
import { spawnSync } from "node:child_process"

const loads = () => spawnSync(process.execPath, ["-e", `require("better-sqlite3")(":memory:")`]).status === 0

const build = () => spawnSync("npm", ["rebuild", "better-sqlite3", "--ignore-scripts=false"])

if (!loads()) {
  console.error("Building better-sqlite3, once: seconds where a built one can be fetched, else some minutes")
  build()
  if (!loads()) {
    console.error(
      process.getBuiltinModule("node:sqlite") === undefined
        ? "better-sqlite3 cannot be built here, and this Node has no SQLite: take Node 22.13 or later, or install g++, make and python3"
        : "better-sqlite3 cannot be built here: node:sqlite takes its place"
    )
  }
}
