/**
 * Uploads on your own `node:http` server, with the limits that uploads need. `NodeTusServer` sets them itself.
 */
import { ManagedRuntime } from "effect"
import { EmbeddedServer, NodeHandler } from "effect-tus/node"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"

const { PORT = "3000", UPLOAD_DIR = "./uploads" } = process.env

const tus = ManagedRuntime.make(
  EmbeddedServer.layer({ directory: UPLOAD_DIR, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" })
)
const uploads = await tus.runPromise(NodeHandler.make({ path: "/files" }))

const server = createServer({
  // An upload may take any time, but its head may not.
  requestTimeout: 0,
  headersTimeout: 60_000,
  joinDuplicateHeaders: true
})
// Node drops headers silently if there are many.
server.maxHeadersCount = 0
server.on("checkContinue", uploads.checkContinue)
server.on("request", async (request, response) => {
  if (/^\/files(\/|$)/.test(request.url ?? "")) {
    uploads.listener(request, response)
  } else {
    response.setHeader("content-type", "application/json").end(JSON.stringify(await json(request)))
  }
})
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listens at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

const stop = () => {
  server.close()
  // Running uploads are cut off, committed and answered.
  void tus.dispose()
}
process.once("SIGINT", stop).once("SIGTERM", stop)
