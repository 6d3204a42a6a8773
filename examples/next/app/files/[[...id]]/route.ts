/**
 * Uploads as a route of the App Router. Next passes the body on unread, unless there is a `proxy.ts`, which makes it
 * keep a copy.
 */
import { ManagedRuntime } from "effect"
import { EmbeddedServer } from "effect-tus/node"
import { TusWeb } from "effect-tus/server"

const { UPLOAD_DIR = "./uploads" } = process.env

const make = () =>
  ManagedRuntime.make(EmbeddedServer.layer({ directory: UPLOAD_DIR, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" }))

// One for the process: `next dev` loads this file repeatedly, and a directory has one server.
const shared = globalThis as { tus?: ReturnType<typeof make> }
const tus = shared.tus ??= make()

const uploads = TusWeb.make({ path: "/files" })

// The first request opens the store, because `next build` loads this file too.
const handle = async (request: Request) => (await tus.runPromise(uploads))(request)

export { handle as DELETE, handle as HEAD, handle as OPTIONS, handle as PATCH, handle as POST }

// Running uploads are cut off, committed and answered.
const stop = () => void tus.dispose()
process.once("SIGINT", stop).once("SIGTERM", stop)
