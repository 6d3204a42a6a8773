/** A server of the built package as an object with `fetch`. Bun serves it with its own default limit for bodies. */
import * as ManagedRuntime from "effect/ManagedRuntime"
import process from "node:process"
import { EmbeddedServer } from "../../dist/node/index.js"
import { TusWeb } from "../../dist/server/index.js"

const tus = ManagedRuntime.make(EmbeddedServer.layer({ directory: process.argv[2] ?? "" }))
const { url } = globalThis.Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: await tus.runPromise(TusWeb.make({ path: "/files" }))
})
process.stdout.write(`${url}files\n`)
