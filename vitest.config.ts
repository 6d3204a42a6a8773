import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { Report } from "./test/support/Report.js"

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * Rules, server, stores, client, command and doors. Their tests share a few processes: to load all that they need takes
 * longer than most of them. Those that replace modules of Node or start dozens of processes are left out.
 */
const together = [
  "{bytes,node-shared,protocol,server,sql,store,time}/*",
  "wire/**/*",
  "cli/!(Files|installed|interrupted|terminal|widths)",
  "client/!(Fingerprint)",
  "node/{EmbeddedStore,NodeBody,NodeHandler,NodeTusServer,OpenFiles}"
].map((name) => `test/${name}.test.ts`)

/**
 * What is run once more where better-sqlite3 cannot be loaded, by a Node that has a SQLite of its own; the first are
 * tests of just that.
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
 * `npm test` runs those together, and `npm run test:all` also the others apart. Without a mode, each named file has a
 * process of its own.
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
    // Many tests start processes, which takes seconds each where both cores are busy.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    poolOptions: {
      forks: {
        isolate: mode !== "together",
        // By itself it leaves one core alone, which of two is half.
        maxForks: Math.max(2, availableParallelism() - 1)
      }
    }
  }
}))
