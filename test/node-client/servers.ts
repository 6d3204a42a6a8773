/**
 * Servers on the loopback that a test controls, and bodies whose memory is reused.
 */
import { Pull } from "effect-tus"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import { SourceError } from "../../src/client/sources/UploadSource.js"
import { type Body, type Request, TusTransport } from "../../src/client/transport/TusTransport.js"
import * as NodeTransport from "../../src/node-client/NodeTransport.js"

export const certificate = (name: string) => readFileSync(new URL(`certificates/${name}`, import.meta.url))

export const transport = (options: NodeTransport.Options = {}) =>
  Effect.map(
    Layer.build(NodeTransport.layer({ proxy: false, ...options })),
    (context) => Context.get(context, TusTransport)
  )

export interface Listening<S extends Net.Server> {
  readonly server: S
  readonly port: number
  readonly url: string
  /** All connections so far. */
  readonly sockets: Array<Net.Socket>
}

const listen = <S extends Net.Server>(make: () => S, scheme: string) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Listening<S>> => {
      const server = make()
      const sockets: Array<Net.Socket> = []
      server.on("connection", (socket: Net.Socket) => {
        sockets.push(socket)
        socket.on("error", () => {})
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as Net.AddressInfo
      return { server, port, sockets, url: `${scheme}://127.0.0.1:${port}/files` }
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        sockets.forEach((socket) => socket.destroy())
      })
  )

/** Reads nothing of a connection until the handler does. */
export const raw = (onSocket: (socket: Net.Socket) => void) =>
  listen(() => Net.createServer({ pauseOnConnect: true }, onSocket), "http")

export const http = (listener: Http.RequestListener) => listen(() => Http.createServer(listener), "http")

export const https = (listener: Http.RequestListener, options: Https.ServerOptions = {}) =>
  listen(
    () => Https.createServer({ cert: certificate("server.pem"), key: certificate("server.key"), ...options }, listener),
    "https"
  )

/** Answers with the body of the request. */
export const echo: Http.RequestListener = (request, response) => {
  const { headers, method, url } = request
  request.setEncoding("latin1")
  let body = ""
  request.on("data", (piece: string) => {
    body += piece
  })
  request.on("end", () => {
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ method, url, headers, body }))
  })
}

export interface Counted extends Body {
  /** How much was read so far. */
  readonly pulled: () => number
}

/** The byte at a position. */
export const byteAt = (position: number) => (position * 7 + (position >> 9)) & 0x7f

/** One buffer, filled again at each pull, and with other bytes once the reading has ended. */
export const lent = (length: number, chunkSize = 64 * 1024, onEnd: () => void = () => {}): Counted => {
  let at = 0
  const buffer = new Uint8Array(chunkSize)
  const pull = Effect.suspend(() => {
    if (at === length) {
      return Pull.end
    }
    const size = Math.min(chunkSize, length - at)
    for (let i = 0; i < size; i++) {
      buffer[i] = byteAt(at + i)
    }
    at += size
    return Effect.succeed(Chunk.of(buffer.subarray(0, size)))
  })
  const close = () =>
    Effect.sync(() => {
      onEnd()
      buffer.fill(0xff)
    })
  return { length, pulled: () => at, open: Effect.succeed({ pull, close }) }
}

/** The same bytes in memory. */
export const known = (length: number): Body => {
  const bytes = Uint8Array.from({ length }, (_, i) => byteAt(i))
  return { length, bytes, open: Effect.dieMessage("its bytes are known") }
}

export const broken = new SourceError({
  reason: "Changed",
  source: "a.bin",
  detail: "was written to while it was read"
})

/** Ends after half of its bytes. */
export const failing = (length: number): Counted => {
  const body = lent(length)
  const half = Stream.takeWhile(Pull.toStream(body.open), () => body.pulled() < length / 2)
  return { ...body, open: Pull.fromStream(Stream.concat(half, Stream.fail(broken))) }
}

export const patch = (url: string, body: Body, more: Partial<Request> = {}): Request => ({
  method: "PATCH",
  url,
  headers: { "content-type": "application/offset+octet-stream", "upload-offset": "0" },
  body,
  ...more
})

export const ask = (url: string, method: Request["method"] = "HEAD"): Request => ({ method, url, headers: {} })
