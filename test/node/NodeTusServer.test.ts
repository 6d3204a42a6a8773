import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Socket } from "node:net"
import { server } from "../server/doors.js"
import { open, patch } from "./socket.js"

const start = (options: NodeTusServer.HttpOptions = {}) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      NodeTusServer.layerHttp({ port: 0, idleTimeout: "1 hour", ...options }).pipe(Layer.provide(server()))
    )
    const { port } = yield* Effect.provide(NodeTusServer.NodeTusServer, context)
    /** Everything that comes back for these bytes until the server closes the connection. */
    const told = async (bytes: string) => {
      const client = await open(port)
      await client.send(bytes)
      const text = await client.closed
      client.destroy()
      return text
    }
    const create = async (length: number) => {
      const text = await told(request("POST", "/files", [`Upload-Length: ${length}`, "Connection: close"]))
      return /location: (\S+)/.exec(text)?.[1] ?? assert.fail(text)
    }
    return { create, port, told }
  })

const request = (method: string, path: string, headers: ReadonlyArray<string> = []) =>
  [`${method} ${path} HTTP/1.1`, "Host: localhost", "Tus-Resumable: 1.0.0", ...headers, "\r\n"].join("\r\n")

const statusesOf = (text: string) => Array.from(text.matchAll(/^HTTP\/1.1 (\d+) /gm), ([, status]) => Number(status))

/** As where all buffers on the way to the client are full, which are too large to be filled here. */
const clog = (message: unknown) => {
  Object.assign((message as { readonly socket: Socket }).socket, { _write: () => {}, _writev: null })
}

describe("NodeTusServer", () => {
  it.scopedLive("requests on one connection are performed in their order", () =>
    Effect.gen(function*() {
      const { create, told } = yield* start()
      yield* Effect.promise(async () => {
        const path = await create(6)
        const text = await told([
          `${patch(path, 0, 3)}abc`,
          request("HEAD", path),
          `${patch(path, 3, 3)}def`,
          request("HEAD", path),
          request("DELETE", path),
          request("HEAD", path, ["Connection: close"])
        ].join(""))
        deepStrictEqual(statusesOf(text), [204, 200, 204, 200, 204, 404])
        deepStrictEqual(
          Array.from(text.matchAll(/upload-offset: (\d)/g), ([, offset]) => Number(offset)),
          [3, 3, 6, 6]
        )
      })
    }))

  it.scopedLive("a client that sends very many requests before it takes an answer is cut off", () =>
    Effect.gen(function*() {
      const { port, told } = yield* start()
      yield* Effect.promise(async () => {
        const eight = request("OPTIONS", "/files").repeat(8)
        deepStrictEqual(statusesOf(await told(eight + request("HEAD", "/", ["Connection: close"]))), [
          ...Array<number>(8).fill(204),
          404
        ])
        const client = await open(port)
        client.send(request("POST", "/files", ["Upload-Length: 1"]).repeat(10_000)).catch(() => {})
        assert.isBelow(statusesOf(await client.closed).length, 100)
      })
    }))

  it.scopedLive("a client that does not take its answers is not kept", () =>
    Effect.gen(function*() {
      const { told } = yield* start({ idleTimeout: "100 millis" })
      yield* Effect.promise(async () => {
        subscribe("http.server.request.start", clog)
        assert.strictEqual(await told(request("OPTIONS", "/files")), "")
        unsubscribe("http.server.request.start", clog)
      })
    }))
})
