/**
 * The runtimes of the tests. `npm run test:install` installs them from `package.json` in this folder.
 */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))

const installed = (...paths: ReadonlyArray<string>) => {
  const path = paths.map((path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url))).find(existsSync)
  if (path === undefined) {
    throw new Error(`none of ${paths.join(", ")} is there: npm run test:install installs them`)
  }
  return path
}

/** These packages keep the binary of each platform in another package. */
const node = (version: number) => installed(`node${version}-${process.platform}-${process.arch}/bin/node`)

const arch = process.arch === "arm64" ? "aarch64" : process.arch

export const node22 = node(22)
export const node24 = node(24)
export const node26 = node(26)
export const bun = installed(`@oven/bun-${process.platform}-${arch}/bin/bun`, "bun/bin/bun.exe")
export const deno = installed(
  `@deno/${process.platform}-${process.arch}-glibc/deno`,
  `@deno/${process.platform}-${process.arch}/deno`,
  "deno/deno"
)
