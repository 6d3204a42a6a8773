/**
 * Every wait for a client ends, in each protocol; a slow client that makes progress is not cut off.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { once } from "node:events"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import { connect, type Socket } from "node:net"
import { Duplex, type Readable } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { connect as connectSecurely } from "node:tls"
import { server } from "../server/doors.js"
import { octets } from "../support/exchange.js"
import * as Frames from "../support/frames.js"
import { needs } from "../support/needs.js"
import { read } from "./certificates.js"

const start = ({ http2 = true, millis = 300 } = {}) =>
  Effect.map(
    Layer.build(
      Layer.provide(
        NodeTusServer.layerHttp({
          port: 0,
          headersTimeout: millis,
          idleTimeout: millis,
          tls: { cert: read("server.pem"), key: read("server.key"), http2 }
        }),
        server({ downloads: true })
      )
    ),
    (context) => Context.get(context, NodeTusServer.NodeTusServer).port
  )

/** The start of every session. */
const greeting = Buffer.concat([Frames.preface, Frames.frame("settings", 0, 0)])
const none = Frames.frame("settings", 0, 0, Frames.setting(Frames.initialWindowSize, 0))

const options = (stream: number) => Frames.frame("headers", 5, stream, Frames.request("OPTIONS", "/files"))
/** A request that is refused with a sentence. */
const refused = (stream: number, flags = 5) =>
  Frames.frame("headers", flags, stream, Frames.request("PATCH", "/files/none"))

const says = (...bytes: ReadonlyArray<Uint8Array>) => async (port: number) => {
  const socket = await Frames.open(port)
  socket.resume().write(Buffer.concat(bytes))
  return socket
}

/** Keeps sending something that is no request. */
const repeats = (bytes: Uint8Array, ...before: ReadonlyArray<Uint8Array>) => async (port: number) => {
  const socket = await says(...before)(port)
  const again = setInterval(() => socket.write(bytes), 50)
  socket.once("close", () => clearInterval(again))
  return socket
}

/** The ClientHello of TLS. */
const hello = () =>
  new Promise<Buffer>((resolve) =>
    connectSecurely({
      socket: new Duplex({ read: () => {}, write: (bytes: Buffer, _, done) => (resolve(bytes), done()) }),
      ALPNProtocols: ["h2", "http/1.1"]
    })
  )

/** On a TCP connection, before the handshake. */
const begins = (said: (hello: Buffer) => Uint8Array) => async (port: number) => {
  const socket = connect(port, "127.0.0.1").on("error", () => {}).resume()
  await once(socket, "connect")
  socket.write(said(await hello()))
  return socket
}

const handshakes: Readonly<Record<string, (port: number) => Promise<Socket>>> = {
  "sends nothing": begins(() => Buffer.alloc(0)),
  "sends half of its hello": begins((hello) => hello.subarray(0, 100)),
  "sends nothing after its hello": begins((hello) => hello),
  "sends something else than TLS": begins(() => Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

const silences: Readonly<Record<string, (port: number) => Promise<Socket>>> = {
  ...handshakes,
  "sends nothing after the handshake": says(),
  "sends half of the preface": says(Frames.preface.subarray(0, 10)),
  "sends nothing after the preface": says(greeting),
  "sends only pings": repeats(Frames.frame("ping", 0, 0, Buffer.alloc(8)), greeting),
  "sends a head without its end": says(greeting, Frames.frame("headers", 1, 1, Frames.request("OPTIONS", "/files"))),
  "sends a head that never ends": repeats(
    Frames.frame("continuation", 0, 1),
    greeting,
    Frames.frame("headers", 1, 1, Frames.request("OPTIONS", "/files"))
  ),
  "breaks the protocol": says(greeting, Frames.frame("data", 1, 1, Buffer.alloc(10))),
  "sends nothing after a response": says(greeting, options(1)),
  "sends only pings after a response": repeats(Frames.frame("ping", 0, 0, Buffer.alloc(8)), greeting, options(1)),
  "breaks the protocol after a response": says(greeting, options(1), Frames.frame("data", 1, 3, Buffer.alloc(10))),
  "does not read its response": says(Frames.preface, none, refused(1)),
  "does not read its response, and continues to send": repeats(
    Frames.frame("data", 0, 1, Buffer.from("x")),
    Frames.preface,
    none,
    refused(1, 4)
  ),
  "continues to send after its response": repeats(
    Frames.frame("data", 0, 1, Buffer.from("x")),
    greeting,
    refused(1, 4)
  ),
  "sends nothing of a body": says(greeting, refused(1, 4))
}

/** The connections that the server does not close. */
const leftOpen = (port: number, states: Readonly<Record<string, (port: number) => Promise<Socket>>>) =>
  Effect.suspend(() => {
    const open = new Set(Object.keys(states))
    return Effect.promise(() =>
      Promise.all(
        Object.entries(states).map(async ([title, connect]) => {
          const socket = await connect(port)
          if (!socket.closed) {
            await once(socket, "close")
          }
          open.delete(title)
        })
      )
    ).pipe(Effect.timeout("30 seconds"), Effect.ignore, Effect.map(() => Array.from(open)))
  })

const size = 64 * 1024 * 1024

const stored = { ...octets, "upload-length": size }

/** Reads an answer in quarters, with pauses of three seconds, and returns how many bytes came. */
const taken = async (answer: Readable) => {
  let got = 0
  let pauses = 0
  for await (const bytes of answer) {
    got += (bytes as Buffer).length
    if (got > (size / 4) * (pauses + 1)) {
      pauses++
      await setTimeout(3000)
    }
  }
  return got
}

const post = async (port: number) => {
  const request = Https.request({ port, path: "/files", method: "POST", headers: stored, rejectUnauthorized: false })
  request.end(Buffer.alloc(size))
  const [response] = await once(request, "response")
  return String(response.resume().headers.location)
}

const downloads: Readonly<Record<string, (port: number, path: string) => Promise<number>>> = {
  "HTTP/1.1": async (port, path) => {
    const [response] = await once(Https.get({ port, path, rejectUnauthorized: false }), "response")
    return await taken(response)
  },
  "HTTP/2": async (port, path) => {
    const session = Http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    try {
      return await taken(session.request({ ":path": path }))
    } finally {
      session.destroy()
    }
  }
}

needs("openssl")("a connection stays open if its client", () => {
  for (const [protocol, download] of Object.entries(downloads)) {
    it.scopedLive(`reads a download slowly over ${protocol}, for longer than the limit for no bytes`, () =>
      Effect.gen(function*() {
        const port = yield* start({ millis: 8000 })
        assert.strictEqual(yield* Effect.promise(async () => download(port, await post(port))), size)
      }))
  }
})

needs("openssl")("a connection closes if its client waits, in every state", () => {
  it.scopedLive("of TLS with HTTP/1.1 only", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* leftOpen(yield* start({ http2: false }), handshakes), [])
    }))

  it.scopedLive("of TLS and HTTP/2", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* leftOpen(yield* start(), silences), [])
    }))
})
