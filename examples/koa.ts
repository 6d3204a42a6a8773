/**
 * Uploads in a Koa 3 application, beside routes whose bodies are parsed.
 */
import { bodyParser } from "@koa/bodyparser"
import { ManagedRuntime } from "effect"
import { EmbeddedServer, NodeHandler } from "effect-tus/node"
import Koa from "koa"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const { PORT = "3000", UPLOAD_DIR = "./uploads" } = process.env

const tus = ManagedRuntime.make(
  EmbeddedServer.layer({ directory: UPLOAD_DIR, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" })
)
const uploads = await tus.runPromise(NodeHandler.make({ path: "/files" }))

const app = new Koa()
// Before the parser, which would read uploads whose type is text or JSON. Koa itself must not respond.
app.use(async (context, next) => {
  if (/^\/files(\/|$)/.test(context.path)) {
    context.respond = false
    uploads.listener(context.req, context.res)
  } else {
    await next()
  }
})
app.use(bodyParser())
app.use((context) => {
  if (context.path === "/echo") {
    context.body = context.request.body
  }
})

// An upload may take any time, but its head may not.
const server = createServer({ requestTimeout: 0, headersTimeout: 60_000 }, app.callback())
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listens at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

const stop = () => {
  server.close()
  // Running uploads are cut off, committed and answered.
  void tus.dispose()
}
process.once("SIGINT", stop).once("SIGTERM", stop)
