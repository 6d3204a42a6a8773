/**
 * What a server has said before it closed a connection. Node ends a connection as soon as a write to it fails, and what
 * has arrived and is not read yet is lost: a server that refuses a body answers and closes, and the answer lies there.
 */
import type { Socket } from "node:net"
import { clearTimeout, setTimeout } from "node:timers"

/** How long the end of what has arrived is waited for, in milliseconds. All of it is there. */
const maxWait = 250

type Callback = (error?: Error | null) => void

/** Has a socket read all that has arrived before a write that failed ends it. */
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
