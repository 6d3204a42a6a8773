/**
 * Lint reports every import that the import table does not allow. The test plants violations and looks for the reports.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { execFile } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { table } from "./lint/rooms.js"

const root = fileURLToPath(new URL("..", import.meta.url))

const rooms: Readonly<Record<string, { readonly rooms: ReadonlyArray<string> }>> = table

/** The paths of the project's own sources in these folders. */
const sources = (...folders: ReadonlyArray<string>) =>
  folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !/(^|[/])(node_modules|dist|[.]next)[/]/.test(name))
      .map((name) => join(folder, name))
  )

/** The report of the linter for these files. They are written to an empty folder, with the project's rules. */
const lint = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-tus-lint-"))
  try {
    cpSync(join(root, ".oxlintrc.json"), join(directory, ".oxlintrc.json"))
    cpSync(join(root, "test/lint"), join(directory, "test/lint"), { recursive: true })
    for (const [file, source] of Object.entries(files)) {
      mkdirSync(join(directory, dirname(file)), { recursive: true })
      writeFileSync(join(directory, file), source)
    }
    await promisify(execFile)(join(root, "node_modules/.bin/oxlint"), ["-f", "unix", "src"], { cwd: directory })
    return ""
  } catch (error) {
    return String((error as { readonly stdout: string }).stdout)
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
  ["src/server/verbs/A.ts", `import * as http from "node:http"\nexport const a = http\n`],
  ["src/server/verbs/A.ts", `import * as Sql from "../../sql/SqlUploadRegistry.js"\nexport const a = Sql\n`],
  ["src/server/TusServer.ts", `import * as Http from "@effect/platform/HttpApp"\nexport const a = Http\n`],
  ["src/client/requests/A.ts", `import * as http from "node:http"\nexport const a = http\n`],
  ["src/client/requests/A.ts", `import * as Store from "../../store/ByteStore.js"\nexport const a = Store\n`],
  ["src/client/requests/A.ts", `import * as TusServer from "../../server/TusServer.js"\nexport const a = TusServer\n`],
  ["src/sql/A.ts", `import * as Sqlite from "@effect/sql-sqlite-node/SqliteClient"\nexport const a = Sqlite\n`],
  ["src/sql/A.ts", `import * as TusServer from "../server/TusServer.js"\nexport const a = TusServer\n`],
  ["src/client/requests/A.ts", `import * as Cli from "../../cli/Cli.js"\nexport const a = Cli\n`],
  ["src/client/requests/A.ts", `import * as Node from "../../node-client/NodeTransport.js"\nexport const a = Node\n`],
  ["src/client/requests/A.ts", `import * as Browser from "../../browser-client/Online.js"\nexport const a = Browser\n`],
  ["src/browser-client/A.ts", `import * as http from "node:http"\nexport const a = http\n`],
  ["src/browser-client/A.ts", `import * as Node from "../node-client/NodeTransport.js"\nexport const a = Node\n`],
  ["src/node-client/A.ts", `import * as Cli from "../cli/Cli.js"\nexport const a = Cli\n`],
  ["src/node/files/A.ts", `import { Effect } from "effect"\nexport const a = Effect.void\n`],
  ["src/server/hooks/A.ts", `import * as DateTime from "effect/DateTime"\nexport const a = DateTime.now\n`],
  ["src/client/requests/A.ts", `import * as DateTime from "effect/DateTime"\nexport const a = DateTime.unsafeNow()\n`],
  [
    "src/client/upload/Retry.ts",
    `import * as DateTime from "effect/DateTime"\nexport const a = DateTime.unsafeNow()\n`
  ],
  ["src/client/upload/Retry.ts", `import * as Clock from "effect/Clock"\nexport const a = Clock.currentTimeMillis\n`],
  [
    "src/server/verbs/A.ts",
    `import type { Clock } from "effect/Clock"\nexport const a = (c: Clock) => c.unsafeCurrentTimeMillis()\n`
  ],
  [
    "src/server/verbs/A.ts",
    `import type { Clock } from "effect/Clock"\nexport const a = (c: Clock) => c.currentTimeMillis\n`
  ],
  [
    "src/cli/commands/A.ts",
    `import * as Schedule from "effect/Schedule"\nexport const a = Schedule.recurUpTo("1 second")\n`
  ],
  ["src/store/A.ts", `export const a = new Date()\n`]
]

/** A function of this many lines, and comments and blank lines between them. */
const functionOf = (lines: number) => `export const a = () => [\n${"  1,\n\n  // Why.\n".repeat(lines - 2)}]\n`

describe("lint", () => {
  it("finds no assert.deepStrictEqual of chai, which cannot tell one Option from another", () => {
    const files = sources("test", "src").filter((name) => !name.endsWith("lint.test.ts"))
    assert.isAbove(files.length, 100)
    const guilty = files.filter((name) => /assert\.deep(Strict)?Equal/.test(readFileSync(join(root, name), "utf8")))
    assert.strictEqual(guilty.join(), "")
  })

  it("finds no comment line wider than 120 columns", () => {
    const wide = sources("src", "test", "examples").flatMap((name) =>
      readFileSync(join(root, name), "utf8").split("\n")
        .filter((line) => line.length > 120 && /^ *([*]|[/][*]|[/][/])/.test(line))
        .map((line) => `${name}: ${line}`)
    )
    deepStrictEqual(wide, [])
  })

  it("finds no header and no status in the rules", () => {
    const words =
      /\b(upload|tus|content|x|if|retry|accept)-[a-z]+(-[a-z]+)*\b|status: [1-5]\d\d\b|\b(POST|PATCH|HEAD|DELETE)\b/gi
    const said = (source: string) => Array.from(source.matchAll(words), ([word]) => word)
    deepStrictEqual(said(`{ "Upload-Offset": 1 }, status: 409, by HEAD`), ["Upload-Offset", "status: 409", "HEAD"])
    deepStrictEqual(
      sources("src/protocol").flatMap((name) =>
        said(readFileSync(join(root, name), "utf8").replace(/@see .*/g, "")).map((word) => `${name}: ${word}`)
      ),
      []
    )
  })

  it("knows every folder, and finds no circle among them", () => {
    const folders = sources("src")
      .filter((name) => /(?<!\/index)(?<!\.d)\.ts$/.test(name))
      .map((name) => relative("src", dirname(name)))
    deepStrictEqual(Object.keys(rooms).toSorted(), [...new Set(folders)].toSorted())
    const below = new Map<string, ReadonlySet<string>>()
    const reached = (room: string, path: ReadonlyArray<string>): ReadonlySet<string> => {
      assert.notInclude(path, room)
      const known = below.get(room) ??
        new Set(rooms[room]?.rooms.flatMap((other) => [other, ...reached(other, [...path, room])]))
      below.set(room, known)
      return known
    }
    Object.keys(rooms).forEach((room) => reached(room, []))
  })

  it("refuses every import between folders that the table does not list", async () => {
    const names = Object.keys(rooms)
    const forbidden = names.map((room) =>
      [room, names.filter((other) => other !== room && !rooms[room]?.rooms.includes(other))] as const
    )
    const report = await lint(Object.fromEntries(forbidden.map(([room, others]) => [
      `src/${room}/Planted.ts`,
      others.map((other, at) => `export * as a${at} from "./${relative(`src/${room}`, `src/${other}/Other.js`)}"\n`)
        .join(
          ""
        )
    ])))
    const missed = forbidden.flatMap(([room, others]) =>
      others.map((other) => `${room} must not import from ${other}: `).filter((text) => !report.includes(text))
    )
    deepStrictEqual(missed, [])
    assert.isAbove(forbidden.flatMap(([, others]) => others).length, 500)
  })

  it("finds only NodeRequest listening to requests and responses, except for ignored errors", () => {
    const guilty = sources("src/node").filter((name) => name !== "src/node/http/NodeRequest.ts").flatMap((name) =>
      Array.from(
        readFileSync(join(root, name), "utf8").matchAll(
          /\b(request|response|message|stream)\s*\.(on|once|addListener|prependListener)\((?!"error", ignore\)).*/g
        ),
        ([line]) => `${name}: ${line}`
      )
    )
    // This listener starts a timer. It reads nothing from the session.
    deepStrictEqual(guilty, ["src/node/http/HttpListener.ts: stream.once(\"close\", () => {"])
  })

  for (const [file, source] of planted) {
    it(`refuses ${source.trimEnd().replaceAll("\n", "; ")} in ${file}`, async () => {
      assert.match(await lint({ [file]: source }), /rooms.imports|no-restricted-(globals|properties)/)
    })
  }

  it("refuses a function of more than 80 lines, without counting comments and blank lines", async () => {
    assert.strictEqual(await lint({ "src/store/A.ts": functionOf(80) }), "")
    assert.match(await lint({ "src/store/A.ts": functionOf(81) }), /max-lines-per-function/)
  })

  it("accepts what the table allows", async () => {
    const source = `import * as fs from "node:fs"\nexport const a = fs.constants\n`
    assert.strictEqual(await lint({ "src/node/files/A.ts": source }), "")
  })
})
