import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { Report } from "./test/support/Report.js"

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * Rules, server, stores, client, command and doors. These files share a few processes, because loading the modules
 * takes longer than most of their tests. Files that replace modules of Node, start dozens of processes or simulate long
 * stories are not among them.
 */
const together = [
  "{bytes,node-shared,protocol,server,sql,store,time}/*",
  "wire/**/*",
  "cli/!(Files|command|installed|interrupted|terminal|widths)",
  "client/!(Fingerprint|sessions|simulation)",
  "node/{EmbeddedStore,NodeBody,NodeHandler,NodeTusServer,OpenFiles}"
].map((name) => `test/${name}.test.ts`)

/**
 * The tests that run once more where better-sqlite3 cannot be loaded, on a Node that has a SQLite of its own. Those of
 * the first entry run only there.
 */
const sqlite = [
  "sqlite/**/*",
  "store/UploadRegistry",
  "sql/SqlUploadRegistry",
  "node/EmbeddedStore",
  "node/DirectoryLock",
  "chaos/crashes"
].map((name) => `test/${name}.test.ts`)

const included: Readonly<Record<string, ReadonlyArray<string>>> = { together, sqlite }

const excluded: Readonly<Record<string, ReadonlyArray<string>>> = {
  together: [],
  sqlite: [],
  apart: [...together, ...sqlite.slice(0, 1)]
}

/**
 * `npm test` runs the files of `together`. `npm run test:all` then runs each other file in a process of its own.
 * Without a mode, every file has its own process.
 */
export default defineConfig(({ mode }) => ({
  resolve: {
    alias: [
      { find: /^effect-tus$/, replacement: local("./src/index.ts") },
      { find: /^effect-tus\/(.*)$/, replacement: local("./src/$1/index.ts") }
    ]
  },
  test: {
    include: [...(included[mode] ?? ["test/**/*.test.ts"])],
    globalSetup: ["test/build.ts"],
    setupFiles: ["test/support/methods.ts"],
    reporters: ["default", new Report()],
    exclude: ["**/node_modules/**", ...(excluded[mode] ?? sqlite.slice(0, 1))],
    // Many tests start processes, which takes seconds each when both cores are busy.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    poolOptions: {
      forks: {
        isolate: mode !== "together",
        // By default vitest leaves one core free, which is half of a machine with two.
        maxForks: Math.max(2, availableParallelism() - 1)
      }
    }
  }
}))
