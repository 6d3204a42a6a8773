/**
 * A whole server on a directory, one life after another, over HTTP.
 */
import { assert } from "@effect/vitest"
import { UploadStore } from "effect-tus"
import { NodeTusServer } from "effect-tus/node"
import { TusAdmin, TusServer } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readdirSync } from "node:fs"
import * as Exchange from "./exchange.js"
import * as Raw from "./raw.js"
import { tails } from "./stored.js"
import { idOf } from "./uploads.js"

/** The ids of the uploads with files. */
export const filesIn = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[\w-]{22,}$/.test(entry.name))
    .map(({ name }) => name)

type Server = Effect.Effect.Success<ReturnType<typeof started>>

/** One life of a server on a directory. */
export const life = <A, E, R>(
  options: NodeTusServer.Options,
  use: (server: Server) => Effect.Effect<A, E, R>
) => Effect.scoped(Effect.flatMap(started(options), use))

const started = (options: NodeTusServer.Options) =>
  Effect.map(
    Layer.build(
      Layer.provideMerge(
        TusAdmin.layer,
        NodeTusServer.layer({ port: 0, downloads: true, smallUploads: "database", expiresAfter: "1 day", ...options })
      )
    ),
    (context) => {
      const { port } = Context.get(context, NodeTusServer.NodeTusServer)
      const ask = (request: Exchange.Request) => Effect.promise(() => Raw.ask(port)(request))
      const answered = (status: number) => (request: Exchange.Request) =>
        Effect.tap(ask(request), (answer) => assert.strictEqual(answer.status, status, answer.text))
      return {
        port,
        ask,
        admin: Context.get(context, TusAdmin.TusAdmin),
        store: Context.get(context, UploadStore.UploadStore),
        locate: (path: string) => Context.get(context, TusServer.TusServer).locate(idOf(path)),
        create: (length: number, headers?: Exchange.Headers, body?: string) =>
          Effect.map(
            answered(201)(Exchange.post({ "upload-length": length, ...headers }, body)),
            Exchange.locationOf
          ),
        patch: (...message: Parameters<typeof Exchange.patch>) => answered(204)(Exchange.patch(...message)),
        send: answered(204),
        offsetOf: (path: string) => Effect.map(answered(200)(Exchange.head(path)), Exchange.offsetOf),
        get: (path: string, range?: string) =>
          Effect.map(
            answered(range === undefined ? 200 : 206)({
              method: "GET",
              path,
              headers: range === undefined ? {} : { range: `bytes=${range}` }
            }),
            ({ text }) => text
          )
      }
    }
  )

/** Creates uploads until one is refused, and returns those that were acknowledged. */
export const untilRefused = (server: Server) =>
  Effect.gen(function*() {
    const paths: Array<string> = []
    for (;;) {
      const answer = yield* server.ask(Exchange.post({ "upload-length": 10 }, "hello"))
      if (answer.status === 500) {
        return paths
      }
      assert.strictEqual(answer.status, 201)
      paths.push(Exchange.locationOf(answer))
    }
  })

/** The numbers of bytes of uploads in the database, in order. */
export const beside = (directory: string) =>
  Effect.map(tails(directory), (sizes) => Array.from(sizes.values()).toSorted((a, b) => a - b))
