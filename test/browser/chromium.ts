/**
 * Real pages in a real browser: Debian's Chromium, and a server of their own whose origin is another than that of uploads.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { type BrowserContext, chromium, type Page } from "playwright-core"
import { build } from "vite"

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export const browser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run"
      ]
    })
  ),
  (browser) => Effect.promise(() => browser.close())
)

/** The script of a page as browsers load it, in one file. */
export const bundle = (entry: string) =>
  Effect.promise(async () => {
    const output = await build({
      configFile: false,
      logLevel: "error",
      resolve: { alias: [{ find: /^effect-tus\/(.*)$/, replacement: local("../../src/$1/index.ts") }] },
      build: {
        write: false,
        target: "es2022",
        modulePreload: false,
        rollupOptions: { input: local(entry) }
      }
    })
    const [chunk] = [output].flat().flatMap((built) => ("output" in built ? built.output : []))
    return chunk?.type === "chunk" ? chunk.code : ""
  })

/** Serves pages that run a script. */
export const pages = (script: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((request, response) => {
        const isScript = request.url === "/script.js"
        response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" })
        response.end(isScript ? script : `<!doctype html><script type="module" src="/script.js"></script>`)
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

/** A page on which the script has run. */
export const open = (context: BrowserContext, url: string) =>
  Effect.promise(async () => {
    const page = await context.newPage()
    await page.goto(url, { waitUntil: "load" })
    return page
  })

/** So many bytes a second leave the browser at most. */
export const throttle = (page: Page, uploadThroughput: number) =>
  Effect.promise(async () => {
    const session = await page.context().newCDPSession(page)
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput
    })
    return session
  })
