/**
 * A request of which only the first bytes are ever sent.
 */
import * as Effect from "effect/Effect"
import { connect } from "node:net"
import { bounded } from "./exchange.js"

/**
 * - `"close"`: the client is gone; where it has not read everything, the server is reset.
 * - `"reset"`: the client is gone, without a word.
 * - `"half"`: the client says that it will send no more, and waits for the server to end it.
 */
export type Manner = "close" | "reset" | "half"

/** Returns when the connection is gone. */
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
