/**
 * What differs between a request over HTTP/1.1 and one over HTTP/2, whose shape is nearly the same in Node.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { constants, type ServerHttp2Stream } from "node:http2"
import { clearTimeout, setImmediate, setTimeout } from "node:timers"

/** The stream of a request over HTTP/2, which shares its connection with others. */
export const streamOf = (request: IncomingMessage): ServerHttp2Stream | undefined =>
  request.httpVersionMajor >= 2
    ? (request as unknown as { readonly stream: ServerHttp2Stream }).stream
    : undefined

/** Whether a body comes. Over HTTP/2 none is announced: the stream has ended with the head, or it goes on. */
export const hasBody = (request: IncomingMessage): boolean => {
  const stream = streamOf(request)
  return stream === undefined
    ? request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0
    : !stream.endAfterHeaders
}

/** Whether there is nobody any more to be answered. */
export const isGone = (request: IncomingMessage, response: ServerResponse): boolean => {
  const stream = streamOf(request)
  return stream === undefined ? response.destroyed : stream.destroyed || stream.closed
}

/** Ends an answer short of its end, in a way that the client cannot take for it. */
export const abort = (request: IncomingMessage, response: ServerResponse): void => {
  const stream = streamOf(request)
  if (stream === undefined) {
    response.destroy()
  } else {
    close(stream, constants.NGHTTP2_INTERNAL_ERROR)
  }
}

/** A session that Node 20 has given up with an error never says that a stream is closed: it is destroyed as well. */
const close = (stream: ServerHttp2Stream, code = constants.NGHTTP2_NO_ERROR) => {
  stream.close(code)
  stream.destroy()
}

/** Tells a client that its answer is written and it need not go on with the body; it has `idleMillis` to take it. */
export const hangUp = (stream: ServerHttp2Stream, idleMillis: number): void => {
  if (stream.writableFinished || stream.destroyed) {
    return close(stream)
  }
  const late = idleMillis === 0 ? undefined : setTimeout(() => close(stream, constants.NGHTTP2_CANCEL), idleMillis)
  stream.once("finish", () => setImmediate(() => close(stream))).once("close", () => clearTimeout(late))
}

/**
 * Does what follows from an event of a connection. Over HTTP/2 events come out of the native session, in the middle of
 * what it reads, and so do all promises and ticks that they settle: whoever closes a stream there calls back into it,
 * and with Node 20 one that then meets an error never comes back. So it is done in a turn of its own, where the session
 * is at rest.
 */
export const enter = (request: IncomingMessage, act: () => void): void => {
  if (request.httpVersionMajor >= 2) {
    setImmediate(act)
  } else {
    act()
  }
}

/**
 * Events of a request or its answer, through which all that Node tells of them comes in; called back, no more of them.
 */
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
 * Does so when what has arrived has been read: a process that was stopped for a while wakes up behind the time of its
 * clients.
 */
export const judge = (act: () => void): void => void setImmediate(act)

/** Writes the end of an answer, and waits for the client to take it, but not for ever: see `expectTaken`. */
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
 * Ends an answer of which the client takes nothing for `idleMillis`, and with it its connection, or over HTTP/2 its
 * stream. While nothing of it waits, whoever answers may take as long as he likes.
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
