/**
 * A network between a client and a server that fails as a test says. Each connection has one fate, in the order in
 * which connections come.
 */
import * as Effect from "effect/Effect"
import { EventEmitter } from "node:events"
import * as Net from "node:net"

export interface Fate {
  /** How many bytes go to the server, or to the client, before it happens. */
  readonly up?: number
  readonly down?: number
  /**
   * - `"close"`, `"reset"`: the connection ends at both ends; the client sees a close, or a reset.
   * - `"stall"`: no more bytes go in this direction. When the client closes, the server sees it.
   * - `"lose"`: the same, but the server sees nothing until the relay ends.
   * - `"hold"`: no more bytes go in this direction until the relay is opened.
   * - `"flip"`: the next byte is changed.
   */
  readonly happens: "close" | "reset" | "stall" | "lose" | "hold" | "flip"
}

/** The same fate for several connections: the first that reach its limit. */
export interface Common extends Fate {
  readonly times: number
  /** Whether `up` counts the bytes of all connections, because a browser may use another connection at any time. */
  readonly together?: boolean
}

/** A connection without a fate passes everything. */
export const relay = (target: string, fates: ReadonlyArray<Fate> = [], common?: Common) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { hostname, pathname, port } = new URL(target)
      const left = [...fates]
      const sockets = new Set<Net.Socket>()
      const signals = new EventEmitter().setMaxListeners(0)
      const together = { room: Math.floor(common?.up ?? Number.POSITIVE_INFINITY) }
      let connections = 0
      let times = common?.times ?? 0
      let held = 0
      let up = 0

      const pass = (
        near: Net.Socket,
        far: Net.Socket,
        way: "up" | "down",
        limit = Number.POSITIVE_INFINITY,
        fate?: Fate
      ) => {
        const [from, to] = way === "up" ? [near, far] : [far, near]
        const meter = way === "up" && fate !== undefined && fate === common && common.together === true
          ? together
          : { room: Math.floor(limit) }
        let stopped = false
        const go = (bytes: Buffer) => {
          up += way === "up" ? bytes.length : 0
          if (bytes.length > 0 && !to.write(bytes)) {
            from.pause()
            to.once("drain", () => {
              if (!stopped) {
                from.resume()
              }
            })
          }
        }
        from.on("data", (bytes: Buffer) => {
          const first = bytes.subarray(0, meter.room)
          const rest = Buffer.from(bytes.subarray(meter.room))
          meter.room -= first.length
          go(first)
          if (meter.room > 0 || fate === undefined) {
            return
          }
          if (fate === common && times-- <= 0) {
            meter.room = Number.POSITIVE_INFINITY
            return go(rest)
          }
          switch (fate.happens) {
            case "close":
              near.destroy()
              far.destroy()
              return
            case "reset":
              near.resetAndDestroy()
              far.destroy()
              return
            case "stall":
            case "lose":
              stopped = true
              from.pause()
              return
            case "hold":
              stopped = true
              from.pause()
              held++
              signals.once("open", () => {
                stopped = false
                meter.room = Number.POSITIVE_INFINITY
                go(rest)
                from.resume()
              })
              return
            case "flip":
              if (rest.length > 0) {
                meter.room = Number.POSITIVE_INFINITY
                rest[0] = (rest[0] ?? 0) ^ 0xff
                go(rest)
              }
          }
        })
      }

      const server = Net.createServer((near) => {
        connections++
        const fate = left.shift() ?? common
        const far = Net.connect(Number(port), hostname)
        for (const [socket, other] of [[near, far], [far, near]] as const) {
          sockets.add(socket)
          socket.on("error", () => {}).on("close", () => {
            sockets.delete(socket)
            if (socket === far || fate?.happens !== "lose") {
              other.destroy()
            }
          })
        }
        pass(near, far, "up", fate?.up, fate)
        pass(near, far, "down", fate?.down, fate)
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return {
        server,
        sockets,
        url: `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}${pathname}`,
        connections: () => connections,
        /** How many fates are left for later connections. */
        left: () => left.length,
        /** How many bytes went on to the server so far, heads included. */
        up: () => up,
        /** How many connections were held so far. */
        held: () => held,
        open: () => void signals.emit("open")
      }
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        sockets.forEach((socket) => socket.destroy())
      })
  )
