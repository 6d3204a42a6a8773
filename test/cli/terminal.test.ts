/**
 * The command on a terminal: the screen while it runs, and after it has ended.
 */
import { assert, layer } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { directory as temporary } from "../support/directory.js"
import { needs } from "../support/needs.js"
import * as Process from "./process.js"
import * as Pty from "./pty.js"

const columns = 60
const size = 4_000_000

const onTerminal = (at: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Pty.program(at, [...Process.command, ...args], columns, env)

needs("script", "SQLite")("the terminal", () => {
  layer(Process.Server.layer, { excludeTestServices: true, timeout: "1 minute" })((it) => {
    it.scoped("has a bar for each file and one for all; Ctrl-C removes them and prints how to continue", () =>
      Effect.gen(function*() {
        const { port } = yield* Process.Server
        const at = yield* temporary
        const relay = yield* Process.relay(port, size / 2)
        const names = ["a.bin", "a file with a name that no terminal has the room for in one line.bin"]
        names.forEach((name) => Process.file(at, name, randomBytes(size)))
        const running = yield* onTerminal(at, ["upload", ...names, "--to", relay.url])
        yield* Effect.promise(() => relay.held(2))
        for (const name of ["a\\.bin", "a f.*….*bin", "0 of 2 files"]) {
          yield* Effect.promise(() => running.said(new RegExp(`${name} +[█░]+ +\\d+%`)))
        }
        running.process.stdin?.write("\u0003")
        const { code, stdout } = yield* Effect.promise(() => running.ended)
        assert.strictEqual(code, 130)
        Pty.assertNarrow(stdout, columns)
        deepStrictEqual(
          Pty.screen(stdout).map((line) => line.replace("^C", "")).filter((line) => line !== "").at(-1),
          "effect-tus: interrupted; continue with: effect-tus resume"
        )
        assert.lengthOf(stdout.match(/\bstopped\b/g) ?? [], 2)
        assert.isTrue(stdout.endsWith("\n"))
        assert.lengthOf(readdirSync(`${Process.state(at)}/effect-tus`), 2)
      }))

    it.scoped("keeps a line for each completed or failed file, in colour", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        const path = Process.file(at, "a.bin", randomBytes(size))
        const running = yield* onTerminal(at, ["upload", "a.bin", "missing", "--to", url])
        const { code, stdout } = yield* Effect.promise(() => running.ended)
        assert.strictEqual(code, 1)
        Pty.assertNarrow(stdout, columns)
        assert.include(stdout, "\u001b[32m✓\u001b[39m a.bin")
        assert.include(stdout, "\u001b[31m✗\u001b[39m missing")
        const seen = Pty.screen(stdout)
        const address = seen.find((line) => line.trim().startsWith(url))?.trim() ?? ""
        assert.strictEqual(yield* Process.stored(directory, address), yield* Process.digest(path))
        deepStrictEqual(seen.map((line) => line.replace(/\d\.\d s/, "N s")).toSorted(), [
          "",
          `  ${address}`,
          "effect-tus: 1 of 2 files, 3.8 MiB in N s; failed: missing",
          "✓ a.bin  3.8 MiB in N s",
          "✗ missing: there is no such file"
        ])
        assert.strictEqual(seen.at(-1), "")
      }))

    it.scoped("has no colour with NO_COLOR, and plain lines with TERM=dumb", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        // Each has its own journal: one would resume the upload of the other.
        const uploading = (env: Readonly<Record<string, string>>) =>
          Effect.gen(function*() {
            const at = yield* temporary
            Process.file(at, "a.bin", randomBytes(size))
            const { ended } = yield* onTerminal(at, ["upload", "a.bin", "--to", url], env)
            return yield* Effect.promise(() => ended)
          })
        const [plain, dumb] = yield* Effect.all(
          [uploading({ NO_COLOR: "1" }), uploading({ TERM: "dumb" })],
          { concurrency: 2 }
        )
        assert.strictEqual(plain.code, 0)
        assert.notMatch(plain.stdout, /\p{Cc}\[[\d;]*m/u)
        assert.match(Pty.screen(plain.stdout)[0] ?? "", /^✓ a\.bin  3\.8 MiB in \d\.\d s$/)

        assert.strictEqual(dumb.code, 0)
        assert.notMatch(dumb.stdout, /[^\P{Cc}\r\n]|█/u)
        assert.match(
          dumb.stdout,
          new RegExp(
            `^a\\.bin: starting, 3\\.8 MiB\r\n(a\\.bin: \\d.*\r\n)?a\\.bin: done, 3\\.8 MiB in .* s\r\n${url}/\\w+\r\n$`
          )
        )
      }))
  })
}, { concurrent: true, timeout: 120_000 })
