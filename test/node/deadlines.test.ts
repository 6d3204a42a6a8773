/**
 * Whatever a client keeps a server waiting for has an end, whichever protocol it speaks, and whoever goes on is let go on.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { once } from "node:events"
import type { TLSSocket } from "node:tls"
import { server } from "../server/doors.js"
import { read } from "./certificates.js"
import * as Frames from "./frames.js"

const start = (options: NodeTusServer.HttpOptions = {}) =>
  Effect.map(
    Layer.build(
      Layer.provide(
        NodeTusServer.layerHttp({
          port: 0,
          headersTimeout: "300 millis",
          idleTimeout: "300 millis",
          ...options,
          tls: { cert: read("server.pem"), key: read("server.key") }
        }),
        server()
      )
    ),
    (context) => Context.get(context, NodeTusServer.NodeTusServer).port
  )

/** What every session begins with. */
const greeting = Buffer.concat([Frames.preface, Frames.frame("settings", 0, 0)])
const none = Frames.frame("settings", 0, 0, Frames.setting(Frames.initialWindowSize, 0))

const options = (stream: number) => Frames.frame("headers", 5, stream, Frames.request("OPTIONS", "/files"))
/** Refused with a sentence. */
const refused = (stream: number, flags = 5) =>
  Frames.frame("headers", flags, stream, Frames.request("PATCH", "/files/none"))

const says = (...bytes: ReadonlyArray<Uint8Array>) => async (port: number) => {
  const socket = await Frames.open(port)
  socket.resume().write(Buffer.concat(bytes))
  return socket
}

/** Goes on and on with what is no request. */
const repeats = (bytes: Uint8Array, ...before: ReadonlyArray<Uint8Array>) => async (port: number) => {
  const socket = await says(...before)(port)
  const again = setInterval(() => socket.write(bytes), 50)
  socket.once("close", () => clearInterval(again))
  return socket
}

const silences: Readonly<Record<string, (port: number) => Promise<TLSSocket>>> = {
  "says nothing when it is secure": says(),
  "sends half of the preface": says(Frames.preface.subarray(0, 10)),
  "is silent behind the preface": says(greeting),
  "goes on with pings": repeats(Frames.frame("ping", 0, 0, Buffer.alloc(8)), greeting),
  "does not end the head": says(greeting, Frames.frame("headers", 1, 1, Frames.request("OPTIONS", "/files"))),
  "never ends the head": repeats(
    Frames.frame("continuation", 0, 1),
    greeting,
    Frames.frame("headers", 1, 1, Frames.request("OPTIONS", "/files"))
  ),
  "breaks the protocol": says(greeting, Frames.frame("data", 1, 1, Buffer.alloc(10))),
  "is silent behind an answer": says(greeting, options(1)),
  "goes on with pings behind an answer": repeats(Frames.frame("ping", 0, 0, Buffer.alloc(8)), greeting, options(1)),
  "breaks the protocol behind an answer": says(greeting, options(1), Frames.frame("data", 1, 3, Buffer.alloc(10))),
  "does not take its answer": says(Frames.preface, none, refused(1)),
  "does not take its answer, and sends on": repeats(
    Frames.frame("data", 0, 1, Buffer.from("x")),
    Frames.preface,
    none,
    refused(1, 4)
  ),
  "sends on behind its answer": repeats(Frames.frame("data", 0, 1, Buffer.from("x")), greeting, refused(1, 4)),
  "sends nothing of a body": says(greeting, refused(1, 4))
}

describe("a connection over which HTTP/2 could be spoken ends where its client", () => {
  it.scopedLive("waits, in whichever state", () =>
    Effect.gen(function*() {
      const port = yield* start()
      const open = new Set(Object.keys(silences))
      yield* Effect.promise(() =>
        Promise.all(
          Object.entries(silences).map(async ([title, connect]) => {
            const socket = await connect(port)
            if (!socket.closed) {
              await once(socket, "close")
            }
            open.delete(title)
          })
        )
      ).pipe(Effect.timeout("30 seconds"), Effect.ignore)
      deepStrictEqual(Array.from(open), [])
    }))
})
