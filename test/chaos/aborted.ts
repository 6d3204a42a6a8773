/**
 * Sends only the first bytes of a request.
 */
import * as Effect from "effect/Effect"
import { open } from "../support/raw.js"
import { bounded } from "./bounded.js"

/**
 * - `"close"`: the client closes the connection. If it has unread bytes, that resets the connection.
 * - `"reset"`: the client resets the connection.
 * - `"half"`: the client ends its side, and waits for the server to close the connection.
 */
export type Manner = "close" | "reset" | "half"

/** Returns when the connection is closed. */
export const aborted = (port: number, bytes: Uint8Array, manner: Manner): Effect.Effect<void> =>
  Effect.promise(async (signal) => {
    const { closed, destroy, send, socket } = await open(port, signal)
    if (manner === "half") {
      socket.end(bytes)
    } else {
      await send(bytes)
      void (manner === "close" ? destroy() : socket.resetAndDestroy())
    }
    await closed
  }).pipe(bounded("the end of a connection"))
