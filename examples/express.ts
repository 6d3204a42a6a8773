/**
 * Uploads in an Express 5 application, beside routes whose bodies are parsed.
 */
import { ManagedRuntime } from "effect"
import { EmbeddedServer, NodeHandler } from "effect-tus/node"
import express from "express"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const { PORT = "3000", UPLOAD_DIR = "./uploads" } = process.env

const tus = ManagedRuntime.make(
  EmbeddedServer.layer({ directory: UPLOAD_DIR, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" })
)
const uploads = await tus.runPromise(NodeHandler.make({ path: "/files" }))

const app = express()
// Before the parsers: a parser of all content types would read the bytes of an upload.
app.use("/files", uploads.listener)
app.use(express.json(), express.urlencoded(), express.text(), express.raw({ type: () => true }))
app.post("/echo", (request, response) => {
  response.json(request.body)
})

// An upload may take any time, but its head may not.
const server = createServer({ requestTimeout: 0, headersTimeout: 60_000 }, app)
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listens at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

const stop = () => {
  server.close()
  // Running uploads are cut off, committed and answered.
  void tus.dispose()
}
process.once("SIGINT", stop).once("SIGTERM", stop)
