/**
 * Uploads where a server is an object with `fetch`. Deno and Bun serve such an object themselves; this file runs on Node, where an
 * adapter does. `Bun.serve` refuses bodies of more than 128 MiB without `maxRequestBodySize`.
 */
import { serve } from "@hono/node-server"
import { ManagedRuntime } from "effect"
import { EmbeddedServer } from "effect-tus/node"
import { TusWeb } from "effect-tus/server"

const { PORT = "3000", UPLOAD_DIR = "./uploads" } = process.env

// Where there is no file system, layers of one's own come in its place: `examples/byte-store.ts`.
const tus = ManagedRuntime.make(
  EmbeddedServer.layer({ directory: UPLOAD_DIR, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" })
)
const uploads = await tus.runPromise(TusWeb.make({ path: "/files" }))

const handler = {
  fetch: async (request: Request) => {
    const { pathname } = new URL(request.url)
    return /^\/files(\/|$)/.test(pathname)
      ? uploads(request)
      : pathname === "/echo"
      ? Response.json(await request.json())
      : new Response("not found", { status: 404 })
  }
}

export default handler

const server = serve(
  {
    ...handler,
    port: Number(PORT),
    hostname: "127.0.0.1",
    // An upload may take as long as it likes, its head may not.
    serverOptions: { requestTimeout: 0, headersTimeout: 60_000 }
  },
  ({ port }) => console.log(`listens at http://127.0.0.1:${port}`)
)

const stop = () => {
  server.close()
  // Uploads under way are cut off, committed and answered.
  void tus.dispose()
}
process.once("SIGINT", stop).once("SIGTERM", stop)
