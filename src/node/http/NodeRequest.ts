/**
 * The differences between HTTP/1.1 and HTTP/2 requests, whose interface is nearly the same in Node.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { constants, type ServerHttp2Stream } from "node:http2"
import { clearTimeout, setImmediate, setTimeout } from "node:timers"

/** The HTTP/2 stream of a request; undefined for HTTP/1.1. */
export const streamOf = (request: IncomingMessage): ServerHttp2Stream | undefined =>
  request.httpVersionMajor >= 2
    ? (request as unknown as { readonly stream: ServerHttp2Stream }).stream
    : undefined

/**
 * Whether the request has a body. HTTP/2 does not announce one: either the stream has ended with the headers, or a body
 * follows.
 */
export const hasBody = (request: IncomingMessage): boolean => {
  const stream = streamOf(request)
  return stream === undefined
    ? request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0
    : !stream.endAfterHeaders
}

/** Whether the client is gone, so that an answer would reach nobody. */
export const isGone = (request: IncomingMessage, response: ServerResponse): boolean => {
  const stream = streamOf(request)
  return stream === undefined ? response.destroyed : stream.destroyed || stream.closed
}

/** Cuts an answer off, so that the client does not take it for complete. */
export const abort = (request: IncomingMessage, response: ServerResponse): void => {
  const stream = streamOf(request)
  if (stream === undefined) {
    response.destroy()
  } else {
    close(stream, constants.NGHTTP2_INTERNAL_ERROR)
  }
}

/** `destroy` as well: after a protocol error a session of Node 20 never reports that a stream is closed. */
const close = (stream: ServerHttp2Stream, code = constants.NGHTTP2_NO_ERROR) => {
  stream.close(code)
  stream.destroy()
}

/**
 * Closes a stream once the answer is sent, although the client still sends its body. The client has `idleMillis` to
 * take the answer.
 */
export const hangUp = (stream: ServerHttp2Stream, idleMillis: number): void => {
  if (stream.writableFinished || stream.destroyed) {
    return close(stream)
  }
  const late = idleMillis === 0 ? undefined : setTimeout(() => close(stream, constants.NGHTTP2_CANCEL), idleMillis)
  stream.once("finish", () => setImmediate(() => close(stream))).once("close", () => clearTimeout(late))
}

/**
 * Handles an event of a connection. Node emits HTTP/2 events from within the native session while it reads, and
 * promises and ticks settle there, too. Closing a stream there calls back into the session; if that meets an error,
 * Node 20 hangs. So HTTP/2 events are handled in a later turn of the event loop, when the session is idle.
 */
export const enter = (request: IncomingMessage, act: () => void): void => {
  if (request.httpVersionMajor >= 2) {
    setImmediate(act)
  } else {
    act()
  }
}

/** Listens to events of a request or response: the only place that does. Returns a function that stops it. */
export const listen = (
  request: IncomingMessage,
  source: IncomingMessage | ServerResponse,
  listeners: { readonly [event: string]: (bytes: Uint8Array) => void }
): () => void => {
  let isListening = true
  const entries = Object.entries(listeners).map(([name, listener]) =>
    [name, (bytes: Uint8Array) => enter(request, () => isListening && listener(bytes))] as const
  )
  entries.forEach(([name, listener]) => source.on(name, listener))
  return () => {
    isListening = false
    entries.forEach(([name, listener]) => source.off(name, listener))
  }
}

/**
 * Runs `act` after all bytes that have already arrived are read. A process that was suspended for a while would
 * otherwise run into its timeouts before it reads them.
 */
export const judge = (act: () => void): void => void setImmediate(act)

/** Ends an answer, and waits for the client to take it, as `expectTaken` does. */
export const end = (
  request: IncomingMessage,
  response: ServerResponse,
  body: string | undefined,
  idleMillis: number
): void => {
  response.end(body)
  if (response.writableLength > 0 || streamOf(request) !== undefined) {
    expectTaken(request, response, idleMillis)
  }
}

/**
 * Aborts an answer of which the client takes nothing for `idleMillis`, together with its connection or HTTP/2 stream.
 * The time runs only while bytes wait for the client, so the producer may take any time.
 */
export const expectTaken = (request: IncomingMessage, response: ServerResponse, idleMillis: number): void => {
  response.setTimeout(idleMillis)
  listen(request, response, {
    timeout: () => {
      response.setTimeout(idleMillis)
      const waiting = response.writableLength
      judge(() => {
        const isTaken = response.writableLength < waiting || isGone(request, response)
        if ((waiting > 0 || response.writableEnded) && !isTaken) {
          abort(request, response)
        }
      })
    }
  })
}
