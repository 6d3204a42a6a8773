/**
 * The servers of Node behind one interface, with the limits that uploads need: HTTP/1.1, plain or over TLS, and HTTP/2
 * beside it.
 */
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import type { Server, Socket } from "node:net"
import { clearTimeout, setTimeout } from "node:timers"
import type * as Tls from "node:tls"
import * as NodeRequest from "./NodeRequest.js"

export interface HttpListener {
  /** Also emits HTTP/2 requests, in the shape of HTTP/1.1 ones. `NodeRequest` knows what differs. */
  readonly server: Http.Server
  /** Closes idle connections now, and the others when their requests are answered. */
  readonly closeIdle: () => void
  /** Destroys every connection. */
  readonly closeAll: () => void
}

/** How long an idle connection is kept open. */
const keepAliveMillis = 5000

/** For HTTP/1.1: no header is dropped, and a client that half-closes after its last request is answered. */
const always = { maxHeadersCount: 0, httpAllowHalfOpen: true }

/** TLS, and whether HTTP/2 is offered. */
export interface Secure {
  readonly tls: Tls.TlsOptions
  readonly http2: boolean
}

/**
 * No limit for bodies, one for headers. Node derives `headersTimeout` from `requestTimeout` unless both are set. Node
 * also drops headers beyond `maxHeadersCount` and duplicate headers without an error, so both are switched off here.
 *
 * @param headersMillis - how long the headers may take; no limit if it is not finite.
 */
export const make = (headersMillis: number, secure?: Secure): HttpListener => {
  const limits = {
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMillis,
    // 0 is no limit in Node.
    headersTimeout: Number.isFinite(headersMillis) ? headersMillis : 0,
    connectionsCheckingInterval: Math.min(headersMillis, 30_000),
    joinDuplicateHeaders: true
  }
  const listener = secure?.http2 === true ? multiplexed(limits, secure.tls) : single(limits, secure?.tls)
  if (secure !== undefined && limits.headersTimeout > 0) {
    expectSecure(listener.server, limits.headersTimeout)
  }
  return listener
}

const single = (limits: Http.ServerOptions, tls: Tls.TlsOptions | undefined): HttpListener => {
  const server = tls === undefined ? Http.createServer(limits) : Https.createServer({ ...limits, ...tls })
  Object.assign(server, always)
  return { server, closeIdle: () => server.closeIdleConnections(), closeAll: closerOf(server) }
}

/** The address of the client. A TLS socket does not expose the TCP socket below it, but both have this address. */
const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

/**
 * Destroys a connection whose TLS handshake takes longer than `millis`. Node's own limit, `handshakeTimeout`, destroys
 * the TLS socket instead, which can abort the process in Node 20.
 */
const expectSecure = (server: Server, millis: number) => {
  const waiting = new Map<string, NodeJS.Timeout>()
  server
    .on("connection", (socket: Socket) => {
      const peer = peerOf(socket)
      const late = setTimeout(() => socket.destroy(), millis)
      waiting.set(peer, late)
      socket.once("close", () => {
        clearTimeout(late)
        if (waiting.get(peer) === late) {
          waiting.delete(peer)
        }
      })
    })
    .on("secureConnection", (socket: Tls.TLSSocket) => {
      const peer = peerOf(socket)
      clearTimeout(waiting.get(peer))
      waiting.delete(peer)
    })
}

/** `closeAllConnections` does not know HTTP/2 connections, nor those in their TLS handshake. */
const closerOf = (server: Server) => {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  }
  server.on("connection", keep)
  return () => sockets.forEach((socket) => socket.destroy())
}

/**
 * The flow-control window of a stream: bytes that a client may send before they are read. They wait in memory. With the
 * default of 64 KiB a client waits for window updates most of the time.
 */
const streamWindow = 512 * 1024

/** Concurrent requests of one connection; the client keeps others back. */
const maxConcurrentStreams = 32

/** The flow-control window of a connection. */
const connectionWindow = streamWindow * maxConcurrentStreams

const multiplexed = (limits: Http.ServerOptions, tls: Tls.TlsOptions): HttpListener => {
  const server = Http2.createSecureServer({
    ...tls,
    allowHTTP1: true,
    noDelay: true,
    settings: { initialWindowSize: streamWindow, maxConcurrentStreams }
  })
  // HTTP/1.1 connections read their limits from this server.
  Object.assign(server, limits, always)
  const sessions = new Set<Http2.ServerHttp2Session>()
  // The socket is announced before its session, and the session does not expose it.
  let socket: Tls.TLSSocket | undefined
  server.prependListener("secureConnection", (secured: Tls.TLSSocket) => {
    socket = secured
  })
  server.on("session", (session) => {
    sessions.add(session)
    session.setLocalWindowSize(connectionWindow)
    expectRequests(session, socket, limits.headersTimeout ?? 0)
    session.on("close", () => sessions.delete(session)).on("error", () => {})
  })
  return {
    server: server as unknown as Http.Server,
    closeIdle: () => sessions.forEach((session) => session.close()),
    closeAll: closerOf(server)
  }
}

/**
 * Ends a session that sends no request: soon after it has begun, and after its last request was answered. Nothing else
 * counts as a sign of life. After a protocol error a session of Node 20 never ends by itself: it emits no event, and
 * its streams are closed but never end. The socket is destroyed, since such a session may not react any more.
 *
 * @param headersMillis - how long the headers of the first request may take; no limit if it is 0.
 */
const expectRequests = (
  session: Http2.ServerHttp2Session,
  socket: Tls.TLSSocket | undefined,
  headersMillis: number
) => {
  const streams = new Set<Http2.ServerHttp2Stream>()
  const isIdle = () => Array.from(streams).every(({ closed }) => closed)
  const endIfIdle = () => NodeRequest.judge(() => isIdle() && socket?.destroy())
  let waiting = headersMillis > 0 ? setTimeout(endIfIdle, headersMillis) : undefined
  session
    .on("stream", (stream) => {
      streams.add(stream)
      clearTimeout(waiting)
      stream.once("close", () => {
        streams.delete(stream)
        if (streams.size === 0) {
          waiting = setTimeout(endIfIdle, keepAliveMillis)
        }
      })
    })
    .on("timeout", () => {
      session.setTimeout(silentMillis)
      endIfIdle()
    })
    .once("close", () => clearTimeout(waiting))
  session.setTimeout(silentMillis)
}

/** After so long without traffic a session is checked. */
const silentMillis = 60_000
