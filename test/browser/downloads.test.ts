/**
 * Uploaded files on the origin of a page whose policy allows scripts of that origin.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createUpload } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import { Chromium, visit } from "./chromium.js"

const origin = Effect.gen(function*() {
  const context = yield* Layer.build(NodeTusServer.layer({
    port: 0,
    directory: yield* directory,
    downloads: true,
    shutdownTimeout: 0,
    get: (_, response) => {
      response.setHeader("content-type", "text/html")
      response.setHeader("content-security-policy", "script-src 'self'")
      response.end("<!doctype html>")
    }
  }))
  return Context.get(context, NodeTusServer.NodeTusServer).url
}).pipe(Effect.orDie)

const script = "globalThis.ran = true; postMessage(0)"

const upload = (url: string, type: string) =>
  Effect.promise(async () => {
    const created = await createUpload(url, script.length, { "upload-metadata": `filetype ${btoa(type)}` }, script)
    return new URL(created).pathname
  })

/** The result of each way to make the browser run the file, within a page. */
const attempts = async (path: string) => {
  const loaded = (name: "script" | "link", attributes: object = {}) =>
    new Promise<string>((resolve) => {
      const element = Object.assign(document.createElement(name), { src: path, href: path, ...attributes })
      element.addEventListener("load", () => resolve("loaded"))
      element.addEventListener("error", () => resolve("refused"))
      document.body.append(element)
    })
  return {
    script: await loaded("script"),
    module: await loaded("script", { type: "module" }),
    worker: await new Promise<string>((resolve) => {
      const worker = new Worker(path)
      worker.addEventListener("error", () => resolve("refused"))
      worker.addEventListener("message", () => resolve("loaded"))
    }),
    serviceWorker: await navigator.serviceWorker.register(path).then(() => "loaded", () => "refused"),
    style: await loaded("link", { rel: "stylesheet" }),
    ran: "ran" in globalThis,
    read: await fetch(path).then((response) => response.text())
  }
}

needs("chromium")("a download in Chromium, on the origin of a page", () => {
  it.scopedLive(
    "is never run, with any type, and pages may read it",
    () =>
      Effect.gen(function*() {
        const url = yield* origin
        const { page } = yield* visit(new URL("/", url).href)
        for (const type of ["text/javascript", "text/plain"]) {
          const path = yield* upload(url, type)
          deepStrictEqual(yield* Effect.promise(() => page.evaluate(attempts, path)), {
            script: "refused",
            module: "refused",
            worker: "refused",
            serviceWorker: "refused",
            style: "refused",
            ran: false,
            read: script
          })
        }
      }).pipe(Effect.provide(Chromium.layer)),
    { timeout: 120_000 }
  )
})
