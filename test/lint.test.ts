/**
 * The rooms of the house have doors only where the import table says so: each planted violation is reported.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

const lint = (file: string, source: string) => {
  const directory = mkdtempSync(join(tmpdir(), "effect-tus-lint-"))
  try {
    cpSync(join(root, ".oxlintrc.json"), join(directory, ".oxlintrc.json"))
    mkdirSync(join(directory, dirname(file)), { recursive: true })
    writeFileSync(join(directory, file), source)
    execFileSync(join(root, "node_modules/.bin/oxlint"), ["src"], { cwd: directory, stdio: "pipe" })
    return ""
  } catch (error) {
    return String((error as { readonly stdout: Buffer }).stdout)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const planted: ReadonlyArray<readonly [file: string, source: string]> = [
  ["src/protocol/A.ts", `import * as Effect from "effect/Effect"\nexport const a = Effect.void\n`],
  ["src/protocol/A.ts", `import * as Layer from "effect/Layer"\nexport const a = Layer.empty\n`],
  ["src/protocol/A.ts", `import * as fs from "node:fs"\nexport const a = fs.constants\n`],
  ["src/protocol/A.ts", `import * as Store from "../store/ByteStore.js"\nexport const a = Store\n`],
  ["src/protocol/A.ts", `export const a = Date.now()\n`],
  ["src/store/A.ts", `import * as Http from "@effect/platform/HttpApp"\nexport const a = Http\n`],
  ["src/store/A.ts", `import * as TusServer from "../server/TusServer.js"\nexport const a = TusServer\n`],
  ["src/server/A.ts", `import * as http from "node:http"\nexport const a = http\n`],
  ["src/server/A.ts", `import * as Sql from "../sql/SqlUploadRegistry.js"\nexport const a = Sql\n`],
  ["src/server/TusServer.ts", `import * as Http from "@effect/platform/HttpApp"\nexport const a = Http\n`],
  ["src/client/A.ts", `import * as http from "node:http"\nexport const a = http\n`],
  ["src/client/A.ts", `import * as Store from "../store/ByteStore.js"\nexport const a = Store\n`],
  ["src/client/A.ts", `import * as TusServer from "../server/TusServer.js"\nexport const a = TusServer\n`],
  ["src/sql/A.ts", `import * as Sqlite from "@effect/sql-sqlite-node/SqliteClient"\nexport const a = Sqlite\n`],
  ["src/sql/A.ts", `import * as TusServer from "../server/TusServer.js"\nexport const a = TusServer\n`],
  ["src/client/A.ts", `import * as Cli from "../cli/Cli.js"\nexport const a = Cli\n`],
  ["src/client/A.ts", `import * as Node from "../node-client/NodeTransport.js"\nexport const a = Node\n`],
  ["src/client/A.ts", `import * as Browser from "../browser-client/Online.js"\nexport const a = Browser\n`],
  ["src/browser-client/A.ts", `import * as http from "node:http"\nexport const a = http\n`],
  ["src/browser-client/A.ts", `import * as Node from "../node-client/NodeTransport.js"\nexport const a = Node\n`],
  ["src/node-client/A.ts", `import * as Cli from "../cli/Cli.js"\nexport const a = Cli\n`],
  ["src/node/A.ts", `import { Effect } from "effect"\nexport const a = Effect.void\n`],
  ["src/server/A.ts", `import * as DateTime from "effect/DateTime"\nexport const a = DateTime.now\n`],
  ["src/client/A.ts", `import * as DateTime from "effect/DateTime"\nexport const a = DateTime.unsafeNow()\n`],
  [
    "src/client/upload/Retry.ts",
    `import * as DateTime from "effect/DateTime"\nexport const a = DateTime.unsafeNow()\n`
  ],
  ["src/client/upload/Retry.ts", `import * as Clock from "effect/Clock"\nexport const a = Clock.currentTimeMillis\n`],
  [
    "src/server/A.ts",
    `import type { Clock } from "effect/Clock"\nexport const a = (c: Clock) => c.unsafeCurrentTimeMillis()\n`
  ],
  [
    "src/server/A.ts",
    `import type { Clock } from "effect/Clock"\nexport const a = (c: Clock) => c.currentTimeMillis\n`
  ],
  ["src/cli/A.ts", `import * as Schedule from "effect/Schedule"\nexport const a = Schedule.recurUpTo("1 second")\n`],
  ["src/store/A.ts", `export const a = new Date()\n`]
]

describe("lint", () => {
  it("finds no comparison that cannot tell one Option from another: that of chai, by assert.deepStrictEqual", () => {
    const names = ["test", "src"].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))
    )
    const files = names.filter((name) => name.endsWith(".ts") && !name.endsWith("lint.test.ts"))
    assert.isAbove(files.length, 100)
    const guilty = files.filter((name) => /assert\.deep(Strict)?Equal/.test(readFileSync(join(root, name), "utf8")))
    assert.strictEqual(guilty.join(), "")
  })

  it("finds nobody but NodeRequest who listens to a request or an answer, unless it is to hear nothing", () => {
    const folder = join(root, "src/node")
    const guilty = readdirSync(folder).filter((name) => name !== "NodeRequest.ts").flatMap((name) =>
      Array.from(
        readFileSync(join(folder, name), "utf8").matchAll(
          /\b(request|response|message|stream)\s*\.(on|once|addListener|prependListener)\((?!"error", ignore\)).*/g
        ),
        ([line]) => `${name}: ${line}`
      )
    )
    // There a timer is set, and nothing is asked of the session.
    deepStrictEqual(guilty, ["HttpListener.ts: stream.once(\"close\", () => {"])
  })

  for (const [file, source] of planted) {
    it(`refuses ${source.trimEnd().replaceAll("\n", "; ")} in ${file}`, () => {
      assert.match(lint(file, source), /no-restricted-(imports|globals|properties)/)
    })
  }

  it("accepts what the table allows", () => {
    assert.strictEqual(lint("src/node/A.ts", `import * as fs from "node:fs"\nexport const a = fs.constants\n`), "")
  })
})
