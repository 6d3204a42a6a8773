/**
 * Uploads in a server that is an object with `fetch`. Deno and Bun serve such an object themselves; this file runs on
 * Node with an adapter. `Bun.serve` refuses bodies above 128 MiB unless `maxRequestBodySize` is set.
 */
import { serve } from "@hono/node-server"
import { ManagedRuntime } from "effect"
import { EmbeddedServer } from "effect-tus/node"
import { TusWeb } from "effect-tus/server"

const { PORT = "3000", UPLOAD_DIR = "./uploads" } = process.env

// Without a file system, use layers of your own instead: `examples/byte-store.ts`.
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
