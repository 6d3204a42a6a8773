/**
 * Every command on terminals of several widths, with and without colours, and on pipes: words are not broken, lines are
 * narrower than the terminal, and pipes get plain text.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, layer } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as AdminActions from "../../src/cli/commands/AdminActions.js"
import * as UploadJournal from "../../src/client/journal/UploadJournal.js"
import { createUpload } from "../interop/server.js"
import { directory as temporary } from "../support/directory.js"
import { needs } from "../support/needs.js"
import * as Process from "./process.js"
import * as Pty from "./pty.js"

const program = [
  process.execPath,
  "--import",
  pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href,
  fileURLToPath(new URL("sequence.ts", import.meta.url))
]

const create = (url: string, filename: string, body?: string) => {
  const album = "summer by the sea with all of us, and winter at home"
  return createUpload(url, 2000, { "upload-metadata": `filename ${btoa(filename)},album ${btoa(album)}` }, body)
}

const longName = "the name of a film that we have made in the summer holidays of last year.mp4"
const stray = "x".repeat(22)

/** A directory that a server has left, with an orphan. */
class Left extends Context.Tag("test/cli/Left")<Left, { readonly directory: string; readonly id: string }>() {
  static readonly layer = Layer.scoped(
    Left,
    Effect.gen(function*() {
      const directory = join(yield* temporary, "uploads")
      const id = yield* Effect.gen(function*() {
        const { url } = yield* NodeTusServer.NodeTusServer
        yield* Effect.promise(() => create(url, "a.bin", "abc"))
        return yield* Effect.promise(() => create(url, longName))
      }).pipe(Effect.provide(NodeTusServer.layer({ port: 0, directory })))
      const aside = join(directory, "orphans", "xx", `${stray}.5.20260102T030405Z`)
      mkdirSync(join(aside, ".."), { recursive: true })
      writeFileSync(aside, "stray")
      return { directory, id: id.split("/").at(-1) ?? "" }
    })
  )
}

/** Two interrupted uploads: one of a missing file with a long path, and a part. */
const remember = (at: string) =>
  Effect.gen(function*() {
    const { put } = yield* UploadJournal.UploadJournal
    const now = yield* DateTime.now
    const entry = {
      endpoint: "http://127.0.0.1:1080/files",
      fingerprint: "tus-1:aa",
      url: "http://127.0.0.1:1080/files/an-upload-with-an-id-that-is-longer-than-most-terminals-are-wide",
      source: "/srv/holidays/films-of-the-summer/last-year/film-that-is-not-there.mp4",
      length: 5_000_000,
      start: 0,
      acknowledged: 2_000_000,
      prefix: Option.none(),
      expires: Option.some(DateTime.add(now, { hours: 30 })),
      updated: DateTime.subtract(now, { hours: 72, minutes: 10 }),
      creation: Option.some({
        metadata: Option.some(`filename ${btoa(longName)},filetype ${btoa("video/mp4")}`),
        checksum: Option.some("sha1" as const),
        parts: 4
      })
    }
    yield* put(new UploadJournal.JournalEntry(entry))
    yield* put(
      new UploadJournal.JournalEntry({ ...entry, source: `/srv/${longName}`, start: 5_000_000, url: `${entry.url}-2` })
    )
  }).pipe(
    Effect.provide(UploadJournal.layerFileSystem(join(Process.state(at), "effect-tus"))),
    Effect.provide(NodeContext.layer)
  )

interface Seen {
  readonly command: string
  readonly code: number
  readonly text: string
}

/** Runs all commands in a new directory; on a terminal if a width is given. */
const seen = Effect.fnUntraced(function*(columns: number | undefined, env: Readonly<Record<string, string>> = {}) {
  const { url } = yield* Process.Server
  const { directory, id } = yield* Left
  const at = yield* temporary
  cpSync(directory, join(at, "uploads"), { recursive: true })
  yield* remember(at)
  for (const name of [longName, "b.bin"]) {
    Process.file(at, name, "b".repeat(100_000))
  }
  const [open, gone] = yield* Effect.promise(() => Promise.all([create(url, longName), create(url, "gone")]))
  const commands = [
    ...["", "upload", "resume", "list", "info", "terminate", "doctor", "serve", "admin"].map((name) =>
      `${name} --help`
    ),
    "--version",
    "--completions bash",
    "uplod",
    "upload --retrie",
    "upload missing --to URL",
    "upload FILE b.bin --to URL",
    "upload FILE b.bin --to URL --quiet",
    "upload FILE b.bin missing --to URL --json",
    "upload b.bin --to http://127.0.0.1:1/files --retries 0",
    "upload b.bin --to http://127.0.0.1:1/files --retries 0 --debug",
    "list",
    "list --json",
    "resume",
    "info OPEN",
    "info OPEN --json",
    "terminate GONE http://127.0.0.1:1/files/an-upload-that-is-not-there --retries 0",
    "doctor URL",
    "doctor URL --json",
    "doctor uploads",
    "serve --port 0 --dir served",
    "serve --port 0 --dir served --json",
    "admin list",
    "admin list --json",
    "admin inspect ID",
    "admin extend ID",
    `admin terminate ${"y".repeat(22)}`,
    "admin orphans list",
    "admin orphans list --json",
    `admin orphans restore ${stray}`,
    "admin backup --to kept.sqlite",
    "admin backup --to kept.sqlite",
    "admin nothing"
  ]
  const words: Readonly<Record<string, string>> = { URL: url, FILE: longName, OPEN: open, GONE: gone, ID: id }
  const told = JSON.stringify(
    commands.map((command) => command.trim().split(" ").map((word) => words[word] ?? word))
  )
  const setting = { ...env, TSX_TSCONFIG_PATH: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)) }
  const running = columns === undefined
    ? yield* Process.program(at, [...program, told], { env: setting })
    : yield* Pty.program(at, [...program, told], columns, setting)
  const ended = yield* Effect.promise(() => running.ended)
  assert.strictEqual(ended.code, 0, ended.stderr)
  const outputs = (columns === undefined ? [ended.stdout, ended.stderr] : [ended.stdout]).map((text) =>
    text.split(/\r?\nended (\d+)\r?\n/)
  )
  outputs.forEach((pieces) => assert.lengthOf(pieces, 2 * commands.length + 1))
  return commands.map((command, i): Seen => ({
    command: command.trim(),
    code: Number(outputs[0]?.[2 * i + 1]),
    text: outputs.map((pieces) => pieces[2 * i] ?? "").join("").replaceAll(at, "/here").replace(
      /\b[0-9a-f]{32}\b/g,
      "ID"
    )
  }))
})

/** The output on pipes. */
class Piped extends Context.Tag("test/cli/Piped")<Piped, ReadonlyArray<Seen>>() {
  static readonly layer = Layer.scoped(Piped, seen(undefined))
}

/** All words of the output, without numbers. */
const wordsOf = (text: string) =>
  [...new Set(text.replace(/\p{Cc}\[[\d;]*[A-Za-z]/gu, "").replace(/ \\$/gm, "").replace(/\d+/g, "N").split(/\s+/))]
    .filter((word) => !/^(N|N\.N|s|min|h|d|)$/.test(word)).toSorted()

/** Uploads draw more than lines on a terminal, and print a varying number of events on pipes. */
const isTransfer = ({ command }: Seen) => /^upload .* --to/.test(command)

const codeOf = ({ code, command }: Seen) => `${command}: ${code}`

const colors = /\p{Cc}\[[\d;]*m/gu
const control = /[^\P{Cc}\n]/u

/** Terminals that differ in more than their width. */
const terminals: ReadonlyArray<{
  readonly columns: number
  readonly env: Readonly<Record<string, string>>
  readonly isColored: boolean
}> = [
  { columns: 40, env: {}, isColored: true },
  { columns: 50, env: { NO_COLOR: "1" }, isColored: false },
  { columns: 80, env: { TERM: "dumb" }, isColored: false },
  { columns: 120, env: {}, isColored: true }
]

needs("script", "SQLite")("every command", () => {
  const services = Layer.provideMerge(Piped.layer, Layer.merge(Process.Server.layer, Left.layer))
  layer(services, { excludeTestServices: true, timeout: "3 minutes" })((it) => {
    it.scoped("is among those of this test", () =>
      Effect.gen(function*() {
        const all = yield* Piped
        const help = all.find(({ command }) => command === "--help")?.text ?? ""
        const names = [...help.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name]) => name ?? "")
        assert.include(names, "terminate")
        const looked = new Set(all.map(({ command }) => command))
        names.forEach((name) => assert.isTrue(looked.has(`${name} --help`), name))
        const without = [...looked].filter((command) => !command.endsWith("--help")).map((command) => `${command} `)
        for (const name of [...names, ...AdminActions.names.map((name) => `admin ${name}`)]) {
          assert.isTrue(without.some((command) => command.startsWith(`${name} `)), name)
        }
      }))

    for (const { columns, env, isColored } of terminals) {
      const named = Object.entries(env).map(([name, value]) => `, with ${name}=${value}`).join("")
      it.scoped(`keeps its words whole on ${columns} columns, in lines that are less wide${named}`, () =>
        Effect.gen(function*() {
          const piped = yield* Piped
          const all = yield* seen(columns, env)
          deepStrictEqual(all.map(codeOf), piped.map(codeOf))
          for (const [i, one] of all.entries()) {
            const { command, text } = one
            if (command.endsWith("--json")) {
              Pty.drawn(text).filter((line) => line.startsWith("{")).forEach((line) => JSON.parse(line))
            } else if (!command.startsWith("--completions")) {
              Pty.assertNarrow(text, columns)
            }
            if (!isTransfer(one)) {
              deepStrictEqual(wordsOf(text), wordsOf(piped[i]?.text ?? ""), command)
            }
            if (env["TERM"] === "dumb") {
              assert.notMatch(text, /[^\P{Cc}\r\n]|█/u, command)
            }
          }
          assert.strictEqual(all.some(({ text }) => colors.test(text)), isColored)
        }))
    }

    it.scoped("has colours outside a terminal only with FORCE_COLOR, and no other control characters", () =>
      Effect.gen(function*() {
        const piped = yield* Piped
        const forced = yield* seen(undefined, { FORCE_COLOR: "1" })
        piped.forEach(({ command, text }) => assert.notMatch(text, control, command))
        forced.forEach(({ command, text }) => assert.notMatch(text.replace(colors, ""), control, command))
        assert.isTrue(forced.some(({ text }) => colors.test(text)))
        deepStrictEqual(forced.map(codeOf), piped.map(codeOf))
      }))
  })
}, { concurrent: true, timeout: 240_000 })
