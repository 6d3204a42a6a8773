/**
 * Uploads that are interrupted by Ctrl-C, or by the death of the command or the server. None starts again from its
 * first byte.
 */
import { assert, layer } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { basename } from "node:path"
import * as Servers from "../node-client/servers.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import * as Process from "./process.js"

const size = 4_000_000
const half = size / 2

/** Starts an upload. A relay passes `half` of each file and holds back the rest; three files are sent at once. */
const begun = Effect.fnUntraced(function*(args: ReadonlyArray<string>, names: ReadonlyArray<string> = ["a.bin"]) {
  const { port } = yield* Process.Server
  const at = yield* directory
  const relay = yield* Process.relay(port, half)
  const paths = names.map((name) => Process.file(at, name, randomBytes(size)))
  const upload = ["upload", ...names, "--to", relay.url]
  const running = yield* Process.start(at, [...upload, ...args])
  yield* Effect.promise(() => relay.held(Math.min(names.length, 3)))
  return { at, relay, paths, upload, running }
})

const end = ({ ended, process: child }: Process.Running, signal: NodeJS.Signals) =>
  Effect.promise(() => {
    child.kill(signal)
    return ended
  })

const remembered = (at: string) => readdirSync(`${Process.state(at)}/effect-tus`).length

const fieldOf = (events: ReadonlyArray<Record<string, unknown>>, event: string, field: string) =>
  events.find((each) => each["event"] === event)?.[field]

needs("SQLite")("an upload that is cut off", () => {
  layer(Process.Server.layer, { excludeTestServices: true, timeout: "1 minute" })((it) => {
    it.scoped("pauses at Ctrl-C, is listed, and resumes at its offset", () =>
      Effect.gen(function*() {
        const { directory } = yield* Process.Server
        const { at, paths: [path = ""], relay, running } = yield* begun([])
        const { code, err, stdout } = yield* end(running, "SIGINT")
        assert.strictEqual(code, 130)
        assert.strictEqual(stdout, "")
        assert.strictEqual(err[0], "a.bin: starting, 3.8 MiB")
        assert.strictEqual(err.at(-1), "effect-tus: interrupted; continue with: effect-tus resume")
        assert.notMatch(err.join("\n"), /failed|retrying|Error|^ +at /m)

        const list = yield* Process.run(at, ["list"])
        assert.strictEqual(list.code, 0)
        assert.lengthOf(list.out, 3)
        assert.strictEqual(list.out[2], "  filename=a.bin")
        assert.match(err.at(-2) ?? "", /^a\.bin: stopped at \d+ % \(.* of 3\.8 MiB\)$/)
        assert.match(list.out[0] ?? "", new RegExp(`^${path}  about [1-9]\\d?% of 3\\.8 MiB  .* ago  expires in .*$`))
        assert.isTrue(list.out[1]?.startsWith(`  ${relay.url}/`))

        relay.open()
        const before = relay.passed()
        const resumed = yield* Process.run(at, ["resume", "--json"])
        assert.strictEqual(resumed.code, 0)
        const events = Process.json(resumed.out)
        assert.isAbove(Number(fieldOf(events, "resumed", "acknowledged")), 0)
        assert.isBelow(relay.passed() - before, size - half / 2)
        assert.strictEqual(fieldOf(events, "complete", "url"), list.out[1]?.trim())
        assert.strictEqual(yield* Process.stored(directory, list.out[1]), yield* Process.digest(path))
        assert.strictEqual(remembered(at), 0)
      }))

    it.scoped("resumes by the name of its file or by its URL, and no other upload does", () =>
      Effect.gen(function*() {
        const { directory } = yield* Process.Server
        const { at, paths, relay, running } = yield* begun(["--journal", "my journal"], ["a", "b", "c", "d"])
        const { code, err } = yield* end(running, "SIGTERM")
        assert.strictEqual(code, 130)
        assert.match(
          err.at(-1) ?? "",
          /^effect-tus: interrupted; continue with: effect-tus resume --journal 'my journal' \(not started: 1 of 4 files\)$/
        )
        const listing = Process.run(at, ["list", "--journal", "my journal", "--json"])
        const entries = Process.json((yield* listing).out)
        const urls = new Map(entries.map(({ source, url }) => [basename(String(source)), String(url)]))
        deepStrictEqual([...urls.keys()].toSorted(), ["a", "b", "c"])

        relay.open()
        const named = yield* Process.run(at, ["resume", "--journal", "my journal", "a", urls.get("b") ?? ""])
        assert.strictEqual(named.code, 0)
        deepStrictEqual([...named.out].toSorted(), [urls.get("a"), urls.get("b")].toSorted())
        assert.lengthOf(named.err.filter((line) => /: resumed at \d+ % \(.* of 3\.8 MiB\)$/.test(line)), 2)
        for (const [i, name] of ["a", "b"].entries()) {
          assert.strictEqual(yield* Process.stored(directory, urls.get(name)), yield* Process.digest(paths[i] ?? ""))
        }
        deepStrictEqual(Process.json((yield* listing).out).map(({ url }) => url), [urls.get("c")])
      }))

    it.scoped("resumes with the same command after a kill", () =>
      Effect.gen(function*() {
        const { directory } = yield* Process.Server
        const { at, paths: [path = ""], relay, running, upload } = yield* begun(["--json"])
        const { signal, out } = yield* end(running, "SIGKILL")
        assert.strictEqual(signal, "SIGKILL")
        relay.open()
        const before = relay.passed()
        const again = yield* Process.run(at, [...upload, "--json"])
        assert.strictEqual(again.code, 0)
        const events = Process.json(again.out)
        assert.isAbove(Number(fieldOf(events, "resumed", "acknowledged")), 0)
        assert.isBelow(relay.passed() - before, size - half / 2)
        const url = fieldOf(events, "complete", "url")
        assert.strictEqual(url, fieldOf(Process.json(out), "created", "url"))
        assert.strictEqual(yield* Process.stored(directory, String(url)), yield* Process.digest(path))
        assert.strictEqual(remembered(at), 0)
      }))

    it.scoped("is reported as not started if no server was found", () =>
      Effect.gen(function*() {
        const at = yield* directory
        const { server, url } = yield* Servers.raw(() => {})
        yield* Effect.promise(() => new Promise((resolve) => server.close(resolve)))
        Process.file(at, "a.bin", "bytes")
        const running = yield* Process.start(at, ["upload", "a.bin", "--to", url])
        yield* Effect.promise(() => running.said(/^a\.bin: retrying in \d+\.\d s: cannot connect to /m))
        const { code, err } = yield* end(running, "SIGINT")
        assert.strictEqual(code, 130)
        assert.strictEqual(
          err.at(-1),
          "effect-tus: interrupted; run the same command again to continue"
        )
      }))

    it.scoped("is removed from the server with --terminate-on-abort", () =>
      Effect.gen(function*() {
        const { at, running } = yield* begun(["--terminate-on-abort", "--json"])
        const { code, err, out } = yield* end(running, "SIGINT")
        assert.strictEqual(code, 130)
        deepStrictEqual(err, [
          "effect-tus: interrupted; unfinished uploads were removed from the server"
        ])
        const events = Process.json(out)
        assert.strictEqual(fieldOf(events, "summary", "interrupted"), true)
        assert.strictEqual(remembered(at), 0)
        const info = yield* Process.run(at, ["info", String(fieldOf(events, "created", "url"))])
        assert.strictEqual(info.code, 1)
        assert.match(info.stderr, /^effect-tus: HEAD [^\n]* 4\d\d[^\n]*; the upload does not exist, or not any more\n$/)
      }))

    it.scoped("ends at the second Ctrl-C, even if the server hangs", () =>
      Effect.gen(function*() {
        const at = yield* directory
        const tus = Process.tus({ PATCH: () => {}, DELETE: () => {} })
        const { url } = yield* Servers.http(tus.listener)
        Process.file(at, "a.bin", randomBytes(size))
        const running = yield* Process.start(at, ["upload", "a.bin", "--to", url, "--terminate-on-abort", "--json"])
        yield* Effect.promise(() => running.said(/"event":"progress"/))
        running.process.kill("SIGINT")
        yield* Effect.promise(() => running.said(/^effect-tus: stopping; press Ctrl-C again to end at once$/m))
        assert.isTrue(Process.isRunning(running))
        const { signal } = yield* end(running, "SIGINT")
        assert.strictEqual(signal, "SIGINT")
      }))

    it.scoped("waits for a server that was killed and runs again", () =>
      Effect.gen(function*() {
        const at = yield* directory
        const first = yield* Process.serving(`${at}/uploads`)
        const relay = yield* Process.relay(first.port, half)
        const path = Process.file(at, "a.bin", randomBytes(size))
        const running = yield* Process.start(at, ["upload", "a.bin", "--to", relay.url, "--chunk-size", "1MiB"])
        yield* Effect.promise(() => relay.held())
        yield* end(first, "SIGKILL")
        yield* Effect.promise(() => running.said(/^a\.bin: retrying in \d+\.\d s: \S+ closed the connection/m))
        const second = yield* Process.serving(`${at}/uploads`, first.port)
        relay.open()
        const { code, err, out } = yield* Effect.promise(() => running.ended)
        assert.strictEqual(code, 0)
        assert.strictEqual(second.port, first.port)
        assert.match(err.at(-1) ?? "", /^a\.bin: done, 3\.8 MiB in /)
        assert.lengthOf(out, 1)
        assert.strictEqual(yield* Process.stored(`${at}/uploads`, out[0]), yield* Process.digest(path))
        assert.isBelow(relay.passed(), size + half)
      }))
  })
}, { concurrent: true, timeout: 120_000 })
