/**
 * A TCP proxy in front of PostgreSQL that knows the statements which went through it.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { createConnection, createServer, type Socket } from "node:net"

export interface Statements {
  readonly port: number
  /** The statements since the last call. */
  readonly taken: () => ReadonlyArray<string>
}

/**
 * Reads what a client sends: the text of each simple query, and of each statement with parameters. The first message of
 * a connection has no type.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
const reading = (said: (text: string) => void) => {
  let bytes = Buffer.alloc(0)
  let type = 0
  return (data: Buffer) => {
    bytes = Buffer.concat([bytes, data])
    while (bytes.length >= type + 4 && bytes.length >= type + bytes.readUInt32BE(type)) {
      const end = type + bytes.readUInt32BE(type)
      const [kind, body] = [type === 0 ? "" : String.fromCharCode(bytes[0] ?? 0), bytes.toString("utf8", type + 4, end)]
      if (kind === "Q" || kind === "P") {
        said(body.split("\0")[kind === "Q" ? 0 : 1] ?? "")
      }
      bytes = bytes.subarray(end)
      type = 1
    }
  }
}

/** A proxy in front of a port of this machine. It ends with the scope. */
export const make = (target: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Socket>()
      let statements: Array<string> = []
      const proxy = createServer((client) => {
        const server = createConnection(target, "127.0.0.1")
        client.on("data", reading((text) => statements.push(text)))
        client.pipe(server).pipe(client)
        for (const [socket, other] of [[client, server], [server, client]] as const) {
          sockets.add(socket)
          socket.on("error", () => {}).on("close", () => other.destroy())
        }
      }).listen(0, "127.0.0.1")
      await once(proxy, "listening")
      const address = proxy.address()
      return {
        port: typeof address === "object" && address !== null ? address.port : 0,
        taken: () => {
          const last = statements
          statements = []
          return last
        },
        close: async () => {
          proxy.close()
          sockets.forEach((socket) => socket.destroy())
          await once(proxy, "close")
        }
      }
    }),
    ({ close }) => Effect.promise(close)
  ).pipe(Effect.map(({ port, taken }): Statements => ({ port, taken })))
