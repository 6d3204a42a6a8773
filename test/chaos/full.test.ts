/**
 * A full disk, for bytes and database, that gets free space again.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, openSync, rmdirSync, statSync, unlinkSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { example } from "../example.js"
import { fileOf } from "../interop/server.js"
import * as Exchange from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { tails } from "../support/stored.js"
import { exchange } from "./bounded.js"
import { isStored } from "./check.js"
import * as UsageLedger from "./ledger.js"

const mebibyte = 1024 * 1024

const mount = (path: string, options: string) => execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path])

/** A small file system in memory. */
const disk = Effect.acquireRelease(
  Effect.sync(() => {
    const path = mkdtempSync(join(tmpdir(), "effect-tus-full-"))
    mount(path, "size=16m")
    return path
  }),
  (path) =>
    Effect.sync(() => {
      execFileSync("umount", ["-l", path])
      rmdirSync(path)
    })
)

/** Fills the disk to the last page. */
const fill = (file: string) => {
  const fd = openSync(file, "w")
  try {
    for (;;) {
      writeSync(fd, Buffer.alloc(4096))
    }
  } catch (error) {
    assert.propertyVal(error, "code", "ENOSPC")
  } finally {
    closeSync(fd)
  }
}

/** Sends as much as possible. The answer may be 507, with the reached offset. */
const send = Effect.fnUntraced(function*(port: number, entry: UsageLedger.Entry) {
  const rest = UsageLedger.bytesOf(entry.content).subarray(entry.told)
  const { status } = yield* exchange(port, Exchange.patch(entry.path, entry.told, rest))
  assert.include([204, 507], status)
  const { headers } = yield* exchange(port, Exchange.head(entry.path))
  UsageLedger.tell(entry, Number(headers["upload-offset"]), entry.told)
  assert.strictEqual(status === 204, entry.state === "Complete")
  return status
})

const all = <A, E>(entries: ReadonlyArray<UsageLedger.Entry>, act: (entry: UsageLedger.Entry) => Effect.Effect<A, E>) =>
  Effect.orDie(Effect.forEach(entries, act, { concurrency: "unbounded" }))

const create = Effect.fnUntraced(function*(port: number, length: number, ledger: UsageLedger.UsageLedger) {
  const { headers: { location }, status } = yield* Effect.orDie(
    exchange(port, Exchange.post({ "upload-length": length }))
  )
  assert.include([201, 507], status)
  return location === undefined ? [] : [ledger.created(location, { start: 0, length })]
})

const bytesOf = (n: number) => Buffer.alloc(60_000, n % 100 + 1)

const isOpen = ({ state }: UsageLedger.Entry) => state === "Open"

needs("mount", "SQLite")("a full disk", () => {
  it.scopedLive.each(["files", "database"])(
    "is 507 with its cause in the log, and the same uploads continue when there is room, with small uploads in %s",
    (smallUploads) =>
      Effect.gen(function*() {
        const path = yield* disk
        const server = yield* example("../test/chaos/serving", {
          SERVING: JSON.stringify({ directory: path, port: 0, smallUploads })
        })
        const port = Number(new URL(server.url).port)
        const ledger = UsageLedger.make(Math.random)

        // Each file fits, but not all together.
        yield* Effect.replicateEffect(create(port, 6 * mebibyte, ledger), 6)
        assert.lengthOf(ledger.entries, 6)
        assert.include(yield* all(ledger.entries, (entry) => send(port, entry)), 507)
        assert.match(server.output(), /ERROR[^]*(ENOSPC|bytes in reserve)/)

        // From here on the database log cannot grow: soon there is no space for a state.
        fill(join(path, "filler"))
        const creating = Effect.replicateEffect(create(port, 1, ledger), 50, { concurrency: 8 })
        const sending = all(ledger.entries.filter(isOpen), (entry) => send(port, entry))
        const [created] = yield* Effect.all([creating, sending], { concurrency: "unbounded" })
        assert.isTrue(created.some(([entry]) => entry === undefined))
        assert.match(server.output(), /database or disk is full|bytes in reserve/)
        assert.include(yield* all(ledger.entries.filter(isOpen), (entry) => send(port, entry)), 507)

        unlinkSync(join(path, "filler"))
        mount(path, "remount,size=64m")
        yield* all(ledger.entries.filter(isOpen), (entry) => send(port, entry))
        yield* all(ledger.entries, (entry) => isStored(path, entry.path, entry.content))
        deepStrictEqual(ledger.entries.filter(isOpen), [])
        assert.strictEqual((yield* tails(path)).size > 0, smallUploads === "database" && ledger.entries.length > 6)
        assert.isNull(server.process.exitCode)
      }),
    200_000
  )

  it.scopedLive(
    "lets DELETE free space, even if there is none for a state",
    () =>
      Effect.gen(function*() {
        const path = yield* disk
        const server = yield* example("node-server", { UPLOAD_DIR: path })
        const port = Number(new URL(server.url).port)
        const ledger = UsageLedger.make(Math.random)
        const statusOf = (message: Exchange.Request) => Effect.map(exchange(port, message), ({ status }) => status)

        const terminate = (entries: ReadonlyArray<UsageLedger.Entry>) =>
          Effect.map(
            Effect.forEach(entries, ({ path }) => statusOf(Exchange.terminate(path)), { concurrency: 4 }),
            (statuses) => Array.from(new Set(statuses))
          )
        const isFull = Effect.map(
          statusOf(Exchange.post({ "upload-length": 1 })),
          (status) => status === 507
        )

        const [small] = yield* create(port, 100_000, ledger)
        const empty = (yield* Effect.replicateEffect(create(port, 100, ledger), 40)).flat()
        assert(small !== undefined)
        assert.strictEqual(yield* send(port, small), 204)

        // Another process fills the disk.
        fill(join(path, "filler"))
        yield* Effect.repeat(isFull, { until: (full) => full })
        assert.strictEqual(yield* statusOf(Exchange.head(small.path)), 200)
        deepStrictEqual(yield* terminate(empty), [204])
        assert.isTrue(yield* isFull)
        unlinkSync(join(path, "filler"))

        // An upload fills the disk, and then another process takes the rest.
        const [large] = yield* create(port, 40 * mebibyte, ledger)
        assert(large !== undefined)
        assert.strictEqual(yield* send(port, large), 507)
        assert.isAbove(large.told, mebibyte)
        assert.strictEqual(statSync(fileOf(path, large.path)).size, large.told)
        fill(join(path, "filler"))
        assert.isTrue(yield* isFull)
        deepStrictEqual(yield* terminate([large]), [204])
        assert.isFalse(existsSync(fileOf(path, large.path)))
        assert.isFalse(yield* isFull)
        yield* isStored(path, small.path, small.content)
        assert.isNull(server.process.exitCode)

        // A server that is started now has space for states, too.
        yield* Effect.promise(() => server.kill("SIGKILL"))
        fill(join(path, "more"))
        const again = yield* example("node-server", { UPLOAD_DIR: path })
        const ask = (message: Exchange.Request) => exchange(Number(new URL(again.url).port), message)
        assert.strictEqual((yield* ask(Exchange.head(small.path))).status, 200)
        assert.strictEqual((yield* ask(Exchange.terminate(small.path))).status, 204)
      }),
    200_000
  )

  it.scopedLive(
    "is not filled by bytes in the database: there is room for a DELETE, and then for more",
    () =>
      Effect.gen(function*() {
        const path = yield* disk
        const options = {
          port: 0,
          directory: path,
          smallUploads: "database",
          downloads: true,
          durability: "process"
        }
        const server = yield* example("../test/chaos/serving", { SERVING: JSON.stringify(options) })
        const ask = (message: Exchange.Request) => exchange(Number(new URL(server.url).port), message)
        const send = (n: number) =>
          ask(Exchange.post({ "upload-length": 60_000, "content-type": "application/offset+octet-stream" }, bytesOf(n)))

        const stored: Array<string> = []
        for (let answer = yield* send(0); answer.status !== 507; answer = yield* send(stored.length)) {
          assert.strictEqual(answer.status, 201, answer.text)
          stored.push(Exchange.locationOf(answer))
        }
        assert.isAbove(stored.length, 50)
        assert.isTrue(existsSync(join(path, "reserve")))
        for (const [n, location] of stored.entries()) {
          assert.isTrue((yield* ask(Exchange.request("GET", location))).text === bytesOf(n).toString())
        }
        for (const location of stored) {
          assert.strictEqual((yield* ask(Exchange.terminate(location))).status, 204)
        }
        assert.strictEqual((yield* send(0)).status, 201)
        assert.isNull(server.process.exitCode)
      }),
    200_000
  )
})
