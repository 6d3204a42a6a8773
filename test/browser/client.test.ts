/**
 * The client in a real page, cross-origin, on a real server: whole, cut by everything that happens to a page, and found again.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { gzipSync } from "node:zlib"
import type { Page } from "playwright-core"
import { example } from "../example.js"
import { directory, fileOf, sha256OfFile } from "../interop/server.js"
import { browser, bundle, open, pages, throttle } from "./chromium.js"
import type { Asked, Told } from "./page.js"

const MiB = 1024 * 1024

declare const upload: (asked: Asked) => Promise<ReadonlyArray<Told>>
declare const told: ReadonlyArray<Told>
declare const digest: (size: number) => Promise<string>

const start = (page: Page, asked: Asked) => Effect.promise(() => page.evaluate((asked) => upload(asked), asked))

/** Waits until so many bytes have left the page. */
const sent = (page: Page, bytes: number) =>
  Effect.promise(() => page.waitForFunction((bytes) => (told.at(-1)?.sent ?? 0) >= bytes, bytes, { polling: 10 }))

/** Built once. */
const script = Effect.runSync(Effect.cached(bundle("./page.ts")))

/** A page, and a server whose directory is at hand. */
const setting = Effect.gen(function*() {
  const stored = yield* directory
  const tus = yield* example("node-server", { UPLOAD_DIR: stored })
  const site = yield* pages(yield* script)
  const context = yield* Effect.flatMap(browser, (browser) => Effect.promise(() => browser.newContext()))
  const page = yield* open(context, site)
  const check = (told: ReadonlyArray<Told>, size: number) =>
    Effect.promise(async () => {
      const last = told.at(-1)
      deepStrictEqual([last?.event, last?.acknowledged], ["Complete", size])
      const expected = await page.evaluate((size) => digest(size), size)
      assert.strictEqual(await sha256OfFile(fileOf(stored, last?.url ?? "")), expected)
    })
  return { stored, tus, site, context, page, check }
})

describe("the client in Chromium", () => {
  it.scopedLive("uploads across origins, and tells what has really left", () =>
    Effect.gen(function*() {
      const { check, page, tus } = yield* setting
      yield* throttle(page, 5 * MiB)
      const told = yield* start(page, { endpoint: tus.url, size: 20 * MiB })
      yield* check(told, 20 * MiB)
      // A request brings 8 MiB; who tells only of whole ones knows nothing in between.
      const between = told.filter(({ event, sent }) => event === "Sent" && sent < 20 * MiB && sent % (8 * MiB) > 0)
      assert.isNotEmpty(between)
    }), 120_000)

  it.scopedLive("every header of the protocol can be read by a page", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting
      const read = yield* Effect.promise(() =>
        page.evaluate(async (url) => {
          const headers = { "tus-resumable": "1.0.0", "upload-length": "9", "upload-metadata": "a Yg==" }
          const made = await fetch(url, { method: "POST", headers })
          const asked = await fetch(new URL(made.headers.get("location") ?? "", url), {
            method: "HEAD",
            headers: { "tus-resumable": "1.0.0" }
          })
          const offered = await fetch(url, { method: "OPTIONS" })
          return [made, asked, offered].map(({ headers }) => [...headers.keys()])
        }, tus.url)
      )
      assert.includeMembers(read[0] ?? [], ["location", "tus-resumable", "upload-expires"])
      assert.includeMembers(read[1] ?? [], ["upload-offset", "upload-length", "upload-metadata", "upload-expires"])
      assert.includeMembers(read[2] ?? [], ["tus-version", "tus-extension", "tus-checksum-algorithm"])
    }), 120_000)

  it.scopedLive("goes on where it was after a reload", () =>
    Effect.gen(function*() {
      const { check, page, tus } = yield* setting
      const size = 20 * MiB
      yield* start(page, { endpoint: tus.url, size, stopAt: 8 * MiB })
      yield* Effect.promise(() => page.reload())
      const told = yield* start(page, { endpoint: tus.url, size })
      deepStrictEqual([told[0]?.event, told[0]?.acknowledged], ["Resumed", 8 * MiB])
      yield* check(told, size)
    }), 120_000)

  it.scopedLive("pauses while the browser is offline, and pays for no attempt", () =>
    Effect.gen(function*() {
      const { check, context, page, tus } = yield* setting
      const size = 20 * MiB
      const network = yield* throttle(page, 10 * MiB)
      const uploading = yield* Effect.fork(start(page, { endpoint: tus.url, size }))
      yield* sent(page, 10 * MiB)
      yield* Effect.promise(() => network.detach())
      yield* Effect.promise(() => context.setOffline(true))
      yield* Effect.sleep("3 seconds")
      const retries = yield* Effect.promise(() =>
        page.evaluate(() => told.filter(({ event }) => event === "Retrying").length)
      )
      assert.isAtMost(retries, 1)
      yield* Effect.promise(() => context.setOffline(false))
      yield* check(yield* uploading, size)
    }), 120_000)

  it.scopedLive("goes on when a server that was killed is back", () =>
    Effect.gen(function*() {
      const { check, page, stored, tus } = yield* setting
      const size = 20 * MiB
      yield* throttle(page, 10 * MiB)
      const uploading = yield* Effect.fork(start(page, { endpoint: tus.url, size }))
      yield* sent(page, 10 * MiB)
      yield* Effect.promise(() => tus.kill("SIGKILL"))
      yield* example("node-server", { UPLOAD_DIR: stored, PORT: new URL(tus.url).port })
      yield* check(yield* uploading, size)
    }), 120_000)
})

describe("the client as it is bundled", () => {
  it.scopedLive("has less than 100 KiB, compressed", () =>
    Effect.gen(function*() {
      const size = gzipSync(yield* script).length
      console.log(`${(size / 1024).toFixed(1)} KiB, effect and all`)
      assert.isBelow(size, 100 * 1024)
    }), 120_000)
})
