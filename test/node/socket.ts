/**
 * A client that misbehaves on purpose: it stops in the middle, disappears, or sends single bytes.
 */
import { connect, type Socket } from "node:net"

export interface RawClient {
  readonly send: (bytes: string | Uint8Array) => Promise<void>
  /** Resolves when the received text matches. */
  readonly received: (pattern: RegExp) => Promise<RegExpExecArray>
  /** The text that was received until the connection ended, in any way. */
  readonly closed: Promise<string>
  readonly destroy: () => void
  readonly socket: Socket
}

export const open = async (port: number): Promise<RawClient> => {
  const socket = connect(port, "127.0.0.1")
  let received = ""
  const watchers = new Set<() => void>()
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1")
    watchers.forEach((watch) => watch())
  })
  socket.on("error", () => {})
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(received)))
  await new Promise((resolve) => socket.once("connect", resolve))
  return {
    socket,
    closed,
    destroy: () => socket.destroy(),
    send: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
    received: (pattern) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          const match = pattern.exec(received)
          if (match !== null) {
            watchers.delete(watch)
            resolve(match)
          }
        }
        watchers.add(watch)
        closed.then(() => reject(new Error(`closed before ${pattern}: ${received}`)))
        watch()
      })
  }
}

/** The headers of a request, which is complete if it has no body. */
export const request = (method: string, path: string, headers: ReadonlyArray<string> = []) =>
  [`${method} ${path} HTTP/1.1`, "Host: localhost", "Tus-Resumable: 1.0.0", ...headers, "\r\n"].join("\r\n")

/** The headers of a PATCH request. */
export const patch = (
  path: string,
  offset: number,
  length: number,
  headers: ReadonlyArray<string> = []
) =>
  request("PATCH", path, [
    `Upload-Offset: ${offset}`,
    "Content-Type: application/offset+octet-stream",
    `Content-Length: ${length}`,
    ...headers
  ])
