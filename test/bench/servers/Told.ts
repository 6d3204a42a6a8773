/**
 * What a program of the benchmark is told, by its only argument, and what a server says: its port, in one line.
 */
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"

export interface Told {
  readonly directory: string
  /** How long an answer waits for the disk. A server without this option promises nothing. */
  readonly durability?: "process" | "completion" | "always"
  readonly smallUploads?: "database"
}

export const told = JSON.parse(process.argv[2] ?? "") as Told

export const listen = (server: Server) =>
  server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
