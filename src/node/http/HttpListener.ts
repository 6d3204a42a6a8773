/**
 * The servers of Node as one: HTTP/1.1, plain or with TLS, and HTTP/2 beside it. With the limits that uploads need.
 */
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import type { Server, Socket } from "node:net"
import { clearTimeout, setTimeout } from "node:timers"
import type * as Tls from "node:tls"
import * as NodeRequest from "./NodeRequest.js"

export interface HttpListener {
  /** Over HTTP/2, too, requests and answers come as those of HTTP/1.1; `NodeRequest` knows what differs. */
  readonly server: Http.Server
  /** Lets go of connections on which nothing is under way, and of the others when nothing is any more. */
  readonly closeIdle: () => void
  /** Ends every connection. */
  readonly closeAll: () => void
}

/** How long a connection is kept on which nothing is under way. */
const keepAliveMillis = 5000

/** Of servers of HTTP/1.1: all headers are told, and a client that ends its side with its last request is answered. */
const always = { maxHeadersCount: 0, httpAllowHalfOpen: true }

/** How a server answers over TLS. */
export interface Secure {
  readonly tls: Tls.TlsOptions
  readonly http2: boolean
}

/**
 * No limit for bodies, one for heads: Node derives `headersTimeout` from `requestTimeout` unless both are set. Node
 * also drops headers beyond `maxHeadersCount`, and repeated ones, without a word, so both are switched off here.
 *
 * @param headersMillis - how long a head may take, for ever where that is not finite.
 */
export const make = (headersMillis: number, secure?: Secure): HttpListener => {
  const limits = {
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMillis,
    // Node says never by zero.
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

/** With whom a socket speaks: a secure one does not tell of which one it is made, but this. */
const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`

/**
 * Ends a connection that is not secure after `millis`. Node's own limit, `handshakeTimeout`, destroys the secure socket
 * instead, out of which Node 20 may be aborted.
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

/** Node's own way knows nothing of HTTP/2, and of no connection that is still on its way to be secure. */
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
 * Bytes that a client may send ahead of what has been read of one body: they wait in memory. With the 64 KiB that are
 * usual it would have to wait for leave all the time.
 */
const streamWindow = 512 * 1024

/** Requests of one connection at a time; others wait at the client. */
const maxConcurrentStreams = 32

/** What all of them may have waiting together. */
const connectionWindow = streamWindow * maxConcurrentStreams

const multiplexed = (limits: Http.ServerOptions, tls: Tls.TlsOptions): HttpListener => {
  const server = Http2.createSecureServer({
    ...tls,
    allowHTTP1: true,
    noDelay: true,
    settings: { initialWindowSize: streamWindow, maxConcurrentStreams }
  })
  // What HTTP/1.1 looks for on its own server, it finds here.
  Object.assign(server, limits, always)
  const sessions = new Set<Http2.ServerHttp2Session>()
  // It is told before its session, which lets nobody have it.
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
 * A session has to ask for something: soon after it has begun, and when what was under way is answered. Nothing else
 * counts as a sign of life, and nothing else ever ends one that Node 20 has given up with an error of its protocol: it
 * tells nobody, and leaves streams behind that are closed, but never come to their end. It is the socket that is
 * destroyed: that asks nothing of a session which may be beyond answering.
 *
 * @param headersMillis - how long the head of the first request may take, for ever where that is zero.
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

/** A session on which nothing moves for so long is looked at. */
const silentMillis = 60_000
