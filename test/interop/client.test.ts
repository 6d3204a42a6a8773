/**
 * The client against the running example: over a network that breaks, and with processes that are killed.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  HttpTransport,
  type Progress,
  StreamSource,
  TusClient,
  TusUpload,
  type UploadOptions,
  UploadSource
} from "effect-tus/client"
import { NodeHashFunctions } from "effect-tus/node"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { child, type Line } from "../child.js"
import { type Example, example, startExample } from "../example.js"
import { directory } from "../support/directory.js"
import { sha256OfStored } from "../support/stored.js"
import { type Fate, relay } from "./relay.js"
import { fileOf, offsetOf, server, sha256 } from "./server.js"
import type { Told } from "./uploading.js"

const mebibyte = 1024 * 1024
const size = 24 * mebibyte + 17
const bytes = randomBytes(size)

const layer = NodeTusClient.layer({ stallTimeout: "1 second" })

/** Retries without a limit, after a short delay. */
const retry = Schedule.spaced("20 millis")

const same = (directory: string, url: string, expected: Uint8Array = bytes) =>
  Effect.promise(async () =>
    assert.strictEqual(await Effect.runPromise(sha256OfStored(directory, url)), await sha256([expected]))
  )

const until = async (is: () => boolean | Promise<boolean>) => {
  while (!(await is())) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const file = (contents: Uint8Array = bytes) =>
  Effect.flatMap(directory, (path) =>
    Effect.promise(async () => {
      await writeFile(join(path, "file"), contents)
      return join(path, "file")
    }))

/** Uploads, and returns the reports. Fails if an acknowledged offset ever decreases. */
const watched = <R = never>(
  options: UploadOptions.UploadOptions<R>,
  onProgress: (progress: Progress.Progress) => void = () => {}
) =>
  Effect.suspend(() => {
    const events: Array<Progress.Progress> = []
    let acknowledged = 0
    return TusUpload.upload(options).pipe(
      Stream.runForEach((progress) =>
        Effect.sync(() => {
          assert.isAtLeast(progress.acknowledged, acknowledged, progress.event)
          acknowledged = progress.acknowledged
          if (progress.event !== "Sent") {
            events.push(progress)
          }
          onProgress(progress)
        })
      ),
      Effect.map(() => {
        const last = events.at(-1)
        assert.strictEqual(last?.event, "Complete")
        assert.strictEqual(last?.acknowledged, Option.getOrThrow(last?.total ?? Option.none()))
        return { events, url: Option.getOrElse(last?.url ?? Option.none(), () => "") }
      })
    )
  })

const kinds = {
  "in one request": {},
  "in chunks": { chunkSize: mebibyte },
  "in chunks with a checksum behind each": { chunkSize: mebibyte, checksum: "sha256" },
  "in parts at once": { parallel: 3 }
} satisfies Record<string, Partial<UploadOptions.UploadOptions>>

const once = (contents: Uint8Array = bytes) =>
  StreamSource.make(
    Stream.range(0, Math.ceil(contents.length / 100_000) - 1).pipe(
      Stream.map((i) => contents.subarray(i * 100_000, (i + 1) * 100_000))
    )
  )

/**
 * The places: in the head and the body of requests and responses. They come early enough that a connection which begins
 * with a HEAD reaches them, too.
 */
const cuts: ReadonlyArray<Fate> = [
  { up: 60, happens: "close" },
  { down: 60, happens: "reset" },
  { up: 300_000, happens: "reset" },
  { up: 700_000, happens: "close" },
  { down: 200, happens: "close" },
  { up: 500_000, happens: "reset" },
  { down: 100, happens: "reset" },
  { up: 400_000, happens: "close" },
  { up: 600_000, happens: "reset" }
]

const stalls: ReadonlyArray<Fate> = [
  { up: 700_000, happens: "stall" },
  { down: 200, happens: "stall" },
  { up: 500_000, happens: "lose" },
  { down: 150, happens: "lose" }
]

describe("the client", () => {
  it.scopedLive("uploads a file in one request, in chunks, with checksums, and in parts", () =>
    Effect.gen(function*() {
      const { directory, url: endpoint } = yield* server
      const path = yield* file()
      for (const options of Object.values(kinds)) {
        const source = yield* FileSource.make(path)
        const { events, url } = yield* watched({ endpoint, source, ...options })
        assert.strictEqual(events.at(-1)?.retries, 0)
        yield* same(directory, url)
      }
      for (const length of [0, 1, mebibyte, mebibyte + 1]) {
        const source = yield* FileSource.make(yield* file(bytes.subarray(0, length)))
        const { url } = yield* watched({ endpoint, source })
        yield* same(directory, url, bytes.subarray(0, length))
      }
    }).pipe(Effect.provide(layer)))

  for (const [name, options] of Object.entries(kinds)) {
    it.scopedLive(`completes over a network that cuts it off and stalls, ${name}`, () =>
      Effect.gen(function*() {
        const { directory, url: target } = yield* server
        const network = yield* relay(target, [...cuts, ...stalls])
        const source = yield* FileSource.make(yield* file())
        const { url } = yield* watched({ endpoint: network.url, source, retry, ...options })
        assert.strictEqual(network.left(), 0)
        yield* same(directory, url)
      }).pipe(Effect.provide(layer)))
  }

  it.scopedLive("completes over a network that cuts it off and stalls, from a stream that can be read only once", () =>
    Effect.gen(function*() {
      const { directory, url: target } = yield* server
      const network = yield* relay(target, [...cuts, ...stalls])
      const { url } = yield* watched({
        endpoint: network.url,
        source: yield* once(),
        retry,
        chunkSize: mebibyte
      })
      assert.strictEqual(network.left(), 0)
      yield* same(directory, url)
    }).pipe(Effect.provide(layer)))

  it.scopedLive("uploads a stream whose length is known only at its end", () =>
    Effect.gen(function*() {
      const { directory, url: endpoint } = yield* server
      for (const length of [0, 1, 5 * mebibyte, 20 * mebibyte + 1]) {
        const contents = bytes.subarray(0, length)
        const { events, url } = yield* watched({ endpoint, source: yield* once(contents) })
        deepStrictEqual(events.at(-1)?.total, Option.some(length))
        yield* same(directory, url, contents)
      }
    }).pipe(Effect.provide(layer)))

  for (const [name, chunkSize] of [["one request", undefined], ["chunks", 256 * 1024]] as const) {
    it.scopedLive(`resumes by itself with a server that is killed again and again, in ${name}`, () =>
      Effect.gen(function*() {
        const path = yield* directory
        let running: Example = yield* Effect.acquireRelease(
          Effect.promise(() => startExample("node-server", { UPLOAD_DIR: path })),
          () => Effect.promise(() => running.kill("SIGKILL"))
        )
        const endpoint = running.url
        let limit = 0
        const source = UploadSource.fromRange({
          name: "slow",
          length: size,
          read: (start, end) => upTo(() => limit, start, end)
        })
        let url = ""
        const kinds = new Set<string>()
        const uploading = yield* Effect.fork(watched({ endpoint, source, retry, chunkSize }, (progress) => {
          url = Option.getOrElse(progress.url, () => url)
          Option.map(progress.problem, (error) => kinds.add("reason" in error ? error.reason : error._tag))
        }))
        for (const next of [6 * mebibyte, 13 * mebibyte, 20 * mebibyte]) {
          limit = next
          yield* Effect.promise(async () => {
            // The server commits while bytes arrive, and the client does not send committed bytes again.
            await until(async () => url !== "" && (await offsetOf(url)) >= next)
            await running.kill("SIGKILL")
            await until(() => kinds.delete("Unreachable"))
            running = await startExample("node-server", { UPLOAD_DIR: path, PORT: new URL(endpoint).port })
            assert.isAtLeast(await offsetOf(url), next)
          })
        }
        limit = size
        const { events } = yield* Fiber.join(uploading)
        assert.isAtLeast(events.at(-1)?.retries ?? 0, 3)
        assert.notInclude(events.map(({ event }) => event), "Recreated")
        yield* same(path, url)
      }).pipe(Effect.provide(layer)))
  }

  for (const [name, options] of Object.entries(kinds)) {
    it.scopedLive(`resumes after a kill, ${name}`, () =>
      Effect.gen(function*() {
        const { directory: stored, url: target } = yield* server
        const parts = "parallel" in options ? options.parallel : 1
        const network = yield* relay(target, [], { up: (size / parts) * 0.6, happens: "hold", times: parts })
        const path = yield* file()
        const journal = join(yield* directory, "journal")
        const told: Told = { endpoint: network.url, file: path, journal, ...options }
        const first = yield* child("interop/uploading", told)
        yield* Effect.promise(async () => {
          await until(() => network.held() === parts)
          await until(() => readdirSync(journal).length === parts)
          await first.kill("SIGKILL")
          network.open()
          // The server commits what has arrived as soon as it notices that the connection is gone.
          for (const entry of readdirSync(journal)) {
            const { url } = JSON.parse(readFileSync(join(journal, entry), "utf8")).entry
            await until(async () => (await offsetOf(direct(target, url))) >= size / parts / 4)
          }
        })
        const before = network.up()
        const second = yield* child("interop/uploading", told)
        const { lines, stderr } = yield* Effect.promise(() => second.ended)
        assert.strictEqual(stderr, "")
        // An upload in parts reports Resumed when all its parts were found. Some parts may report progress before that.
        assert.strictEqual(lines.find(({ event }) => event === "Created" || event === "Resumed")?.["event"], "Resumed")
        const last = lines.at(-1)
        assert.strictEqual(last?.["event"], "Complete")
        if (parts === 1) {
          assert.strictEqual(last?.["url"], first.lines()[0]?.["url"])
        }
        assert.isBelow(network.up() - before, size * 0.8)
        yield* same(stored, String(last?.["url"]))
        deepStrictEqual(readdirSync(journal), [])
      }).pipe(Effect.provide(layer)))
  }

  it.scopedLive("finishes one file in two sessions that share a journal", () =>
    Effect.gen(function*() {
      const { directory: stored, url: target } = yield* server
      for (const options of [{}, { chunkSize: mebibyte }]) {
        const network = yield* relay(target, [], { up: size / 2, happens: "hold", times: 1 })
        const path = yield* file()
        const journal = join(yield* directory, "journal")
        const told: Told = { endpoint: network.url, file: path, journal, ...options }
        const first = yield* child("interop/uploading", told)
        yield* Effect.promise(() => until(() => network.held() === 1))
        const second = yield* child("interop/uploading", told)
        const [{ lines: one }, { lines: other }] = yield* Effect.promise(async () => {
          const there = await second.ended
          network.open()
          return [await first.ended, there] as const
        })
        const urls = new Set([one, other].flatMap(completed))
        assert.isAbove(urls.size, 0)
        for (const url of urls) {
          yield* same(stored, url)
        }
      }
    }).pipe(Effect.provide(layer)))

  it.scopedLive("loses nothing if two sessions begin at once", () =>
    Effect.gen(function*() {
      const { directory: stored, url: endpoint } = yield* server
      for (const options of [{}, { chunkSize: mebibyte }, { parallel: 3 }]) {
        const path = yield* file()
        const journal = join(yield* directory, "journal")
        const told: Told = { endpoint, file: path, journal, ...options }
        const children = yield* Effect.all([child("interop/uploading", told), child("interop/uploading", told)])
        const ends = yield* Effect.promise(() => Promise.all(children.map(({ ended }) => ended)))
        const urls = ends.flatMap(({ lines }) => completed(lines))
        assert.isAbove(urls.length, 0)
        for (const url of urls) {
          yield* same(stored, url)
        }
      }
    }).pipe(Effect.provide(layer)))

  it.scopedLive("uploads many files, and reports the failed ones", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const { url: endpoint } = yield* example("node-server", { UPLOAD_DIR: path, MAX_SIZE: String(3 * mebibyte) })
      const sizes = [0, 1, 5 * mebibyte, 2 * mebibyte, 3 * mebibyte, 100_000]
      const names = [...sizes.map(String), "missing"]
      const toOptions = Effect.fnUntraced(function*(name: string) {
        const source = name === "missing"
          ? yield* FileSource.make(join(path, name))
          : yield* FileSource.make(yield* file(bytes.subarray(0, Number(name))))
        return { endpoint, source }
      })
      const ended = new Map<string, string>()
      yield* Stream.runForEach(TusUpload.all(names, toOptions), (update) =>
        Effect.sync(() => {
          if (update._tag === "Failed") {
            assert.isFalse(ended.has(update.file))
            const { error } = update
            ended.set(update.file, error._tag === "SourceError" ? error.reason : error._tag)
          } else if (update.progress.event === "Complete") {
            assert.isFalse(ended.has(update.file))
            ended.set(update.file, Option.getOrThrow(update.progress.url))
          }
        }))
      assert.strictEqual(ended.size, names.length)
      assert.strictEqual(ended.get("missing"), "Missing")
      assert.strictEqual(ended.get(String(5 * mebibyte)), "TooLarge")
      for (const length of sizes.filter((length) => length !== 5 * mebibyte)) {
        yield* same(path, ended.get(String(length)) ?? "", bytes.subarray(0, length))
      }
    }).pipe(Effect.provide(layer)))

  it.scopedLive("removes an upload, and an interrupted one with terminateOnInterrupt", () =>
    Effect.gen(function*() {
      const { directory, url: target } = yield* server
      const { url } = yield* TusUpload.run({
        endpoint: target,
        source: UploadSource.fromBytes(bytes),
        stopAt: mebibyte
      })
      assert.strictEqual((yield* TusUpload.info(url)).offset.pipe(Option.getOrThrow), mebibyte)
      yield* TusUpload.terminate(url)
      yield* TusUpload.terminate(url)
      const gone = yield* Effect.flip(TusUpload.info(url))
      assert.isTrue(gone._tag === "Refused" && gone.status === 404)
      assert.isFalse(existsSync(fileOf(directory, url)))

      const network = yield* relay(target, [], { up: size / 2, happens: "hold", times: 1 })
      let begun = ""
      const uploading = yield* Effect.fork(watched({
        endpoint: network.url,
        source: UploadSource.fromBytes(bytes),
        terminateOnInterrupt: true
      }, (progress) => {
        begun = Option.getOrElse(progress.url, () => begun)
      }))
      yield* Effect.promise(() => until(() => network.held() === 1))
      yield* Fiber.interrupt(uploading)
      assert.match(begun, /\/[0-9a-f]{32}$/)
      assert.isFalse(existsSync(fileOf(directory, begun)))
    }).pipe(Effect.provide(layer)))

  const digests = ["sha1", "md5", "sha256", "sha512", "crc32", "crc32c"] as const
  const transports = {
    "after it": layer,
    "before it": TusClient.layer().pipe(
      Layer.provide(HttpTransport.layer),
      Layer.provide(NodeHttpClient.layer),
      Layer.merge(NodeHashFunctions.layer)
    )
  }
  for (const [where, layer] of Object.entries(transports)) {
    it.scopedLive(`sends a chunk again that was corrupted on the way, with the digest ${where}`, () =>
      Effect.gen(function*() {
        const { directory, url: target } = yield* server
        const contents = bytes.subarray(0, 3 * mebibyte)
        for (const checksum of digests) {
          const network = yield* relay(target, [], { up: 500_000, happens: "flip", times: 1 })
          const { events, url } = yield* watched({
            endpoint: network.url,
            source: UploadSource.fromBytes(contents),
            checksum,
            chunkSize: mebibyte,
            createWithUpload: 0,
            retry
          })
          const problems = events.flatMap(({ event, problem }) => event === "Retrying" ? Option.toArray(problem) : [])
          deepStrictEqual(problems.map((error) => error._tag === "Refused" && error.status), [460])
          yield* same(directory, url, contents)
        }
      }).pipe(Effect.provide(layer)))
  }
})

/** The bytes up to a limit. Bytes above it follow as soon as the limit is raised. */
const upTo = (limit: () => number, start: number, end: number) =>
  Stream.unfoldEffect(start, (at): Effect.Effect<Option.Option<readonly [Uint8Array, number]>> => {
    const step: Effect.Effect<Option.Option<readonly [Uint8Array, number]>> = Effect.suspend(() => {
      const until = Math.min(at + 64 * 1024, end, limit())
      return at === end
        ? Effect.succeedNone
        : until > at
        ? Effect.succeedSome([bytes.subarray(at, until), until] as const)
        : Effect.delay(step, "10 millis")
    })
    return step
  })

/** The URL of the upload on the server itself, without the relay. */
const direct = (target: string, url: string) => new URL(new URL(url).pathname, target).href

const completed = (lines: ReadonlyArray<Line>) => {
  const last = lines.at(-1)
  return last?.["event"] === "Complete" ? [String(last["url"])] : []
}
