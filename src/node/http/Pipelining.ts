/**
 * The requests of one connection, one after another. A client may send the next before it has the answer to the last,
 * but only safe ones may be performed at the same time, and those of an upload are not. And Node reads ahead without a
 * limit: 10 MB of such requests would grow to gigabytes that wait. Over HTTP/2 they are independent of each other, and
 * their number is limited.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2
 */
import type { IncomingMessage, RequestListener } from "node:http"
import type { Duplex } from "node:stream"
import * as NodeRequest from "./NodeRequest.js"

/** How many requests of a connection may wait. One that sends more is closed: its client does not wait for answers. */
const limit = 16

export interface Turns {
  /** The same listener, called when all earlier requests of the connection have been answered. */
  readonly inTurn: (listener: RequestListener) => RequestListener
  /** The request of a connection that came last, none where all have been answered. */
  readonly latest: (socket: Duplex) => IncomingMessage | undefined
  /**
   * What comes over this connection from now on is no request. Calls back, once, when everything that came before has
   * been answered; a body that is under way ends here.
   */
  readonly last: (socket: Duplex, refuse: () => void) => void
}

interface Queue {
  /** The request that came last, while any is unanswered. */
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

/** As Node tells it where the connection is gone. This one is not: there is still an answer to send. */
const cutOff = (request: IncomingMessage) => {
  if (!request.complete && request.listenerCount("error") > 0) {
    request.emit("error", new Error("the end of the body cannot be told"))
  }
}
