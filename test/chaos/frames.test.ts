/**
 * HTTP/2 that breaks the rules, against a server process that is killed if it takes far too much memory. Other clients
 * are served, and every connection is closed.
 */
import { assert, it } from "@effect/vitest"
import type { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { request } from "node:https"
import type { TLSSocket } from "node:tls"
import { startExample } from "../example.js"
import { read } from "../node/certificates.js"
import { generator } from "../random.js"
import { directory } from "../support/directory.js"
import * as Frames from "../support/frames.js"
import { needs } from "../support/needs.js"
import { targets } from "./descriptors.js"
import { limit, seeded, size } from "./size.js"

const connections = size("CONNECTIONS", 200, 5000)
/**
 * The memory that the server may take in addition, in bytes. At 400 MB a second an overrun is noticed within a second.
 */
const allowed = 400 * 1024 * 1024

const path = `/files/${"a".repeat(32)}`
const octets = { "content-type": "application/offset+octet-stream", "upload-offset": "0" }

const start = Effect.gen(function*() {
  const told: NodeTusServer.Options = {
    port: 0,
    directory: yield* directory,
    durability: "process",
    headersTimeout: "2 seconds",
    idleTimeout: "2 seconds",
    tls: { cert: String(read("server.pem")), key: String(read("server.key")) }
  }
  const example = yield* Effect.acquireRelease(
    Effect.promise(() => startExample("../test/chaos/serving", { SERVING: JSON.stringify(told) })),
    ({ kill }) => Effect.promise(() => kill("SIGKILL"))
  )
  const { output, process: child, rss, url } = example
  const sockets = () => targets(child.pid ?? 0).filter((target) => target.startsWith("socket:")).length
  const before = { rss: rss(), sockets: sockets() }
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      setInterval(() => {
        if (child.exitCode === null && child.signalCode === null && rss() > before.rss + allowed) {
          child.kill("SIGKILL")
        }
      }, 20)
    ),
    (watchdog) => Effect.sync(() => clearInterval(watchdog))
  )
  const options = async () => {
    const asked = request(url, { method: "OPTIONS", rejectUnauthorized: false, agent: false }).end()
    const [{ statusCode }] = await once(asked, "response")
    return statusCode as number
  }
  return {
    port: Number(new URL(url).port),
    options,
    /** The server serves other clients, has logged nothing, and has closed every connection. */
    survives: async () => {
      assert.strictEqual(await options(), 204)
      while (sockets() > before.sockets) {
        assert.strictEqual(await options(), 204)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      assert.notMatch(output(), /ERROR|WARN|FATAL|rejection|unhandled|exception/i)
      assert.isNull(child.exitCode)
      assert.isNull(child.signalCode)
    }
  }
})

const greet = async (port: number) => {
  const socket = await Frames.open(port)
  socket.resume().write(Buffer.concat([Frames.preface, Frames.frame("settings", 0, 0)]))
  return socket
}

/** Mostly valid frames, and sometimes invalid ones. */
const anyFrame = (random: () => number) => {
  const pick = <A>(...from: readonly [A, ...ReadonlyArray<A>]): A => from[Math.floor(random() * from.length)] ?? from[0]
  const stream = () => pick(1, 3, 3, 5, 7, 9, 2, 0, 2 ** 31 - 1)
  const head = () =>
    pick(
      Frames.request("PATCH", path, octets),
      Frames.request("POST", "/files", { ...octets, "upload-length": "5" }),
      Frames.request("POST", "/files", { "upload-length": "5" }),
      Frames.request("HEAD", path),
      Frames.request("OPTIONS", "/files"),
      Frames.request("GET", path),
      Frames.fields({ a: "b" }),
      Buffer.from([0xff, 0xff, 0xff])
    )
  const flags = () => pick(0, 1, 4, 5, 5, 5, 0x25, 0xff)
  return pick(
    () => Frames.frame("headers", flags(), stream(), head()),
    () => Frames.frame("headers", 5, stream(), head()),
    () => Frames.frame("headers", 4, stream(), head()),
    () => Frames.frame("data", pick(0, 1, 1), stream(), Buffer.alloc(pick(0, 1, 5, 10_000))),
    () => Frames.frame("continuation", flags(), stream(), head()),
    () => Frames.frame("reset", 0, stream(), Buffer.alloc(pick(4, 4, 3))),
    () => Frames.frame("settings", pick(0, 1), 0, Frames.setting(pick(1, 2, 3, 4, 5), pick(0, 1, 65_535, 2 ** 32 - 1))),
    () => Frames.frame("window", 0, stream(), Buffer.from([0, 0, pick(0, 1), pick(0, 1)])),
    () => Frames.frame("ping", pick(0, 1), 0, Buffer.alloc(8)),
    () => Frames.frame("priority", 0, stream(), Buffer.alloc(5)),
    () => Frames.frame("goaway", 0, 0, Buffer.alloc(8)),
    () => Frames.frame(pick(5, 10, 99), flags(), stream(), Buffer.alloc(pick(0, 4, 100)))
  )()
}

needs("openssl")("invalid HTTP/2 frames", () => {
  it.scopedLive(
    "that cause an error of the connection beside requests that have just ended cost only that connection",
    () =>
      Effect.gen(function*() {
        const { port, survives } = yield* start
        yield* Effect.promise(async () => {
          for (const method of ["PATCH", "POST", "GET"]) {
            const socket = await greet(port)
            socket.write(Buffer.concat([
              Frames.frame("headers", 4, 1, Frames.request(method, path, octets)),
              Frames.frame("data", 1, 1, Buffer.from("x")),
              Frames.frame("headers", 5, 3, Frames.request("HEAD", path)),
              // Second headers on a stream that has ended.
              Frames.frame("headers", 5, 3, Frames.fields({ a: "b" }))
            ]))
            await once(socket, "close")
          }
          await survives()
        })
      }),
    limit
  )

  it.scopedLive(
    `on ${connections} connections are answered, or the connections are closed`,
    () =>
      seeded("frames", (seed) =>
        Effect.gen(function*() {
          const random = generator(seed)
          const { options, port, survives } = yield* start
          yield* Effect.promise(async () => {
            const sockets: Array<TLSSocket> = []
            for (let i = 0; i < connections; i++) {
              const socket = await greet(port)
              const frames = Array.from({ length: 1 + Math.floor(random() * 40) }, () => anyFrame(random))
              const cut = Math.floor(random() * frames.length)
              socket.write(Buffer.concat(frames.slice(0, cut)))
              socket.write(Buffer.concat(frames.slice(cut)))
              if (random() < 0.3) {
                socket.end()
              }
              sockets.push(socket)
              if (i % 20 === 0) {
                assert.strictEqual(await options(), 204)
              }
              if (sockets.length > 200) {
                sockets.shift()?.destroy()
              }
            }
            await survives()
            sockets.forEach((socket) => socket.destroy())
          })
        })),
    limit
  )
})
