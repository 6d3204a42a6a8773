/**
 * A connection hangs in the middle of a PATCH; its client comes back on another one.
 */
import { randomBytes } from "node:crypto"
import { setTimeout } from "node:timers/promises"
import { connect, type Connection } from "../Connection.js"
import { measure, type Scenario, timed, withConnections } from "../Scenario.js"
import type { Server } from "../Server.js"
import * as Tus from "../Tus.js"

const chunk = randomBytes(Tus.KiB)

const hang = async (server: Server, path: string) => {
  const { close, socket } = await connect(server.port)
  socket.write(
    `PATCH ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n${Tus.offsetType}Content-Length: ${Tus.MiB}\r\n\r\n`
  )
  // Nothing tells from outside when the request has the upload in its hands.
  await setTimeout(20)
  return close
}

const takeovers = (count: number) => (server: Server) =>
  withConnections(server, 1, async (connections) => {
    const [connection] = connections as [Connection]
    return measure(server, async () => {
      const latencies: Array<number> = []
      while (latencies.length < count) {
        const path = await Tus.create(connection, Tus.MiB)
        const close = await hang(server, path)
        await timed(latencies, () => Tus.patch(connection, path, 0, { chunk, size: chunk.length }))
        close()
      }
      return { operations: count, bytes: 0, latencies }
    })
  })

const ours = takeovers(200)
/** Of which each takes seconds. */
const theirs = takeovers(3)

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "takeover",
    title: "PATCH on an upload that another PATCH holds without sending",
    per: "operation",
    connections: 2,
    on: ["process", "@tus/server"],
    run: (server) => (server.kind.script === "effect-tus" ? ours(server) : theirs(server))
  }
]
