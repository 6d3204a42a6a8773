/**
 * Small uploads beside finals that are assembled: what those cost who has nothing to do with them, and what the disk
 * alone does to them, where a bare program does the same writes.
 */
import { randomBytes } from "node:crypto"
import type { Connection } from "../Connection.js"
import * as Memory from "../Memory.js"
import * as Program from "../Program.js"
import { measure, removeAll, type Scenario, timed, withConnection, withConnections } from "../Scenario.js"
import { fileOf, type Server } from "../Server.js"
import type { Told } from "../servers/beside.js"
import { quantile } from "../Statistics.js"
import * as Tus from "../Tus.js"

const chunk = randomBytes(Tus.MiB)
const size = 512 * Tus.MiB
const finals = 8
const small = { chunk: randomBytes(4 * Tus.KiB), size: 4 * Tus.KiB }

/** Milliseconds of the small files of the bare program. */
const bare = async ({ directory, kind }: Server, file: string): Promise<ReadonlyArray<number>> => {
  const told: Told = { directory, file, copies: finals, durable: kind.durability !== "process" }
  const program = await Program.start(Program.serverCore, "servers/beside", told)
  const latencies = JSON.parse(await program.says()) as ReadonlyArray<number>
  await program.ended
  return latencies
}

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "beside",
    title: "4 KiB in one POST, beside 8 finals of 512 MiB",
    per: "operation",
    connections: finals + 1,
    on: ["process", "completion"],
    run: async (server) => {
      const part = await withConnection(server, async (connection) => {
        const path = await Tus.create(connection, size, "Upload-Concat: partial\r\n")
        await Tus.patch(connection, path, 0, { chunk, size })
        return path
      })
      await Memory.atHand(server.directory)
      const made: Array<string> = []
      const measured = await withConnections(
        server,
        finals + 1,
        ([connection, ...others]) =>
          measure(server, async () => {
            const latencies: Array<number> = []
            const under = { way: true }
            const assembling = Promise.all(others.map((other) => Tus.concatenate(other, [part]))).finally(() => {
              under.way = false
            })
            while (under.way) {
              await timed(latencies, async () => made.push(await Tus.createWith(connection as Connection, small)))
            }
            made.push(...await assembling)
            return { operations: latencies.length, bytes: 0, latencies }
          })
      )
      await removeAll(server, made)
      await Memory.atHand(server.directory)
      const alone = quantile(await bare(server, fileOf(server, part)), 0.99)
      await removeAll(server, [part])
      const p99 = quantile(measured.latencies, 0.99)
      return {
        ...measured,
        figures: { "ms at most for 99 %": p99, "of the bare program": alone, "ratio": p99 / alone }
      }
    }
  }
]
