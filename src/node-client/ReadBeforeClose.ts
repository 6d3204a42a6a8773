/**
 * Reads the response of a server that has closed the connection. Node ends a connection as soon as a write fails, and
 * drops what has arrived and is not read yet. A server that refuses a body answers and closes, so the response would be
 * lost.
 */
import type { Socket } from "node:net"
import { clearTimeout, setTimeout } from "node:timers"

/** How long to wait for the end of the data, in milliseconds. It has all arrived already. */
const maxWait = 250

type Callback = (error?: Error | null) => void

/** Makes the socket read all that has arrived before a failed write ends it. */
export const enable = (socket: Socket): void => {
  const { _write, _writev } = socket
  const once = (callback: Callback): Callback => (error) => {
    if ((error ?? undefined) === undefined) {
      return callback(error)
    }
    const finish = () => {
      clearTimeout(timer)
      socket.off("end", finish).off("close", finish)
      callback(error)
    }
    const timer = setTimeout(finish, maxWait)
    socket.once("end", finish).once("close", finish)
  }
  socket._write = (chunk, encoding, callback) => _write.call(socket, chunk, encoding, once(callback))
  if (_writev) {
    socket._writev = (chunks, callback) => _writev.call(socket, chunks, once(callback))
  }
}
