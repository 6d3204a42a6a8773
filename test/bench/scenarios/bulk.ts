/**
 * Many bytes: what a server spends on each GiB.
 */
import { crc32c } from "@node-rs/crc32"
import { createHash, randomBytes } from "node:crypto"
import type { Connection } from "../Connection.js"
import * as Memory from "../Memory.js"
import { measure, removeAll, type Scenario, timed, withConnection, withConnections } from "../Scenario.js"
import type { Server } from "../Server.js"
import * as Tus from "../Tus.js"

const chunk = randomBytes(Tus.MiB)

const everyone = ["process", "completion", "@tus/server", "file floor", "file floor, synced"]

/** `size` bytes in PATCHes of `step`. */
const send = async (
  connection: Connection,
  path: string,
  { checksum = "", size, step }: { readonly size: number; readonly step: number; readonly checksum?: string }
) => {
  const latencies: Array<number> = []
  for (let offset = 0; offset < size; offset += step) {
    await timed(latencies, () => Tus.patch(connection, path, offset, { chunk, size: step }, checksum))
  }
  return latencies
}

const one = (step: number, checksum = "") => async (server: Server) => {
  const path = await withConnection(server, (connection) => Tus.create(connection, Tus.GiB))
  await Memory.atHand(server.directory)
  const measured = await withConnection(server, (connection) =>
    measure(server, async () => {
      const latencies = await send(connection, path, { size: Tus.GiB, step, checksum })
      return { operations: latencies.length, bytes: Tus.GiB, latencies }
    }))
  await removeAll(server, [path])
  return measured
}

const many = (uploads: number, size: number, connections: number) => async (server: Server) => {
  const paths: Array<string> = []
  await withConnection(server, async (connection) => {
    while (paths.length < uploads) {
      paths.push(await Tus.create(connection, size))
    }
  })
  const left = [...paths]
  const latencies: Array<number> = []
  await Memory.atHand(server.directory)
  const measured = await withConnections(server, connections, (connections) =>
    measure(server, async () => {
      await Promise.all(connections.map(async (connection) => {
        for (let path = left.pop(); path !== undefined; path = left.pop()) {
          latencies.push(...await send(connection, path, { size, step: size }))
        }
      }))
      return { operations: uploads, bytes: uploads * size, latencies }
    }))
  await removeAll(server, paths)
  return measured
}

const step = 8 * Tus.MiB
const pieces = Array.from({ length: step / chunk.length }, () => chunk)

const header = (algorithm: string, digest: Buffer) => `Upload-Checksum: ${algorithm} ${digest.toString("base64")}\r\n`

const sha1 = () => pieces.reduce((hash, bytes) => hash.update(bytes), createHash("sha1")).digest()

const crc = () => {
  const digest = Buffer.alloc(4)
  digest.writeUInt32BE(pieces.reduce((sum, bytes) => crc32c(bytes, sum), 0))
  return digest
}

/** Besides what the server spends: what hashing as many bytes takes by itself. */
const checked = (algorithm: string, digest: () => Buffer) => async (server: Server) => {
  const measured = await one(step, header(algorithm, digest()))(server)
  const before = process.cpuUsage()
  for (let i = 0; i < Tus.GiB / step; i++) {
    digest()
  }
  const { system, user } = process.cpuUsage(before)
  return { ...measured, figures: { bareHash: (user + system) / 1e6 } }
}

const common = { per: "GiB", connections: 1, on: everyone } as const

export const scenarios: ReadonlyArray<Scenario> = [
  { ...common, name: "large", title: "1 GiB in one PATCH", run: one(Tus.GiB) },
  { ...common, name: "chunks", title: "1 GiB in PATCHes of 8 MiB", run: one(step) },
  {
    ...common,
    name: "parallel",
    title: "64 uploads of 16 MiB",
    connections: 32,
    run: many(64, 16 * Tus.MiB, 32)
  },
  {
    ...common,
    name: "sha1",
    title: "1 GiB in PATCHes of 8 MiB with sha1",
    on: ["process"],
    run: checked("sha1", sha1)
  },
  {
    ...common,
    name: "crc32c",
    title: "1 GiB in PATCHes of 8 MiB with crc32c",
    on: ["process"],
    run: checked("crc32c", crc)
  }
]
