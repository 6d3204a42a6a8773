/**
 * Sends only the first bytes of a request.
 */
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import { bounded } from "./exchange.js"

/**
 * - `"close"`: the client closes the connection. If it has unread bytes, that resets the connection.
 * - `"reset"`: the client resets the connection.
 * - `"half"`: the client ends its side, and waits for the server to close the connection.
 */
export type Manner = "close" | "reset" | "half"

/** Returns when the connection is closed. */
export const aborted = (port: number, bytes: Uint8Array, manner: Manner): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    socket.resume().on("error", () => {}).on("close", () => resume(Effect.void)).on("end", () => socket.destroy())
    if (manner === "half") {
      socket.end(bytes)
    } else {
      socket.write(bytes, () => void (manner === "close" ? socket.destroy() : socket.resetAndDestroy()))
    }
    return Effect.sync(() => socket.destroy())
  }).pipe(bounded("the end of a connection"))
