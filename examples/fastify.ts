/**
 * Uploads in a Fastify 5 application, beside routes whose bodies are parsed.
 */
import { ManagedRuntime } from "effect"
import { EmbeddedServer, NodeHandler } from "effect-tus/node"
import Fastify from "fastify"

const { PORT = "3000", UPLOAD_DIR = "./uploads" } = process.env

const tus = ManagedRuntime.make(
  EmbeddedServer.layer({ directory: UPLOAD_DIR, maxSize: 10 * 1024 ** 3, expiresAfter: "1 day" })
)
const uploads = await tus.runPromise(NodeHandler.make({ path: "/files" }))

const app = Fastify({ http: { headersTimeout: 60_000 } })
app.post("/echo", (request) => request.body)
app.register(async (app) => {
  // A parser that leaves bodies unread. Without one Fastify refuses the content type of an upload with 415.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser("*", (_request, _body, done) => done(null))
  for (const path of ["/files", "/files/*"]) {
    app.all(path, ({ raw }, reply) => {
      reply.hijack()
      uploads.listener(raw, reply.raw)
    })
  }
})
// Running uploads are cut off, committed and answered; then connections are closed.
app.addHook("preClose", () => tus.dispose())

console.log(`listens at ${await app.listen({ port: Number(PORT), host: "127.0.0.1" })}`)

const stop = () => void app.close()
process.once("SIGINT", stop).once("SIGTERM", stop)
