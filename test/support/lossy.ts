/**
 * A TCP proxy that loses what it is told to lose: a network that fails without a word.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { createConnection, createServer, type Socket } from "node:net"

export interface Lossy {
  readonly port: number
  /** Connections that are open now lose all packets in both directions from now on, and stay open. */
  readonly blackHole: () => void
  /** Whether new connections get no answer, either. */
  setDead: (isDead: boolean) => void
  /**
   * The next time that the client sends bytes that include `text`, they reach the server, and its answer does not come
   * back: the connection is closed instead.
   */
  readonly loseAnswerOf: (text: string) => void
  /**
   * The next time that the client sends bytes that include `text`, its connection is closed, and the bytes reach the
   * server when they are let through: true if there were such bytes.
   */
  readonly holdBack: (text: string) => { readonly letThrough: () => boolean }
  /** How many answers, and how many packets of a client, were lost so far. */
  readonly lost: () => number
  /** How many connections clients have that they have not closed. */
  readonly clients: () => number
}

/** A proxy in front of a port of this machine. It ends with the scope. */
export const make = (target: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<Socket>()
      const holes = new Set<Socket>()
      const clients = new Set<Socket>()
      let isDead = false
      let text: string | undefined
      let lost = 0
      let held: { readonly text: string; let?: () => void } | undefined
      const proxy = createServer((client) => {
        const server = createConnection(target, "127.0.0.1")
        let isLosing = false
        const isHole = () => holes.has(client)
        clients.add(client)
        client.on("close", () => clients.delete(client))
        client.on("data", (data) => {
          if (text !== undefined && data.includes(text)) {
            text = undefined
            isLosing = true
          }
          if (held !== undefined && data.includes(held.text)) {
            held.let = () => server.end(data)
            held = undefined
            holes.add(client).add(server)
            client.destroy()
          } else if (isHole()) {
            lost++
          } else {
            server.write(data)
          }
        })
        server.on("data", (data) => {
          if (isLosing) {
            lost++
            client.destroy()
            server.destroy()
          } else if (!isHole()) {
            client.write(data)
          }
        })
        for (const [socket, other] of [[client, server], [server, client]] as const) {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            sockets.delete(socket)
            if (!isHole()) {
              other.destroy()
            }
          })
        }
        if (isDead) {
          holes.add(client)
        }
      }).listen(0, "127.0.0.1")
      await once(proxy, "listening")
      const address = proxy.address()
      const lossy: Lossy = {
        port: typeof address === "object" && address !== null ? address.port : 0,
        blackHole: () => sockets.forEach((socket) => holes.add(socket)),
        setDead: (dead) => {
          isDead = dead
        },
        loseAnswerOf: (of) => {
          text = of
        },
        holdBack: (text) => {
          const packet: typeof held = held = { text }
          return {
            letThrough: () => {
              packet.let?.()
              return packet.let !== undefined
            }
          }
        },
        lost: () => lost,
        clients: () => clients.size
      }
      return { lossy, proxy, sockets }
    }),
    ({ proxy, sockets }) =>
      Effect.promise(async () => {
        proxy.close()
        sockets.forEach((socket) => socket.destroy())
        await once(proxy, "close")
      })
  ).pipe(Effect.map(({ lossy }) => lossy))
