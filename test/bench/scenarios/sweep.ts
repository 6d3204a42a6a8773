/**
 * A server that starts on 100,000 expired uploads: what its clients notice while it removes them.
 */
import { randomBytes } from "node:crypto"
import { rm } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"
import type { Connection } from "../Connection.js"
import * as Million from "../Million.js"
import { measure, type Scenario, timed, withConnections } from "../Scenario.js"
import { emptyDirectory, type Server, start } from "../Server.js"
import * as Tus from "../Tus.js"

const count = 100_000
const chunk = randomBytes(Tus.KiB)

/** PATCHes of 1 KiB on 8 connections until the last of the expired uploads is gone. */
const serve = (server: Server) =>
  withConnections(server, 9, async (connections) => {
    const [asking, ...others] = connections as [Connection, ...Array<Connection>]
    const paths = await Promise.all(others.map((connection) => Tus.create(connection, Tus.GiB)))
    return measure(server, async () => {
      const latencies: Array<number> = []
      const sweep = { isOver: false }
      const watch = async () => {
        while (!sweep.isOver) {
          const { status } = await asking.request("HEAD", `/files/${Million.idOf("expired-", count)}`)
          sweep.isOver = status === 404
          await setTimeout(50)
        }
      }
      const work = others.map(async (connection, i) => {
        for (let offset = 0; !sweep.isOver; offset += chunk.length) {
          await timed(latencies, () => Tus.patch(connection, paths[i] ?? "", offset, { chunk, size: chunk.length }))
        }
      })
      await Promise.all([watch(), ...work])
      return { operations: latencies.length, bytes: 0, latencies }
    })
  })

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "sweep",
    title: "PATCHes of 1 KiB while 100,000 expired uploads are removed",
    per: "operation",
    connections: 9,
    on: ["process"],
    runAlone: async (kind) => {
      const directory = await emptyDirectory()
      try {
        await Million.fill(kind, directory, { count, expiresAt: 1, prefix: "expired-" })
        const server = await start(kind, directory)
        try {
          const measured = await serve(server)
          return { ...measured, figures: { "seconds of the sweep": measured.seconds } }
        } finally {
          await server.stop()
        }
      } finally {
        await rm(directory, { recursive: true })
      }
    }
  }
]
