import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const { exports } = JSON.parse(readFileSync(local("./package.json"), "utf8")) as { exports: Record<string, string> }

const source = [
  { find: /^effect-tus$/, replacement: local("./src/index.ts") },
  { find: /^effect-tus\/(.*)$/, replacement: local("./src/$1/index.ts") }
]

/** The built package, by the names it exports; what tests reach inside for comes from the same build. */
const built = [
  ...Object.entries(exports).map(([entry, file]) => ({
    find: new RegExp(`^effect-tus${entry.slice(1)}$`),
    replacement: local(file)
  })),
  { find: /^(?:\.\.\/)+src\/(.*)$/, replacement: local("./dist/$1") }
]

/** Tests that leave nothing behind in their process. To load all that they need takes longer than most of them: they load it once. */
const together = ["protocol", "server"].map((room) => `test/${room}/**/*.test.ts`)

/** `npm test` runs those together, and the others apart. Without a mode, whatever is named has a process for each file. */
export default defineConfig(({ mode }) => ({
  resolve: { alias: process.env.TEST_DIST === undefined ? source : built },
  test: {
    include: mode === "together" ? together : ["test/**/*.test.ts"],
    exclude: mode === "apart" ? together : [],
    // Many tests start processes, which takes seconds each where both cores are busy.
    testTimeout: 120_000,
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
