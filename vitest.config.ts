import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// With TEST_DIST set the public names resolve to the built package, through its own `exports`.
const alias = process.env.TEST_DIST === undefined
  ? [
    { find: /^effect-tus$/, replacement: local("./src/index.ts") },
    { find: /^effect-tus\/(.*)$/, replacement: local("./src/$1/index.ts") }
  ]
  : []

export default defineConfig({
  resolve: { alias },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    pool: "forks"
  }
})
