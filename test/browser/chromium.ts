/**
 * Pages in Debian's Chromium, served from another origin than the uploads.
 */
import { layer, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"
import { build, type InlineConfig } from "vite"
import { needs } from "../support/needs.js"
import { chromium as executablePath } from "../support/tools.js"

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** One browser for all tests of a file. */
export class Chromium extends Context.Tag("test/Chromium")<Chromium, Browser>() {
  static readonly layer = Layer.scoped(
    Chromium,
    Effect.acquireRelease(
      Effect.promise(() =>
        chromium.launch({
          executablePath,
          args: [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A page from there by http is not a secure context.
            "--host-resolver-rules=MAP plain.test 127.0.0.1",
            "--no-first-run"
          ]
        })
      ),
      (browser) => Effect.promise(() => browser.close())
    )
  )
}

/** A suite whose tests share a browser. */
export const inChromium = (title: string, tests: (it: Vitest.MethodsNonLive<Chromium, true>) => void) =>
  needs("chromium")(title, () => layer(Chromium.layer, { excludeTestServices: true, timeout: "1 minute" })(tests))

/** Files by path. */
export type Files = Readonly<Record<string, string>>

/** The output of Vite, without writing it to disk. */
export const built = (config: InlineConfig) =>
  Effect.promise(async (): Promise<Files> => {
    const output = await build({ ...config, logLevel: "error", build: { ...config.build, write: false } })
    return Object.fromEntries(
      [output].flat().flatMap((built) => ("output" in built ? built.output : [])).map((file) => [
        `/${file.fileName}`,
        file.type === "chunk" ? file.code : String(file.source)
      ])
    )
  })

/** The script of a page or worker, bundled for browsers into one file. */
export const bundle = (entry: string) =>
  built({
    configFile: false,
    resolve: { alias: [{ find: /^effect-tus\/(.*)$/, replacement: local("../../src/$1/index.ts") }] },
    build: {
      target: "es2022",
      modulePreload: false,
      rollupOptions: { input: local(entry), output: { entryFileNames: "script.js" } }
    }
  }).pipe(Effect.map((files) => files["/script.js"] ?? ""))

const types: Readonly<Record<string, string>> = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html" }

/** A site of these files; its URL ends with a slash. */
export const site = (files: Files) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(({ url = "/" }, response) => {
        const path = url === "/" ? "/index.html" : url
        const file = files[path]
        response.writeHead(file === undefined ? 404 : 200, { "content-type": types[extname(path)] ?? "text/plain" })
        response.end(file)
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        server.close()
        await once(server, "close")
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`))

/** The site of a page that only runs a script. */
export const pages = (script: string) =>
  site({ "/index.html": `<!doctype html><script type="module" src="/script.js"></script>`, "/script.js": script })

/** A page in a new browser context. */
export const visit = (url: string) =>
  Effect.gen(function*() {
    const browser = yield* Chromium
    const context = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newContext()),
      (context) => Effect.promise(() => context.close())
    )
    // The default of half a minute is too short on a busy machine.
    context.setDefaultTimeout(120_000)
    const page = yield* Effect.promise(() => context.newPage())
    yield* Effect.promise(() => page.goto(url, { waitUntil: "load" }))
    return { context, page }
  })

/** The network of a page, as the test sets it. */
export const connection = (page: Page) =>
  Effect.promise(async () => {
    const session = await page.context().newCDPSession(page)
    await session.send("Network.enable")
    const set = (offline: boolean, uploadThroughput: number) =>
      Effect.promise(() =>
        session.send("Network.emulateNetworkConditions", {
          offline,
          latency: 0,
          downloadThroughput: -1,
          uploadThroughput
        })
      )
    return {
      /** The browser sends at most this many bytes a second. */
      slow: (bytes: number) => set(false, bytes),
      fast: set(false, -1),
      offline: set(true, -1)
    }
  })
