/**
 * The client in real pages and workers, cross-origin, with a real server: complete uploads, interruptions of all kinds,
 * and resumption.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { gzipSync } from "node:zlib"
import type { BrowserContext, Page, Worker } from "playwright-core"
import { bundle, connection, inChromium, pages, visit } from "./chromium.js"
import type { Told } from "./page.js"
import {
  held,
  holding,
  isRest,
  isWhole,
  killed,
  MiB,
  mortal,
  type Realm,
  type Server,
  server,
  size,
  start
} from "./setting.js"

declare const told: ReadonlyArray<Told>

/** Built once. */
const script = Effect.runSync(Effect.cached(bundle("./page.ts")))

const setting = <S extends Server>(server: Effect.Effect<S, never, Scope.Scope>) =>
  Effect.gen(function*() {
    const tus = yield* server
    return { tus, ...(yield* visit(yield* pages(yield* script))) }
  })

const worker = async (_: BrowserContext, page: Page): Promise<Worker> => {
  const [worker] = await Promise.all([
    page.waitForEvent("worker"),
    page.evaluate(() => void new Worker("/script.js", { type: "module" }))
  ])
  return worker
}

const serviceWorker = async (context: BrowserContext, page: Page): Promise<Worker> => {
  const [worker] = await Promise.all([
    context.waitForEvent("serviceworker"),
    page.evaluate(() => void navigator.serviceWorker.register("/script.js", { type: "module" }))
  ])
  return worker
}

const hasXhr = (worker: Worker) => Effect.promise(() => worker.evaluate(() => "XMLHttpRequest" in globalThis))

const realms: ReadonlyArray<readonly [name: string, (context: BrowserContext, page: Page) => Promise<Realm>]> = [
  ["a page", async (_, page) => page],
  ["a web worker", worker],
  ["a service worker", serviceWorker]
]

/** All response headers of the protocol. */
const responseHeaders = [
  "location",
  "tus-checksum-algorithm",
  "tus-extension",
  "tus-max-size",
  "tus-resumable",
  "tus-version",
  "upload-concat",
  "upload-defer-length",
  "upload-expires",
  "upload-length",
  "upload-metadata",
  "upload-offset"
]

inChromium("the client in Chromium", (it) => {
  it.scoped("uploads cross-origin, and reports the bytes that have left", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server())
      yield* (yield* connection(page)).slow(8 * MiB)
      const told = yield* start(page, { endpoint: tus.url, size })
      yield* isWhole(tus, told, size)
      // A request carries 8 MiB. Progress of whole requests only would skip the values in between.
      const between = told.filter(({ event, sent }) => event === "Sent" && sent < size && sent % (8 * MiB) > 0)
      assert.isNotEmpty(between)
    }))

  it.scoped("can read every header of the protocol", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server({ maxSize: 1000 }))
      const read = yield* Effect.promise(() =>
        page.evaluate(async (url) => {
          const ask = async (method: string, at: string, headers: Readonly<Record<string, string>>) => {
            const response = await fetch(new URL(at, url), {
              method,
              headers: { "tus-resumable": "1.0.0", ...headers }
            })
            return { names: [...response.headers.keys()], at: response.headers.get("location") ?? "" }
          }
          const offered = await ask("OPTIONS", url, {})
          const made = await ask("POST", url, { "upload-length": "9", "upload-metadata": "a Yg==" })
          const deferred = await ask("POST", url, { "upload-defer-length": "1", "upload-concat": "partial" })
          const heads = [made, deferred].map(({ at }) => ask("HEAD", at, {}))
          return [offered, made, ...(await Promise.all(heads))].flatMap(({ names }) => names)
        }, tus.url)
      )
      assert.includeMembers(read, responseHeaders)
      // Only a busy server sends Retry-After; this one only exposes the header.
      const { headers } = yield* Effect.promise(() =>
        fetch(tus.url, { method: "OPTIONS", headers: { origin: "https://example.org" } })
      )
      assert.match(headers.get("access-control-expose-headers") ?? "", /Retry-After/)
    }))

  it.scoped("resumes after a reload", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server())
      yield* start(page, { endpoint: tus.url, size, stopAt: 8 * MiB })
      yield* Effect.promise(() => page.reload())
      const told = yield* start(page, { endpoint: tus.url, size })
      deepStrictEqual([told[0]?.event, told[0]?.acknowledged], ["Resumed", 8 * MiB])
      yield* isWhole(tus, told, size)
    }))

  it.scoped("never resumes with a file of the same name, size and date whose first bytes differ", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server())
      const network = yield* holding(tus)
      yield* Effect.fork(Effect.exit(start(page, { endpoint: network.url, size })))
      yield* held(tus, network)
      yield* Effect.promise(() => page.reload())
      // The bytes that were acknowledged last, between two samples of the fingerprint.
      const changedAt = 8 * MiB - 1
      const told = yield* start(page, { endpoint: network.url, size, changedAt })
      yield* isWhole(tus, told, size, changedAt)
    }))

  it.scoped("resumes after a reload by the content of the file, also on a page over plain http", () =>
    Effect.gen(function*() {
      const tus = yield* server()
      const { page } = yield* visit((yield* pages(yield* script)).replace("127.0.0.1", "plain.test"))
      assert.isFalse(yield* Effect.promise(() => page.evaluate(() => isSecureContext)))
      yield* start(page, { endpoint: tus.url, size, stopAt: 8 * MiB })
      yield* Effect.promise(() => page.reload())
      const told = yield* start(page, { endpoint: tus.url, size, changedAt: size - 1 })
      deepStrictEqual([told[0]?.event, told[0]?.acknowledged], ["Created", 0])
      yield* isWhole(tus, told, size, size - 1)
      const again = yield* start(page, { endpoint: tus.url, size })
      deepStrictEqual([again[0]?.event, again[0]?.acknowledged], ["Resumed", 8 * MiB])
      yield* isWhole(tus, again, size)
    }))

  it.scoped("pauses while the browser is offline, and uses no attempt", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server())
      const network = yield* connection(page)
      const relayed = yield* holding(tus)
      const uploading = yield* Effect.fork(start(page, { endpoint: relayed.url, size }))
      yield* held(tus, relayed)
      yield* network.offline
      yield* Effect.sleep("3 seconds")
      const retries = yield* Effect.promise(() =>
        page.evaluate(() => told.filter(({ event }) => event === "Retrying").length)
      )
      assert.isAtMost(retries, 1)
      yield* network.fast
      yield* isWhole(tus, yield* uploading, size)
    }))

  it.scoped("uploads although the browser reports offline wrongly", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server())
      yield* Effect.promise(() =>
        page.evaluate(() => Object.defineProperty(Navigator.prototype, "onLine", { get: () => false }))
      )
      const began = performance.now()
      yield* isWhole(tus, yield* start(page, { endpoint: tus.url, size }), size)
      // One attempt tests whether the browser is really offline.
      assert.isAtLeast(performance.now() - began, 9000)
      const told = yield* start(page, { endpoint: tus.url, size })
      deepStrictEqual(told.filter(({ event }) => event === "Retrying"), [])
    }))

  it.scoped("never counts a byte as sent that has not left, for any response, and ends its request when it is interrupted", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server())
      let answers = 0
      yield* Effect.promise(() =>
        page.route(`${tus.url}/*`, (route) =>
          route.request().method() === "PATCH" && answers++ === 0
            ? route.fulfill({ status: 503, headers: { "access-control-allow-origin": "*", "tus-resumable": "1.0.0" } })
            : route.continue())
      )
      const told = yield* start(page, { endpoint: tus.url, size: 2 * MiB })
      const failed = told.findIndex(({ event }) => event === "Retrying")
      assert.isAbove(failed, 0)
      deepStrictEqual(told.slice(0, failed + 1).filter(({ sent }) => sent > 0), [])
      yield* isWhole(tus, told, 2 * MiB)
      yield* Effect.promise(() =>
        page.evaluate(() => {
          const { send } = XMLHttpRequest.prototype
          let requests = 0
          XMLHttpRequest.prototype.send = function(body) {
            send.call(this, body)
            requests++
            if (requests === 2) {
              this.abort()
            }
            if (requests === 3) {
              this.timeout = 1
            }
          }
        })
      )
      yield* isWhole(tus, yield* start(page, { endpoint: tus.url, size: 2 * MiB }), 2 * MiB)
    }))

  for (const [name, realmOf] of realms) {
    it.scoped(`resumes in ${name} when a killed server runs again`, () =>
      Effect.gen(function*() {
        const { context, page, tus } = yield* setting(mortal)
        const realm = yield* Effect.promise(() => realmOf(context, page))
        const network = yield* holding(tus)
        const uploading = yield* Effect.fork(start(realm, { endpoint: network.url, size }))
        yield* killed(tus, network)
        const told = yield* uploading
        const events = told.map(({ event }) => event)
        assert.include(events, "Retrying")
        assert.notInclude(events, "Recreated")
        yield* isWhole(tus, told, size)
        isRest(network)
      }))
  }

  for (const [name, realmOf] of realms) {
    it.scoped(`has its chunks checked in ${name}`, () =>
      Effect.gen(function*() {
        const checksums: Array<string> = []
        const counted = server({}, {
          authorize: (_, __, { headers }) =>
            Effect.sync(() => {
              const checksum = headers["upload-checksum"]
              if (checksum !== undefined) {
                checksums.push(String(checksum).replace(/ .*/, ""))
              }
            })
        })
        const { context, page, tus } = yield* setting(counted)
        const realm = yield* Effect.promise(() => realmOf(context, page))
        for (const checksum of ["sha1", "md5", "sha256", "sha512"] as const) {
          const told = yield* start(realm, { endpoint: tus.url, size: 2 * MiB, checksum })
          yield* isWhole(tus, told, 2 * MiB)
        }
        deepStrictEqual(checksums, ["sha1", "md5", "sha256", "sha512"])
      }))
  }

  it.scoped(
    "resumes in another worker by the URL of the upload, with the same source",
    () =>
      Effect.gen(function*() {
        const { context, page, tus } = yield* setting(server())
        const [first, other] = yield* Effect.promise(async () =>
          [await worker(context, page), await serviceWorker(context, page)] as const
        )
        deepStrictEqual([yield* hasXhr(first), yield* hasXhr(other)], [true, false])
        const before = yield* start(first, { endpoint: tus.url, size, stopAt: 8 * MiB })
        const url = before.at(-1)?.url ?? ""
        const told = yield* start(other, { endpoint: tus.url, size, url })
        deepStrictEqual([told[0]?.event, told[0]?.acknowledged], ["Resumed", 8 * MiB])
        assert.strictEqual(told.at(-1)?.url, url)
        yield* isWhole(tus, told, size)
      })
  )
})

describe("the client as it is bundled", () => {
  it.scopedLive("has less than 104 KiB, compressed", () =>
    Effect.gen(function*() {
      const size = gzipSync(yield* script).length
      console.log(`${(size / 1024).toFixed(1)} KiB, effect and all`)
      assert.isBelow(size, 104 * 1024)
    }))
})
