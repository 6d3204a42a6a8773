/**
 * The page of `examples/browser` as users use it: with the keyboard, by drop, without a server, without a network,
 * after a reload; with a server of another origin.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, rm, utimes, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import type { Page } from "playwright-core"
import * as Static from "../../examples/static.js"
import { directory } from "../support/directory.js"
import { fetched, head } from "../support/exchange.js"
import { built, connection, inChromium, site, visit } from "./chromium.js"
import { check, file, held, holding, isRest, killed, MiB, mortal, server, size } from "./setting.js"
import { violations } from "./usable.js"

const project = fileURLToPath(new URL("../..", import.meta.url))
const root = `${project}examples/browser`

/** Built once. */
const files = Effect.runSync(Effect.cached(built({ root, configFile: `${root}/vite.config.ts` })))

/** The page, but with another URL for uploads. */
const setting = (endpoint: string) =>
  Effect.gen(function*() {
    const { "/index.html": html = "", ...assets } = yield* files
    const changed = html.replace(`action="/files"`, `action="${endpoint}"`)
    assert.notStrictEqual(changed, html)
    const visitor = yield* visit(yield* site({ ...assets, "/index.html": changed }))
    // A test cannot answer the dialog for handles; the one of every browser it can.
    yield* Effect.promise(() =>
      visitor.page.evaluate(() => void Reflect.deleteProperty(globalThis, "showOpenFilePicker"))
    )
    return visitor
  })

const choose = (page: Page, ...paths: ReadonlyArray<string>) =>
  Effect.promise(() => page.locator("form input").setInputFiles([...paths]))

const state = (page: Page, text: string) => Effect.promise(() => page.locator(".state", { hasText: text }).waitFor())

const note = (page: Page) => Effect.promise(() => page.locator(".note").textContent())

/** The URL of the upload that the page shows. */
const stored = (page: Page) => Effect.map(note(page), (note) => note?.replace("Stored at ", "") ?? "")

const press = (page: Page, ...keys: ReadonlyArray<string>) =>
  Effect.forEach(keys, (key) => Effect.promise(() => page.keyboard.press(key)))

/** The name of the focused element. */
const focused = (page: Page) =>
  Effect.promise(() =>
    page.evaluate(() => {
      const { activeElement } = document
      return activeElement?.getAttribute("aria-label") ?? activeElement?.closest("label")?.innerText ?? ""
    })
  )

const percent = (page: Page, least: number) =>
  Effect.promise(() =>
    page.waitForFunction(
      (least) => {
        const bar = document.querySelector("progress")
        return bar !== null && (bar.value / bar.max) * 100 >= least
      },
      least,
      { polling: 50 }
    )
  )

const remembered = (page: Page) => Effect.promise(() => page.evaluate(() => localStorage.length))

/** `npm start`, as in a fresh clone, until it has printed the URL of the page. */
const npmStart = Effect.gen(function*() {
  const path = yield* directory
  return yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const env = { ...process.env, PORT: "0", UPLOAD_DIR: path }
      const child = spawn("npm", ["start"], { cwd: project, env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
      const page = await new Promise<string>((resolve, reject) => {
        let output = ""
        child.stdout.on("data", (text: Buffer) => {
          output += text.toString()
          const [, page] = /is at (\S+)\n/.exec(output) ?? []
          if (page !== undefined) {
            resolve(page)
          }
        })
        child.once("exit", () => reject(new Error(`npm start ended: ${output}`)))
      })
      return { child, page }
    }),
    // npm leads its own process group, to which the server belongs.
    ({ child }) => Effect.sync(() => process.kill(-(child.pid ?? Number.NaN), "SIGKILL"))
  )
})

describe("the server of the page", () => {
  it.scopedLive("compresses it, survives a directory that comes and goes, and ignores invalid ranges", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const server = yield* Effect.acquireRelease(
        Effect.sync(() => createServer(Static.make(path)).listen(0, "127.0.0.1")),
        (server) => Effect.sync(() => server.closeAllConnections() ?? server.close())
      )
      yield* Effect.promise(async () => {
        await once(server, "listening")
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
        const status = (at = "", headers = {}) =>
          fetch(url + at, { headers }).then(
            ({ headers, status }) => [status, headers.get("content-encoding")],
            () => []
          )
        deepStrictEqual(await status(), [404, null])
        await writeFile(`${path}/index.html`, "x".repeat(1000))
        await writeFile(`${path}/index.html.gz`, gzipSync("x".repeat(1000)))
        deepStrictEqual(await status("", { "accept-encoding": "gzip" }), [200, "gzip"])
        deepStrictEqual(await status("", { range: "bytes=5-2", "accept-encoding": "identity" }), [])
        const asking = Array.from({ length: 50 }, () => status())
        await rm(path, { recursive: true })
        await Promise.all(asking)
        deepStrictEqual(await status(), [404, null])
      })
    }))
})

inChromium("the example page", (it) => {
  it.scoped(
    "is started by npm start, prints its address, and serves no other files of the machine",
    () =>
      Effect.gen(function*() {
        const { page: url } = yield* npmStart
        const { page } = yield* visit(url)
        yield* choose(page, yield* file(100_000))
        yield* state(page, "Done")
        const get = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
          const { headers: answered, status } = await fetch(new URL(path, url), { headers, redirect: "manual" })
          return [status, answered.get("content-type"), answered.get("cache-control"), answered.get("location")]
        }
        yield* Effect.promise(async () => {
          deepStrictEqual(await get("/?a=b"), [200, "text/html;charset=utf-8", "no-cache", null])
          const assets = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name))
          const [script = "", style = ""] = [".js", ".css"].map((ext) => assets.find((name) => name.endsWith(ext)))
          const forever = "public, max-age=31536000, immutable"
          deepStrictEqual(await get(script), [200, "text/javascript", forever, null])
          deepStrictEqual(await get(style), [200, "text/css", forever, null])
          for (
            const path of ["/nothing", "/..%2fmain.ts", "/%2e%2e/main.ts", "/assets", "/__proto__", "//etc/passwd"]
          ) {
            assert.strictEqual((await get(url + path.slice(1)))[0], 404, path)
          }
          // A browser that knows only the URL of the endpoint.
          deepStrictEqual(await get("/files", { accept: "text/html,*/*" }), [302, null, null, "/"])
        })
      })
  )

  it.scoped("works with the keyboard alone: choose, pause, resume, remove", () =>
    Effect.gen(function*() {
      const tus = yield* server()
      const relayed = yield* holding(tus)
      const { page } = yield* setting(relayed.url)
      const path = yield* file(size)
      const choosing = page.waitForEvent("filechooser")
      const cut = page.waitForEvent("requestfailed", (request) => request.method() === "PATCH")
      yield* press(page, "Tab")
      assert.match(yield* focused(page), /Drop files here/)
      yield* press(page, "Enter")
      yield* Effect.promise(async () => {
        const chooser = await choosing
        assert.isTrue(chooser.isMultiple())
        await chooser.setFiles(path)
      })
      yield* held(tus, relayed)
      yield* state(page, "Uploading")
      assert.match(
        yield* Effect.promise(() => page.locator(".figures", { hasText: "of" }).innerText()),
        // On loopback an upload may end before there is a rate.
        /^\d+\s%, [\d.]+\s[KM]iB\sof\s12\.0\sMiB(, [\d.]+\s[KM]iB\/s)?(, \d+\ss\sleft)?$/
      )
      yield* press(page, "Tab")
      assert.strictEqual(yield* focused(page), "Pause: made-up.bin")
      yield* press(page, "Enter")
      yield* state(page, "Paused")
      yield* Effect.promise(() => cut)
      assert.strictEqual(yield* focused(page), "Resume: made-up.bin")
      yield* press(page, "Enter")
      yield* state(page, "Done")
      yield* check(tus, yield* stored(page), size)
      assert.strictEqual(yield* focused(page), "Remove from list: made-up.bin")
      yield* press(page, "Enter")
      assert.match(yield* focused(page), /Drop files here/)
      const told = yield* Effect.promise(() => page.getByRole("log").innerText())
      for (const event of ["Uploading", "Paused", "Done", "removed"]) {
        assert.include(told, `made-up.bin: ${event}`)
      }
    }))

  it.scoped("resumes when a killed server runs again, and shows the failure meanwhile", () =>
    Effect.gen(function*() {
      const tus = yield* mortal
      const network = yield* holding(tus)
      const { page } = yield* setting(network.url)
      yield* choose(page, yield* file(size))
      yield* killed(
        tus,
        network,
        Effect.gen(function*() {
          yield* state(page, "Interrupted")
          yield* Effect.promise(() =>
            page.locator(".note", { hasText: /cannot be reached\. Next attempt in \d s\./ }).waitFor()
          )
        })
      )
      yield* state(page, "Done")
      yield* check(tus, yield* stored(page), size)
      isRest(network)
    }))

  it.scoped("waits while it is offline, and continues by itself", () =>
    Effect.gen(function*() {
      const tus = yield* server()
      const { page } = yield* setting(tus.url)
      const network = yield* connection(page)
      // Slow enough that the upload cannot end before Chromium is offline.
      yield* network.slow(MiB / 2)
      yield* choose(page, yield* file(size))
      yield* percent(page, 10)
      yield* network.offline
      yield* state(page, "Offline, resumes automatically")
      yield* network.fast
      yield* state(page, "Done")
      yield* check(tus, yield* stored(page), size)
    }))

  it.scoped(
    "asks for the file again after a reload, recognizes it, and sends only the rest",
    () =>
      Effect.gen(function*() {
        const tus = yield* server()
        const network = yield* holding(tus)
        const { page } = yield* setting(network.url)
        const path = yield* file(size)
        yield* choose(page, path)
        yield* held(tus, network)
        yield* Effect.promise(() => page.reload())
        yield* state(page, "Unfinished")
        assert.match((yield* note(page)) ?? "", /Choose made-up\.bin again: only the rest is sent/)
        // How much of the second request arrived depends on the server.
        yield* percent(page, 66)
        const other = yield* file(1000, "other.bin")
        yield* Effect.promise(async () => {
          const choosing = page.getByRole("button", { name: "Choose file: made-up.bin" })
          const [chooser] = await Promise.all([page.waitForEvent("filechooser"), choosing.click()])
          await chooser.setFiles(other)
          await page.locator(".note", { hasText: "other.bin is not the file" }).waitFor()
        })
        yield* choose(page, path)
        yield* state(page, "Done")
        yield* check(tus, yield* stored(page), size)
        isRest(network)
        assert.strictEqual(yield* remembered(page), 0)
        assert.strictEqual(yield* Effect.promise(() => page.locator("#uploads > li").count()), 1)
      })
  )

  it.scoped(
    "accepts dropped files, each once, and removes cancelled uploads from the server",
    () =>
      Effect.gen(function*() {
        const tus = yield* server()
        const network = yield* holding(tus)
        const { page } = yield* setting(network.url)
        yield* Effect.promise(async () => {
          const dropped = await page.evaluateHandle(() => {
            const files = new DataTransfer()
            files.items.add(new File(["hello"], "dropped.txt"))
            return files
          })
          await page.dispatchEvent("body", "drop", { dataTransfer: dropped })
        })
        yield* state(page, "Done")
        const path = yield* file(size)
        yield* choose(page, path)
        yield* held(tus, network)
        yield* choose(page, path)
        assert.strictEqual(yield* Effect.promise(() => page.locator("#uploads > li").count()), 2)
        const [entry = ""] = yield* Effect.promise(() => page.evaluate(() => Object.values<string>(localStorage)))
        const { url } = (JSON.parse(entry) as { readonly entry: { readonly url: string } }).entry
        const asked = Effect.promise(() => fetched(head(url)))
        assert.strictEqual((yield* asked).status, 200)
        const removing = page.waitForResponse((response) => response.request().method() === "DELETE")
        yield* Effect.promise(() => page.getByRole("button", { name: "Cancel and delete: made-up.bin" }).click())
        yield* Effect.promise(() => removing)
        assert.strictEqual((yield* asked).status, 404)
        assert.strictEqual(yield* remembered(page), 0)
      })
  )

  it.scoped("accepts all files of a dropped folder, also those with equal names", () =>
    Effect.gen(function*() {
      const tus = yield* server()
      const { page } = yield* setting(tus.url)
      const path = yield* directory
      yield* Effect.promise(async () => {
        await mkdir(`${path}/folder/within`, { recursive: true })
        await writeFile(`${path}/folder/one.txt`, "one")
        await writeFile(`${path}/folder/within/one.txt`, "two")
        await utimes(`${path}/folder/within/one.txt`, 1, 1)
        await utimes(`${path}/folder/one.txt`, 1, 1)
        const session = await page.context().newCDPSession(page)
        const data = { items: [], files: [`${path}/folder`], dragOperationsMask: 1 }
        for (const type of ["dragEnter", "dragOver", "drop"] as const) {
          await session.send("Input.dispatchDragEvent", { type, x: 100, y: 100, data })
        }
        await page.locator(".state", { hasText: "Done" }).nth(1).waitFor()
        deepStrictEqual((await page.locator("#uploads h3").allInnerTexts()).toSorted(), [
          "folder/one.txt",
          "folder/within/one.txt"
        ])
      })
    }))

  it.scoped("shows failures, and tries again on request", () =>
    Effect.gen(function*() {
      const tus = yield* server({ maxSize: 1000 })
      const { page } = yield* setting(tus.url)
      const path = yield* file(2000)
      yield* choose(page, path)
      yield* state(page, "Failed")
      assert.match((yield* note(page)) ?? "", /accepts uploads of at most 1000 bytes, this one has 2000/)
      yield* Effect.promise(() => page.getByRole("button", { name: "Try again: made-up.bin" }).click())
      yield* state(page, "Failed")
      yield* Effect.promise(() => writeFile(path, "short"))
      yield* choose(page, path)
      yield* state(page, "Done")
    }))

  it.scoped(
    "has accessible names and readable text, in light and dark colours, on a small screen",
    () =>
      Effect.gen(function*() {
        const tus = yield* server({ maxSize: 1000 })
        const { page } = yield* setting(tus.url)
        yield* choose(page, yield* file(2000, "too-large.bin"), yield* file(1000, "done.bin"))
        yield* state(page, "Failed")
        yield* state(page, "Done")
        for (const colorScheme of ["light", "dark"] as const) {
          yield* Effect.promise(() => page.emulateMedia({ colorScheme, reducedMotion: "reduce" }))
          deepStrictEqual(yield* violations(page), [])
        }
        const moving = yield* Effect.promise(() =>
          page.evaluate(() =>
            [...document.querySelectorAll("*")].filter((element) =>
              getComputedStyle(element).transitionDuration !== "0s"
            )
              .length
          )
        )
        assert.strictEqual(moving, 0)
        // Forced colours would remove those of the progress bar.
        yield* Effect.promise(() => page.emulateMedia({ forcedColors: "active" }))
        const adjust = yield* Effect.promise(() =>
          page.locator("#total progress").evaluate((bar) => getComputedStyle(bar).forcedColorAdjust)
        )
        assert.strictEqual(adjust, "none")
        yield* Effect.promise(() => page.emulateMedia({ forcedColors: "none" }))
        yield* Effect.promise(() => page.setViewportSize({ width: 320, height: 600 }))
        const overflow = yield* Effect.promise(() =>
          page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        )
        assert.isAtMost(overflow, 0)
      })
  )

  it.scoped("shows the progress of all files, folds completed rows, and clears them", () =>
    Effect.gen(function*() {
      const tus = yield* server()
      const { page } = yield* setting(tus.url)
      const paths = yield* Effect.forEach(Array.from({ length: 12 }, (_, i) => i), (i) => file(1000 + i, `${i}.txt`))
      yield* choose(page, ...paths)
      yield* Effect.promise(async () => {
        await page.locator("#total p", { hasText: /^12\sof\s12\sdone, 11\.8\sKiB$/ }).waitFor()
        assert.match(await page.title(), /^✓ /)
        deepStrictEqual(await page.locator("#folded summary").innerText(), "12 done")
        assert.strictEqual(await page.locator("#uploads > li").count(), 0)
        await page.getByRole("button", { name: "Clear done" }).click()
        await page.locator("#total").waitFor({ state: "hidden" })
        assert.strictEqual(await page.locator(".upload").count(), 0)
      })
    }))

  it.scoped("resumes after a reload with one click, if the browser has a handle of the file", () =>
    Effect.gen(function*() {
      const tus = yield* server()
      const network = yield* holding(tus)
      const { page } = yield* setting(network.url)
      // A file in the browser's private file system, whose handle needs no dialog.
      const bytes = Array.from({ length: 12 }, (_, i) => i)
      yield* Effect.promise(async () => {
        await page.evaluate(async (bytes) => {
          const root = await navigator.storage.getDirectory()
          const handle = await root.getFileHandle("kept.bin", { create: true })
          const writing = await handle.createWritable()
          for (const byte of bytes) {
            await writing.write(new Uint8Array(1024 * 1024).fill(byte))
          }
          await writing.close()
          Object.assign(globalThis, { showOpenFilePicker: async () => [handle] })
        }, bytes)
        await page.locator("form input").click({ force: true })
      })
      yield* held(tus, network)
      yield* Effect.promise(() => page.reload())
      yield* state(page, "Unfinished")
      yield* Effect.promise(() => page.getByRole("button", { name: "Resume: kept.bin" }).click())
      yield* state(page, "Done")
      isRest(network)
      const [download] = yield* Effect.promise(() =>
        Promise.all([
          page.waitForEvent("request", (request) => request.isNavigationRequest()),
          page.locator(".note a").click()
        ])
      )
      assert.match(download.url(), /\/files\/[0-9a-f]{32}$/)
    }))
})
