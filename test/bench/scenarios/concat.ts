/**
 * A final upload made of eight parts, and what copying them takes outside of any server.
 */
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { rmSync } from "node:fs"
import { join } from "node:path"
import type { Connection } from "../Connection.js"
import * as Memory from "../Memory.js"
import { serverCore } from "../Program.js"
import { measure, removeAll, type Scenario, withConnection } from "../Scenario.js"
import { fileOf } from "../Server.js"
import * as Tus from "../Tus.js"

const chunk = randomBytes(Tus.MiB)
const size = 64 * Tus.MiB
const parts = 8

const part = async (connection: Connection) => {
  const path = await Tus.create(connection, size, "Upload-Concat: partial\r\n")
  await Tus.patch(connection, path, 0, { chunk, size })
  return path
}

/** Seconds that `cp` takes for the same files, on the server's core. */
const copy = (files: ReadonlyArray<string>, to: string) => {
  const start = performance.now()
  files.forEach((file, i) => execFileSync("taskset", ["-c", String(serverCore), "cp", file, `${to}.${i}`]))
  const seconds = (performance.now() - start) / 1000
  files.forEach((_, i) => rmSync(`${to}.${i}`))
  return seconds
}

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "concat",
    title: "A final of 8 x 64 MiB",
    per: "GiB",
    connections: 1,
    on: ["process"],
    run: async (server) => {
      const paths: Array<string> = []
      while (paths.length < parts) {
        paths.push(await withConnection(server, part))
      }
      await Memory.atHand(server.directory)
      const made: Array<string> = []
      const measured = await withConnection(server, (connection) =>
        measure(server, async () => {
          made.push(await Tus.concatenate(connection, paths))
          return { operations: 1, bytes: parts * size, latencies: [] }
        }))
      await removeAll(server, made)
      await Memory.atHand(server.directory)
      const cp = copy(paths.map((path) => fileOf(server, path)), join(server.directory, "copy"))
      await removeAll(server, paths)
      return {
        ...measured,
        figures: { "seconds": measured.seconds, "seconds of cp": cp, "ratio": measured.seconds / cp }
      }
    }
  }
]
