/**
 * Ports for programs that cannot tell which one they have taken.
 */
import * as Effect from "effect/Effect"
import { type AddressInfo, createServer } from "node:net"

/** A port on which nobody listens. */
export const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})
