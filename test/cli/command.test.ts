/**
 * The command as a process against its own server: what it stores, what it prints where, and how it ends.
 */
import { assert, layer } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { createUpload } from "../interop/server.js"
import { sha256 } from "../interop/server.js"
import * as Servers from "../node-client/servers.js"
import { directory as temporary } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { needs } from "../support/needs.js"
import * as Process from "./process.js"

const certificate = (name: string) => fileURLToPath(new URL(`../node-client/certificates/${name}`, import.meta.url))

/** A server that gives this answer to every request. */
const answering = (status: number, type: string, text: string) =>
  Servers.http((_, response) => void response.writeHead(status, { "content-type": type }).end(text))

const base64 = (text: string) => Buffer.from(text).toString("base64")

/** The number of entries in a directory. */
const remembered = (directory: string) => (existsSync(directory) ? readdirSync(directory).length : 0)

const assertFailed = ({ code, out, stderr }: Process.Ended, expected: RegExp, exitCode = 1) => {
  assert.match(stderr, expected)
  assert.notMatch(stderr, /^\s+at |Error:/m)
  assert.strictEqual(code, exitCode)
  deepStrictEqual(out, [])
}

const get = (url: string | undefined, path: string) =>
  Effect.promise(async () => {
    const response = await fetch(new URL(path, url))
    return `${response.status} ${await response.text()}`
  })

needs("SQLite")("the command", () => {
  layer(Process.Server.layer, { excludeTestServices: true, timeout: "1 minute" })((it) => {
    it.scoped("uploads a file, prints its URL, and reports progress on stderr", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        const path = Process.file(at, "a.bin", randomBytes(3_000_000))
        const { code, err, out } = yield* Process.run(at, ["upload", "a.bin", "--to", url])
        assert.strictEqual(code, 0)
        assert.lengthOf(out, 1)
        assert.isTrue(out[0]?.startsWith(`${url}/`))
        assert.strictEqual(yield* Process.stored(directory, out[0]), yield* Process.digest(path))
        assert.strictEqual(err[0], "a.bin: starting, 2.9 MiB")
        assert.match(err.at(-1) ?? "", /^a\.bin: done, 2\.9 MiB in \d+\.\d s$/)
        assert.notMatch(err.join(), /\p{Cc}/u)
      }))

    it.scoped("uploads several files and an empty one, and counts them", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        const contents = [randomBytes(100_000), "", "two"]
        contents.forEach((bytes, i) => Process.file(at, `${i}`, bytes))
        const { code, err, out } = yield* Process.run(at, ["upload", "--to", url, "0", "1", "2", "./1"])
        assert.strictEqual(code, 0)
        const digests = yield* Effect.forEach(out, (url) => Process.stored(directory, url))
        const wanted = yield* Effect.forEach(contents, (bytes) => Effect.promise(() => sha256([Buffer.from(bytes)])))
        deepStrictEqual(digests.toSorted(), wanted.toSorted())
        for (const name of ["0", "1", "2"]) {
          assert.lengthOf(err.filter((line) => line.startsWith(`${name}: starting`)), 1)
          assert.lengthOf(err.filter((line) => line.startsWith(`${name}: done`)), 1)
        }
        assert.match(err.at(-1) ?? "", /^effect-tus: 3 of 3 files, 97\.7 KiB in \d+\.\d s$/)
        // On a busy machine it may take long enough for progress lines.
        assert.lengthOf(err.filter((line) => !/: \d+ % \(/.test(line)), 7)
      }))

    it.scoped("uploads a directory with -r only, and sends the relative path of each file", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        mkdirSync(`${at}/d/sub`, { recursive: true })
        const paths = [Process.file(at, "d/one.txt", "1"), Process.file(at, "d/sub/two", "22")]
        const [refused, done] = yield* Effect.all([
          Process.run(at, ["upload", "d", "--to", url]),
          Process.run(at, ["upload", "-r", "d", "--to", url, "--json"])
        ], { concurrency: 2 })
        assertFailed(refused, /^effect-tus: d is a directory; use -r [^\n]*\n$/, 2)

        assert.strictEqual(done.code, 0)
        assert.strictEqual(done.stderr, "")
        const complete = Process.json(done.out).filter(({ event }) => event === "complete")
        const urls = new Map(complete.map(({ file, url }) => [file, String(url)]))
        deepStrictEqual([...urls.keys()].toSorted(), ["d/one.txt", "d/sub/two"])
        for (const [i, name] of ["d/one.txt", "d/sub/two"].entries()) {
          assert.strictEqual(yield* Process.stored(directory, urls.get(name)), yield* Process.digest(paths[i] ?? ""))
        }
        const info = yield* Process.run(at, ["info", urls.get("d/one.txt") ?? "", "--json"])
        const { complete: isComplete, metadata, offset } = JSON.parse(info.stdout)
        deepStrictEqual(metadata, { filename: "one.txt", filetype: "text/plain", relativePath: "d/one.txt" })
        assert.strictEqual(offset, 1)
        assert.isTrue(isComplete)
      }))

    it.scoped("uploads its standard input under a name", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        const input = randomBytes(2_000_000)
        const { code, err, out } = yield* Process.run(
          at,
          ["upload", "-", "--name", "photos.tar", "--metadata", "album=summer", "--to", url],
          { input }
        )
        assert.strictEqual(code, 0)
        assert.strictEqual(yield* Process.stored(directory, out[0]), yield* Effect.promise(() => sha256([input])))
        assert.strictEqual(err[0], "photos.tar: starting")
        assert.match(err.at(-1) ?? "", /^photos\.tar: done, 1\.9 MiB/)

        const info = yield* Process.run(at, ["info", out[0] ?? ""])
        assert.strictEqual(info.code, 0)
        assert.strictEqual(info.stderr, "")
        deepStrictEqual(info.out, [
          "offset    2000000 bytes (1.9 MiB)",
          "length    2000000 bytes (1.9 MiB)",
          "complete  yes",
          "filename  photos.tar",
          "filetype  application/x-tar",
          "album     summer"
        ])
      }))

    it.scoped("prints every event as one JSON object a line with --json", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        const path = Process.file(at, "a.bin", randomBytes(3_000_000))
        const { code, out, stderr } = yield* Process.run(at, [
          "upload",
          "a.bin",
          `--to=${url}`,
          "--json",
          "--checksum",
          "sha256",
          "--chunk-size",
          "1MiB"
        ])
        assert.strictEqual(code, 0)
        assert.strictEqual(stderr, "")
        const events = Process.json(out)
        assert.strictEqual(events[0]?.["event"], "started")
        assert.strictEqual(events[0]?.["total"], 3_000_000)
        deepStrictEqual(
          new Set(events.map(({ event }) => event)),
          new Set(["started", "created", "progress", "complete", "summary"])
        )
        const complete = events.at(-2) ?? {}
        assert.strictEqual(complete["event"], "complete")
        assert.strictEqual(complete["bytes"], 3_000_000)
        assert.strictEqual(yield* Process.stored(directory, String(complete["url"])), yield* Process.digest(path))
        const { event, failed, files, interrupted, succeeded } = events.at(-1) ?? {}
        deepStrictEqual(
          { event, failed, files, interrupted, succeeded },
          { event: "summary", failed: 0, files: 1, interrupted: false, succeeded: 1 }
        )
      }))

    it.scoped("sends a file in parts with --parallel, and prints only the URL with -q", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        const path = Process.file(at, "a.bin", randomBytes(3_000_001))
        const { code, out, stderr } = yield* Process.run(
          at,
          ["upload", "-q", "a.bin", "--parallel", "2"],
          { env: { EFFECT_TUS_URL: url } }
        )
        assert.strictEqual(code, 0)
        assert.strictEqual(stderr, "")
        assert.lengthOf(out, 1)
        assert.strictEqual(yield* Process.stored(directory, out[0]), yield* Process.digest(path))
        const { headers } = yield* Effect.promise(() => Exchange.fetched(Exchange.head(out[0] ?? "")))
        assert.match(headers["upload-concat"] ?? "", /^final;\S+ \S+$/)
      }))

    it.scoped("prints the events of a file in parts like those of one upload", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        const at = yield* temporary
        Process.file(at, "a.bin", randomBytes(3_000_001))
        const { out } = yield* Process.run(at, ["upload", "a.bin", "--to", url, "--parallel", "4", "--json"])
        const told = Process.json(out).map(({ event }) => event).filter((event) => event !== "progress")
        deepStrictEqual(told, ["started", "created", "complete", "summary"])
      }))

    it.scoped("sends the headers with each request, the metadata with the creation, and a checksum with each chunk", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        const tus = Process.tus()
        const { url } = yield* Servers.http(tus.listener)
        Process.file(at, "a b.pdf", "bytes")
        const { code } = yield* Process.run(
          at,
          [
            "upload",
            "a b.pdf",
            "-H",
            "Authorization: Bearer t",
            "--header=X-Team:blue",
            "--metadata",
            "k=",
            "--checksum",
            "sha1",
            "--chunk-size",
            "2",
            "--to",
            url
          ]
        )
        assert.strictEqual(code, 0)
        for (const { headers, method } of tus.requests) {
          assert.strictEqual(headers.authorization, "Bearer t", method)
          assert.strictEqual(headers["x-team"], "blue", method)
        }
        const [metadata] = tus.requests.flatMap(({ headers }) => headers["upload-metadata"] ?? [])
        assert.strictEqual(metadata, `filename ${base64("a b.pdf")},filetype ${base64("application/pdf")},k`)
        const chunks = tus.requests.filter(({ method }) => method === "PATCH")
        deepStrictEqual(chunks.map(({ headers }) => headers["content-length"]), ["2", "2", "1"])
        deepStrictEqual(
          chunks.map(({ headers }) => headers["upload-checksum"]),
          ["by", "te", "s"].map((bytes) => Exchange.digest(bytes))
        )
      }))

    it.scoped("removes an upload, and reports then that it does not exist", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const { out: [upload = ""] } = yield* Process.run(at, ["upload", "-q", "a", "--to", url])
        const removed = yield* Process.run(at, ["terminate", upload])
        assert.strictEqual(removed.code, 0)
        deepStrictEqual(removed.err, [`removed ${upload}`])
        assertFailed(
          yield* Process.run(at, ["info", upload, "--json"]),
          /^effect-tus: HEAD \S+ was answered 4\d\d[^\n]*; the upload does not exist, or not any more\n$/
        )
      }))

    it.scoped("stores failed uploads in the journal of its options", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        const tus = Process.tus({ PATCH: (request) => void request.socket.destroy() })
        const { url } = yield* Servers.http(tus.listener)
        const path = Process.file(at, "a", randomBytes(1000))
        const uploading = (...options: ReadonlyArray<string>) =>
          Process.run(at, ["upload", "a", "--to", url, "--retries", "0", ...options])
        const standard = `${Process.state(at)}/effect-tus`

        assertFailed(yield* uploading("--no-journal"), /effect-tus: http:\S+ closed the connection [^\n]*\n$/)
        assert.strictEqual(remembered(Process.state(at)), 0)
        assert.strictEqual((yield* uploading("--journal", "here")).code, 1)
        assert.strictEqual(remembered(Process.state(at)), 0)
        assert.strictEqual(remembered(`${at}/here`), 1)
        assert.strictEqual((yield* uploading()).code, 1)
        assert.strictEqual(remembered(standard), 1)

        const { out } = yield* Process.run(at, ["list", "--journal", "here"])
        assert.match(out[0] ?? "", new RegExp(`^${path}  about \\d+% of 1\\.0 KiB  .* s ago$`))
        assert.match(out[1] ?? "", new RegExp(`^  ${url}/1$`))
        assert.match(out[2] ?? "", /^ {2}filename=a$/)
        assert.lengthOf(out, 3)
      }))

    it.scoped("lists nothing and resumes nothing in the beginning", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        const [list, resume, named] = yield* Effect.all([
          Process.run(at, ["list"]),
          Process.run(at, ["resume"]),
          Process.run(at, ["resume", "a.bin"])
        ], { concurrency: 2 })
        assert.strictEqual(list.code, 0)
        assert.strictEqual(list.stdout, "")
        deepStrictEqual(list.err, ["effect-tus: there are no unfinished uploads"])
        assert.strictEqual(resume.code, 0)
        deepStrictEqual(resume.err, ["effect-tus: there is nothing to resume"])
        assertFailed(named, /^effect-tus: a\.bin is not among the unfinished uploads; effect-tus list shows them\n$/)
      }))

    it.scoped("uploads without a usable journal, but fails to list or resume", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        for (const words of [["list"], ["list", "--json"], ["resume"], ["resume", "a"]]) {
          assertFailed(
            yield* Process.run(at, [...words, "--journal", "a"]),
            /^effect-tus: \S+\/a: the journal cannot be read: not a directory\n$/
          )
        }
        const { code, err } = yield* Process.run(at, ["upload", "a", "--to", url, "--journal", "a"])
        assert.strictEqual(code, 0)
        const warned = err.filter((line) => line.startsWith("effect-tus: warn: The journal of uploads failed"))
        assert.lengthOf(warned, 1)
        assert.match(warned[0] ?? "", /: \S+\/a: not a directory$/)
      }))

    it.scoped("explains wrong arguments in one line", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
          [["upload", "a"], /expected the URL of a server: use --to URL, or set EFFECT_TUS_URL/],
          [["upload", "--to", url], /missing argument <FILE\|DIR\|->/],
          [["upload", "a", "--to", url, "--retrys", "1"], /unknown option --retrys \(did you mean --retries\?\)/],
          [["upload", "a", "--to", url, "--chunk-size", "many"], /--chunk-size: expected a size .*, got "many"/],
          [["info", "a", "--retries", "0"], /expected a URL that begins with http:\/\/ or https:\/\/, got "a"/]
        ]
        yield* Effect.forEach(wrong, ([args, expected]) =>
          Effect.map(Process.run(at, args), (ended) => {
            assertFailed(ended, expected, 2)
            assert.lengthOf(ended.err, 1)
            assert.match(ended.stderr, /^effect-tus: [^A-Z].*; see effect-tus (\w+ )?--help\n$/)
          }), { concurrency: 2 })
      }))

    it.scoped("uploads all other files if one cannot be read, and names that in the end", () =>
      Effect.gen(function*() {
        const { directory, url } = yield* Process.Server
        const at = yield* temporary
        const [a, b] = [Process.file(at, "a", "first"), Process.file(at, "--help", "last")]
        symlinkSync("nowhere", `${at}/dangling`)
        const { code, err, out } = yield* Process.run(
          at,
          ["upload", "--to", url, "--concurrency", "1", "--", "a", "missing", "dangling", "a/below", "--help"]
        )
        assert.strictEqual(code, 1)
        deepStrictEqual(
          yield* Effect.forEach(out, (url) => Process.stored(directory, url)),
          yield* Effect.forEach([a, b], Process.digest)
        )
        deepStrictEqual(err.map((line) => line.replace(/ in \d.*? s/, "")), [
          "a: starting, 5 B",
          "a: done, 5 B",
          "missing: failed: there is no such file",
          "dangling: failed: there is no such file",
          "a/below: failed: it cannot be read: not a directory",
          "--help: starting, 4 B",
          "--help: done, 4 B",
          "effect-tus: 2 of 5 files, 9 B; failed: missing, dangling, a/below"
        ])
      }))

    it.scoped("names a missing file in one line", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        const at = yield* temporary
        assertFailed(
          yield* Process.run(at, ["upload", "missing", "--to", url]),
          /^effect-tus: \S+\/missing: there is no such file\n$/
        )
      }))

    it.scoped("prints the stack of an error with --debug only", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        const at = yield* temporary
        const { code, err } = yield* Process.run(at, ["upload", "missing", "--to", url, "--debug"])
        assert.strictEqual(code, 1)
        assert.match(err.at(-1) ?? "", /^effect-tus: \S+\/missing: there is no such file$/)
        assert.match(err[0] ?? "", /SourceError: \S+\/missing: there is no such file/)
        assert.isNotEmpty(err.filter((line) => /^\s+at /.test(line)))
        assert.match(err.join("\n"), /\[cause\][^]*ENOENT/)
      }))

    it.scoped("prints the stacks of several errors with --debug, and none of them without", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const { url } = yield* answering(403, "text/plain", "no\u001b[2J")
        const busy = yield* answering(503, "text/plain", "later")
        const calls = [
          ["upload", "missing", "gone", "--to", url],
          ["terminate", `${url}/1`, `${url}/2`],
          ["upload", "a", "--retries", "2", "--to", busy.url]
        ]
        for (const words of calls) {
          const [plain, debug] = yield* Effect.all(
            [Process.run(at, words), Process.run(at, [...words, "--debug"])],
            { concurrency: 2 }
          )
          assert.strictEqual(debug.code, 1)
          assert.notMatch(plain.stderr, /^\s+at |debug/m)
          assert.lengthOf(debug.stderr.match(/^effect-tus: debug: .*: (SourceError|Refused): .*\n\s+at /gm) ?? [], 2)
          assert.notInclude(debug.stderr, "Reported")
          assert.notInclude(debug.stderr, "\u001b")
        }
      }))

    it.scoped("asks whether the URL is right if no tus server responds", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const lost = yield* answering(404, "text/plain", "nobody home\n")
        const site = yield* answering(200, "text/html", "<!doctype html><title>Welcome</title><p>It works!")
        const [missing, html] = yield* Effect.all(
          [lost, site].map(({ url }) => Process.run(at, ["upload", "a", "--to", url])),
          { concurrency: 2 }
        )
        assert.isDefined(missing)
        assert.isDefined(html)
        assertFailed(
          missing,
          /\neffect-tus: POST \S+ was answered 404: nobody home; is this the URL of a tus server\?\n$/
        )
        assertFailed(html, /\neffect-tus: POST \S+: expected [^\n]*, got [^\n]*; is this the URL of a tus server\?\n$/)
      }))

    it.scoped("gives advice if no server responds", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const { server, url: gone } = yield* Servers.raw(() => {})
        yield* Effect.promise(() => new Promise((resolve) => server.close(resolve)))
        const silent = yield* Servers.http(() => {})
        const [refused, stalled] = yield* Effect.all([
          Process.run(at, ["upload", "a", "--retries", "0", "--to", gone]),
          Process.run(at, ["upload", "a", "--retries", "1", "--timeout", "500ms", "--to", silent.url])
        ], { concurrency: 2 })
        assertFailed(
          refused,
          /\neffect-tus: cannot connect to \S+ \([^\n]*ECONNREFUSED[^\n]*\); check the address, and that the server is running\n$/
        )
        assertFailed(
          stalled,
          /\na: retrying in 0\.\d s: the connection to \S+ stalled[^\n]*\neffect-tus: the connection to \S+ stalled \(no byte moved for 0\.5 seconds\); tried 2 times; --timeout sets how long to wait\n$/
        )
      }))

    it.scoped("explains http used for https, and https used for http", () =>
      Effect.gen(function*() {
        const { url } = yield* Process.Server
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const secure = yield* Servers.https(Process.tus().listener)
        const [tooSafe, unsafe] = yield* Effect.all([
          Process.run(at, ["upload", "a", "--retries", "0", "--to", url.replace("http:", "https:")]),
          Process.run(at, ["upload", "a", "--retries", "0", "--to", secure.url.replace("https:", "http:")])
        ], { concurrency: 2 })
        assertFailed(tooSafe, /\neffect-tus: no secure connection to https:\S+; [^\n]*use http: in the URL[^\n]*\n$/)
        assertFailed(unsafe, /\neffect-tus: http:\S+ [^\n]*; if it expects https, use https: in the URL[^\n]*\n$/)
      }))

    it.scoped("trusts the authorities of --ca, and sends the certificate of --cert", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const ca = Servers.certificate("ca.pem")
        const strict = yield* Servers.https(Process.tus().listener, { ca, requestCert: true, rejectUnauthorized: true })
        const elsewhere = yield* Servers.https(Process.tus().listener, {
          cert: Servers.certificate("elsewhere.pem"),
          key: Servers.certificate("elsewhere.key")
        })
        const uploading = (url: string, ...options: ReadonlyArray<string>) =>
          Process.run(at, ["upload", "a", "--retries", "0", "--to", url, ...options])
        const trusting = ["--ca", certificate("ca.pem")]
        const showing = ["--cert", certificate("client.pem"), "--key", certificate("client.key")]
        const [untrusted, other, insecure, stranger, known, noFile] = yield* Effect.all([
          uploading(strict.url),
          uploading(elsewhere.url, ...trusting),
          uploading(elsewhere.url, "--insecure"),
          uploading(strict.url, ...trusting),
          uploading(strict.url, ...trusting, ...showing),
          uploading(strict.url, "--ca", "missing.pem")
        ], { concurrency: 2 })

        assertFailed(
          untrusted,
          /\neffect-tus: no secure connection to https:\S+; [^\n]*use --ca FILE to trust it\n$/
        )
        assertFailed(
          other,
          /\neffect-tus: no secure connection to https:\S+; [^\n]*127\.0\.0\.1 is not in the cert[^\n]*\n$/
        )
        assert.strictEqual(insecure.code, 0)
        assert.match(insecure.err[0] ?? "", /^effect-tus: warn: TLS certificates are not verified/)
        assertFailed(stranger, /\neffect-tus: [^\n]*certificate required[^\n]*\n$/)
        assert.strictEqual(known.code, 0)
        assertFailed(noFile, /^effect-tus: --ca missing\.pem: there is no such file\n$/)
      }))

    it.scoped("has health checks, and metrics with --metrics", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        const [telling, silent] = yield* Effect.all(
          [["--metrics"], []].map((options, i) =>
            Effect.flatMap(
              Process.start(at, ["serve", "--port", "0", "--dir", `${i}`, ...options]),
              ({ said }) => Effect.promise(async () => (await said(/http:\/\/\S+/))[0])
            )
          ),
          { concurrency: 2 }
        )
        yield* Effect.promise(() => createUpload(telling ?? "", 1))
        assert.match(yield* get(telling, "/metrics"), /^200 [^]*tus_requests_total\{method="POST",status="201"\} 1\n/)
        assert.match(yield* get(silent, "/metrics"), /^404 /)
        assert.match(yield* get(silent, ""), /^405 this URL is for tus clients/)
        assert.strictEqual(yield* get(silent, "/health/live"), `200 {"status":"live"}`)
        assert.match(yield* get(silent, "/health/ready"), /^(200 \{"status":"ready"\}|503 \{"status":"unavailable"\})$/)
      }))

    it.scoped("trusts the proxies of --trust-proxy, and explains invalid values in one line", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        const { said } = yield* Process.start(at, [
          "serve",
          "--port",
          "0",
          "--trust-proxy",
          "::1",
          "--trust-proxy",
          "127.0.0.0/8"
        ])
        const [url] = yield* Effect.promise(() => said(/http:\/\/\S+/))
        const claims = { "x-forwarded-proto": "https", "x-forwarded-host": "example.org" }
        const location = yield* Effect.promise(() => createUpload(url, 1, claims))
        assert.match(location, /^https:\/\/example\.org\/files\/\w+$/)
        const [range, base, origin, idle] = yield* Effect.all([
          Process.run(at, ["serve", "--dir", "other", "--trust-proxy", "10.0.0.0/99"]),
          Process.run(at, ["serve", "--dir", "another", "--public-url", "example.org"]),
          Process.run(at, ["serve", "--dir", "third", "--cors-origin", "example.org"]),
          Process.run(at, ["serve", "--dir", "fourth", "--idle-timeout", "0s"])
        ], { concurrency: 2 })
        assertFailed(idle, /^effect-tus: --idle-timeout: expected [^\n]*\n$/, 2)
        assertFailed(range, /^effect-tus: --trust-proxy: expected IP addresses [^\n]*, got "10\.0\.0\.0\/99"\n$/)
        assertFailed(base, /^effect-tus: --public-url: expected a URL such as [^\n]*, got "example\.org"\n$/)
        assertFailed(origin, /^effect-tus: --cors-origin: expected origins such as [^\n;]*, got "example\.org"\n$/)
      }))

    it.scoped("serves over https, and only for known clients with --tls-ca", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const own = ["--tls-cert", certificate("server.pem"), "--tls-key", certificate("server.key")]
        const serving = (...options: ReadonlyArray<string>) =>
          Effect.flatMap(
            Process.start(at, ["serve", "--port", "0", "--dir", "uploads", ...options]),
            ({ said }) => Effect.promise(async () => (await said(/https:\/\/\S+/))[0])
          )
        const url = yield* serving(...own, "--tls-ca", certificate("ca.pem"))
        const uploading = (...options: ReadonlyArray<string>) =>
          Process.run(at, ["upload", "a", "--retries", "0", "--to", url, "--ca", certificate("ca.pem"), ...options])
        const [known, stranger, wrong, half] = yield* Effect.all([
          uploading("--cert", certificate("client.pem"), "--key", certificate("client.key")),
          uploading(),
          Process.run(at, ["serve", "--dir", "other", ...own.slice(0, 3), certificate("client.key")]),
          Process.run(at, ["serve", ...own.slice(0, 2)])
        ], { concurrency: 2 })
        assert.strictEqual(known.code, 0, known.stderr)
        assertFailed(stranger, /\neffect-tus: [^\n]*certificate required[^\n]*\n$/)
        assertFailed(wrong, /^effect-tus: --tls-key: expected the private key of the certificate [^\n]*\n$/)
        assertFailed(half, /^effect-tus: --tls-cert and --tls-key need each other; see effect-tus serve --help\n$/, 2)
      }))

    it.scoped("explains in one line that its working directory was removed", () =>
      Effect.gen(function*() {
        const at = yield* temporary
        for (const args of [["serve", "--port", "0"], ["admin", "list"]]) {
          mkdirSync(`${at}/gone`)
          const { ended } = yield* Process.program(`${at}/gone`, [
            "/bin/sh",
            "-c",
            `rmdir ../gone && exec "$@"`,
            "sh",
            ...Process.command,
            ...args
          ])
          assertFailed(
            yield* Effect.promise(() => ended),
            /^effect-tus: the working directory was removed: use absolute paths, or change to another directory\n$/
          )
        }
      }))

    it.scoped("serves until a signal, and explains in one line why it cannot start", () =>
      Effect.gen(function*() {
        const { port } = yield* Process.Server
        const at = yield* temporary
        Process.file(at, "a", "bytes")
        const server = yield* Process.serving(`${at}/uploads`)
        const [url = ""] = server.stdout().split("\n")
        assert.strictEqual(url, server.url)
        const { code } = yield* Process.run(at, ["upload", "a", "--to", url])
        assert.strictEqual(code, 0)
        yield* Effect.promise(() => server.said(/^effect-tus listens at \S+\n[^\n]+\ncompleted [0-9a-f]+: 5 bytes, /))
        server.process.kill("SIGTERM")
        const ended = yield* Effect.promise(() => server.ended)
        assert.strictEqual(ended.code, 0)
        deepStrictEqual(ended.out, [url])
        assert.strictEqual(ended.err.at(-1), "effect-tus has stopped")

        const [busy, below] = yield* Effect.all([
          Process.run(at, ["serve", "--port", `${port}`, "--dir", "other"]),
          Process.run(at, ["serve", "--port", "0", "--dir", "a/below"])
        ], { concurrency: 2 })
        assertFailed(busy, new RegExp(`^effect-tus: cannot listen on 127\\.0\\.0\\.1:${port}[^\\n]*in use[^\\n;]*\\n$`))
        assertFailed(below, /^effect-tus: [^\n]*\/a\/below[^\n]*not a directory[^\n;]*\n$/)
      }))
  })
}, { concurrent: true, timeout: 120_000 })
