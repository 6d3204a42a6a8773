/**
 * The exported suites under vitest 4, in a folder in which the package is installed as README says. The tests of this
 * project run under vitest 3.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../support/directory.js"
import { root } from "./runtimes.js"

const suites = `import { ByteStore, UploadLock, UploadRegistry } from "effect-tus"
import { ByteStoreSuite, UploadLockSuite, UploadRegistrySuite } from "effect-tus/testing"

ByteStoreSuite.suite("bytes in memory", ByteStore.layerMemory)
UploadLockSuite.suite("locks in memory", UploadLock.layerMemory)
UploadRegistrySuite.suite("states in memory", UploadRegistry.layerMemory)
`

const installation = ["install", "--no-audit", "--no-fund", "--ignore-scripts"]

describe("the exported suites", () => {
  it.scopedLive("run under vitest 4, and all tests pass", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const run = (file: string, ...words: ReadonlyArray<string>) =>
        execFileSync(file, words, { cwd: at, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
      const { peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
      const peers = ["effect", "@effect/vitest"].map((name) => `${name}@${peerDependencies[name]}`)
      const [{ filename }] = JSON.parse(run("npm", "pack", root, "--json", "--ignore-scripts"))
      writeFileSync(join(at, "package.json"), JSON.stringify({ private: true, type: "module" }))
      run("npm", ...installation, "--legacy-peer-deps", `./${filename}`, "vitest@4", ...peers)
      writeFileSync(join(at, "memory.test.js"), suites)
      run("npx", "vitest", "run", "--reporter=json", "--outputFile=report.json")
      const report = JSON.parse(readFileSync(join(at, "report.json"), "utf8"))
      const { version } = JSON.parse(readFileSync(join(at, "node_modules/vitest/package.json"), "utf8"))
      assert.match(version, /^4\./)
      assert.strictEqual(report.numPassedTests, report.numTotalTests)
      assert.isAbove(report.numTotalTests, 100)
    }), 300_000)
})
