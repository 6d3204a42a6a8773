/**
 * A server answers in the middle of a body, and closes while its client is busy. The client still reads the response.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as Net from "node:net"
import { Worker } from "node:worker_threads"
import * as ReadBeforeClose from "../../src/node-client/ReadBeforeClose.js"

/** In a thread, so that it runs while this one is blocked. Closing with unread data resets the connection. */
const server = `
const { parentPort, workerData } = require("node:worker_threads")
require("node:net").createServer({ pauseOnConnect: true }, (socket) =>
  setTimeout(() => {
    socket.end("HTTP/1.1 413 Too Large\\r\\nConnection: close\\r\\n\\r\\n", () => {
      socket.destroy()
      setTimeout(() => Atomics.store(workerData, 0, 1) + Atomics.notify(workerData, 0), 100)
    })
  }, 100)
).listen(0, "127.0.0.1", function () { parentPort.postMessage(this.address().port) })
`

/** What a client reads if it writes to a closed connection without reading first. */
const read = (prepare: (socket: Net.Socket) => void) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const closed = new Int32Array(new SharedArrayBuffer(4))
      return { closed, worker: new Worker(server, { eval: true, workerData: closed }) }
    }),
    ({ closed, worker }) =>
      Effect.promise(async () => {
        const [port] = await once(worker, "message")
        const socket = Net.connect(port, "127.0.0.1")
        prepare(socket)
        let text = ""
        const error = new Promise<Error>((resolve) => socket.on("error", resolve))
        socket.setEncoding("utf8").on("data", (piece: string) => text += piece)
        await once(socket, "connect")
        socket.write("PATCH / HTTP/1.1\r\n")
        Atomics.wait(closed, 0, 0, 10_000)
        socket.write("more")
        const { message } = await error
        return { text, message }
      }),
    ({ worker }) => Effect.promise(() => worker.terminate())
  )

describe("a response that was sent before the connection was closed", () => {
  it.live("is lost in Node if a write fails first", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* read(() => {}), { text: "" })
    }))

  it.live("is read before a failed write ends the connection", () =>
    Effect.gen(function*() {
      const { message, text } = yield* read(ReadBeforeClose.enable)
      assert.match(text, /^HTTP\/1\.1 413 /)
      assert.match(message, /EPIPE|ECONNRESET/)
    }))
})
