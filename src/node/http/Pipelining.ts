/**
 * Runs the pipelined requests of an HTTP/1.1 connection one after another. RFC 9112 allows parallel processing of safe
 * methods only, and those of an upload are not safe. Node also reads ahead without a limit: 10 MB of pipelined requests
 * would become gigabytes in memory. HTTP/2 requests are independent and limited in number.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2
 */
import type { IncomingMessage, RequestListener } from "node:http"
import type { Duplex } from "node:stream"
import * as NodeRequest from "./NodeRequest.js"

/** How many requests of a connection may wait. If there are more, the connection is closed. */
const limit = 16

export interface Turns {
  /** The same listener, called once all earlier requests of the connection have been answered. */
  readonly inTurn: (listener: RequestListener) => RequestListener
  /** The latest request of a connection; undefined if all have been answered. */
  readonly latest: (socket: Duplex) => IncomingMessage | undefined
  /**
   * Ignores further requests of a connection, after a malformed one. Calls `refuse` once all earlier ones have been
   * answered; a body in flight is cut off.
   */
  readonly last: (socket: Duplex, refuse: () => void) => void
}

interface Queue {
  /** The latest request, as long as it is unanswered. */
  latest: IncomingMessage | undefined
  isLast: boolean
  readonly waiting: Array<() => void>
}

export const make = (): Turns => {
  const queues = new WeakMap<Duplex, Queue>()

  const queueOf = (socket: Duplex): Queue => {
    const known = queues.get(socket)
    if (known !== undefined) {
      return known
    }
    const queue = { latest: undefined, isLast: false, waiting: [] }
    queues.set(socket, queue)
    return queue
  }

  const next = (socket: Duplex, queue: Queue) => {
    const act = queue.waiting.shift()
    if (act !== undefined && !socket.destroyed) {
      act()
    } else {
      queue.latest = undefined
    }
  }

  return {
    inTurn: (listener) => (request, response) => {
      if (request.httpVersionMajor >= 2) {
        return listener(request, response)
      }
      const { socket } = request
      const queue = queueOf(socket)
      const act = () => {
        NodeRequest.listen(request, response, { close: () => next(socket, queue) })
        listener(request, response)
        if (queue.isLast) {
          cutOff(request)
        }
      }
      if (queue.isLast) {
        return
      }
      const isFirst = queue.latest === undefined
      queue.latest = request
      if (isFirst) {
        act()
      } else if (queue.waiting.length < limit) {
        queue.waiting.push(act)
      } else {
        socket.destroy()
      }
    },
    latest: (socket) => queues.get(socket)?.latest,
    last: (socket, refuse) => {
      const queue = queueOf(socket)
      if (queue.isLast) {
        return
      }
      queue.isLast = true
      if (queue.latest === undefined) {
        refuse()
      } else {
        cutOff(queue.latest)
        queue.waiting.push(refuse)
      }
    }
  }
}

/**
 * Emits the error that Node emits for a lost connection. This connection still exists, and the answer is sent on it.
 */
const cutOff = (request: IncomingMessage) => {
  if (!request.complete && request.listenerCount("error") > 0) {
    request.emit("error", new Error("the end of the body cannot be found"))
  }
}
