/**
 * The most widely used clients, in a real page, cross-origin, on a real server that is killed, and without a network.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Page } from "playwright-core"
import { bundle, connection, inChromium, pages, visit } from "../browser/chromium.js"
import { check, file, held, holding, isRest, killed, mortal, type Server, server, size } from "../browser/setting.js"
import type { Asked } from "./clients.js"

declare const withTusJsClient: (asked: Asked) => Promise<string>
declare const withUppy: (endpoint: string) => Promise<string>

/** Built once. */
const script = Effect.runSync(Effect.cached(bundle("../peers/clients.ts")))

const setting = <S extends Server>(server: Effect.Effect<S, never, Scope.Scope>) =>
  Effect.gen(function*() {
    const tus = yield* server
    return { tus, ...(yield* visit(yield* pages(yield* script))) }
  })

/** Uploads as a user of the Dashboard does. */
const dashboard = (page: Page, endpoint: string, path: string) =>
  Effect.promise(async () => {
    const uploading = page.evaluate((endpoint) => withUppy(endpoint), endpoint)
    await page.locator(".uppy-Dashboard-input").first().setInputFiles(path)
    await page.getByRole("button", { name: "Upload 1 file" }).click()
    const url = await uploading
    await page.getByText("Complete", { exact: true }).waitFor()
    return url
  })

inChromium("other clients in Chromium", (it) => {
  it.scoped("tus-js-client resumes when a killed server runs again", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(mortal)
      const network = yield* holding(tus)
      const uploading = yield* Effect.fork(
        Effect.promise(() => page.evaluate((asked) => withTusJsClient(asked), { endpoint: network.url, size }))
      )
      yield* killed(tus, network)
      yield* check(tus, yield* uploading, size)
      isRest(network)
    }))

  it.scoped("Uppy resumes when a killed server runs again", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(mortal)
      const network = yield* holding(tus)
      const uploading = yield* Effect.fork(dashboard(page, network.url, yield* file(size)))
      yield* killed(tus, network)
      yield* check(tus, yield* uploading, size)
      isRest(network)
    }))

  it.scoped("Uppy resumes when the browser is online again", () =>
    Effect.gen(function*() {
      const { page, tus } = yield* setting(server())
      const network = yield* connection(page)
      const relayed = yield* holding(tus)
      const uploading = yield* Effect.fork(dashboard(page, relayed.url, yield* file(size)))
      // Chromium may send the request again by itself, from its beginning.
      const cut = Promise.race([
        page.waitForEvent("requestfailed", (request) => request.method() === "PATCH"),
        page.waitForEvent("response", (response) => response.request().method() === "PATCH")
      ])
      yield* held(tus, relayed)
      yield* network.offline
      // Emulation does not cut running requests, and these clients have no timeout for a request that hangs.
      relayed.sockets.forEach((socket) => socket.destroy())
      yield* Effect.promise(() => cut)
      yield* network.fast
      yield* check(tus, yield* uploading, size)
    }))
})
