/**
 * The server in every framework that has an example. Next.js is in `peers`.
 */
import { describe, it } from "@effect/vitest"
import { holds } from "./frameworks.js"

/** The path of the collection in each example. */
const examples = {
  "effect-api": "/files",
  "effect-app": "/api/uploads",
  "effect-router": "/files",
  express: "/files",
  fastify: "/files",
  hono: "/files",
  koa: "/files",
  "plain-node": "/files",
  web: "/files"
}

describe("in a framework", () => {
  for (const [name, collection] of Object.entries(examples)) {
    it.scopedLive(
      `${name}: uploads resume, other routes respond, and a server that stops keeps what has arrived`,
      () => holds(name, collection),
      60_000
    )
  }
})
