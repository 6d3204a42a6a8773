/**
 * Uploads in a Hono application on Node.js, beside routes whose bodies are parsed.
 */
import { serve } from "@hono/node-server"
import { ManagedRuntime } from "effect"
import { EmbeddedServer } from "effect-tus/node"
import { TusWeb } from "effect-tus/server"
import { Hono } from "hono"

const { PORT = "3000", UPLOAD_DIR = "./uploads" } = process.env

const tus = ManagedRuntime.make(
  EmbeddedServer.layer({ directory: UPLOAD_DIR, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" })
)
const uploads = await tus.runPromise(TusWeb.make({ path: "/files" }))

const app = new Hono()
app.all("/files/*", (context) => uploads(context.req.raw))
app.post("/echo", async (context) => context.json(await context.req.json()))

const server = serve(
  {
    fetch: app.fetch,
    port: Number(PORT),
    hostname: "127.0.0.1",
    // An upload may take any time, but its head may not.
    serverOptions: { requestTimeout: 0, headersTimeout: 60_000 }
  },
  ({ port }) => console.log(`listens at http://127.0.0.1:${port}`)
)

const stop = () => {
  server.close()
  // Running uploads are cut off, committed and answered.
  void tus.dispose()
}
process.once("SIGINT", stop).once("SIGTERM", stop)
