/**
 * Shutdown: requests in flight are committed and answered, and nothing delays it beyond its limit.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { connect } from "node:net"
import { child } from "../child.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { ask, open, patch } from "../support/raw.js"

/** A server with a running hook, and with an upload of which some bytes are committed and some are not. */
const busy = (options: Partial<NodeTusServer.Options>) =>
  Effect.gen(function*() {
    const path = yield* directory
    const start = child("node/stuck", { port: 0, directory: path, ...options })
    const { ended, process: server, says } = yield* start
    const port = Number((yield* Effect.promise(() => says(({ port }) => port !== undefined)))["port"])
    const create = async (length: number) => Exchange.locationOf(await ask(port)(Exchange.create(length)))
    return yield* Effect.promise(async () => {
      const stuck = await open(port)
      await stuck.send(`${patch(await create(6), 0, 6)}abcdef`)
      const upload = await create(1_000_000)
      const half = await open(port)
      await half.send(patch(upload, 0, 1_000_000))
      // A body is committed once a second.
      let committed = 0
      while (committed === 0) {
        await half.send("x")
        committed = await offsetOf(port, upload)
      }
      return { committed, ended, half, port, server, start, stuck, upload }
    })
  })

const offsetOf = async (port: number, path: string) => Exchange.offsetOf(await ask(port)(Exchange.head(path)))

const isRefused = async (port: number) => {
  const [error] = await once(connect(port, "127.0.0.1"), "error")
  return (error as NodeJS.ErrnoException).code === "ECONNREFUSED"
}

describe("a server that gets a signal", () => {
  it.scopedLive("commits and answers running requests, accepts no new ones, and ends at once at a second signal", () =>
    Effect.gen(function*() {
      const { committed, ended, half, port, server, stuck } = yield* busy({ shutdownTimeout: "1 hour" })
      yield* Effect.promise(async () => {
        server.kill("SIGTERM")
        const [, offset] = /^HTTP\/1.1 503 [^]*\r\nretry-after: \d+\r\n[^]*stands at (\d+)/i.exec(await half.closed) ??
          []
        assert.isAtLeast(Number(offset), committed)
        assert.isTrue(await isRefused(port))
        assert.isNull(server.signalCode)
        assert.isNull(server.exitCode)
        server.kill("SIGINT")
        await ended
        assert.strictEqual(server.signalCode, "SIGINT")
        assert.strictEqual(await stuck.closed, "")
      })
    }))

  it.scopedLive("waits no longer than its limit, and the next process finds all bytes", () =>
    Effect.gen(function*() {
      const { committed, ended, half, port, server, start, upload } = yield* busy({ shutdownTimeout: "500 millis" })
      const offset = yield* Effect.promise(async () => {
        server.kill("SIGTERM")
        const [, offset] = /stands at (\d+)/.exec(await half.closed) ?? []
        const { code, lines, stderr } = await ended
        deepStrictEqual({ code, lines, stderr }, { code: 0, lines: [{ port }], stderr: "" })
        return Number(offset)
      })
      assert.isAtLeast(offset, committed)
      const { says } = yield* start
      yield* Effect.promise(async () => {
        const again = await says(({ port }) => port !== undefined)
        assert.strictEqual(await offsetOf(Number(again["port"]), upload), offset)
      })
    }))
})
