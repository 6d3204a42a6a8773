/**
 * HTTP/2 by hand, for clients that break its rules.
 */
import { once } from "node:events"
import { connect, type TLSSocket } from "node:tls"

const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9
}

export type Type = keyof typeof types

export const endStream = 1
export const endHeaders = 4

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

export const frame = (type: Type | number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)) => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = typeof type === "number" ? type : types[type]
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Header fields in HPACK, without a table. */
export const fields = (pairs: Readonly<Record<string, string>>) =>
  Buffer.concat(
    Object.entries(pairs).flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name, "latin1"),
      Buffer.from([value.length]),
      Buffer.from(value, "latin1")
    ])
  )

export const request = (method: string, path: string, more: Readonly<Record<string, string>> = {}) =>
  fields({
    ":method": method,
    ":scheme": "https",
    ":authority": "localhost",
    ":path": path,
    "tus-resumable": "1.0.0",
    ...more
  })

export const setting = (id: number, value: number) => {
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(id)
  payload.writeUInt32BE(value, 2)
  return payload
}

export const initialWindowSize = 4

/** A new connection without a session yet. Its errors are ignored. */
export const open = async (port: number): Promise<TLSSocket> => {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] })
  socket.on("error", () => {})
  await once(socket, "secureConnect")
  return socket
}
