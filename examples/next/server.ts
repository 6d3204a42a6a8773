/**
 * Uploads as a route of a Next.js application: see `app/files`. It has its own server, because `next start` ends a
 * request after five minutes, and an upload may take longer.
 *
 *     npx next build examples/next && NODE_ENV=production npx tsx examples/next/server.ts
 */
import next from "next"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const { PORT = "3000" } = process.env

const app = next({ dir: import.meta.dirname })
await app.prepare()
const handle = app.getRequestHandler()

const server = createServer({ requestTimeout: 0, headersTimeout: 60_000 }, (request, response) => {
  void handle(request, response)
})
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listens at http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

// The route ends its running uploads itself.
const stop = () => {
  server.close()
  void app.close()
}
process.once("SIGINT", stop).once("SIGTERM", stop)
