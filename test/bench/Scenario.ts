/**
 * What is measured, and the ways in which the load is applied.
 */
import type { Connection } from "./Connection.js"
import { connect } from "./Connection.js"
import type { Server } from "./Server.js"
import * as Tus from "./Tus.js"

export interface Measured {
  readonly operations: number
  readonly bytes: number
  readonly seconds: number
  /** Seconds of the server's processor time. */
  readonly cpu: number
  /** Milliseconds, one an operation. */
  readonly latencies: ReadonlyArray<number>
  /** Bytes. */
  readonly peakRss: number
  /** What only this scenario knows. */
  readonly figures?: Readonly<Record<string, number>>
}

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly per: "operation" | "GiB"
  /** Rounds that do not count: as many as the servers get faster in. 1 by default. */
  readonly warmUp?: number
  /** The names of the servers that can do it. */
  readonly on: ReadonlyArray<string>
  /** Cleans up behind itself, outside of what it measures. */
  readonly run: (server: Server) => Promise<Measured>
}

type Work = Pick<Measured, "operations" | "bytes" | "latencies" | "figures">

/** What some work costs the server. */
export const measure = async (server: Server, work: () => Promise<Work>): Promise<Measured> => {
  await server.peakRss()
  const [cpu, start] = [await server.cpu(), performance.now()]
  const done = await work()
  const [seconds, used] = [(performance.now() - start) / 1000, await server.cpu() - cpu]
  return { ...done, seconds, cpu: used, peakRss: await server.peakRss() }
}

export const timed = async (latencies: Array<number>, work: () => Promise<unknown>) => {
  const start = performance.now()
  await work()
  latencies.push(performance.now() - start)
}

export const withConnections = async <A>(
  server: Server,
  count: number,
  use: (connections: ReadonlyArray<Connection>) => Promise<A>
) => {
  const connections = await Promise.all(Array.from({ length: count }, () => connect(server.port)))
  try {
    return await use(connections)
  } finally {
    connections.forEach(({ close }) => close())
  }
}

/** Every connection does one operation after the other until the time is over. */
export const drive = async (
  connections: ReadonlyArray<Connection>,
  seconds: number,
  operation: (connection: Connection, index: number) => Promise<unknown>
): Promise<Work> => {
  const latencies: Array<number> = []
  const deadline = performance.now() + seconds * 1000
  await Promise.all(connections.map(async (connection, index) => {
    while (performance.now() < deadline) {
      await timed(latencies, () => operation(connection, index))
    }
  }))
  return { operations: latencies.length, bytes: 0, latencies }
}

export const removeAll = async (connections: ReadonlyArray<Connection>, paths: ReadonlyArray<string>) => {
  const left = [...paths]
  await Promise.all(connections.map(async (connection) => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      await Tus.remove(connection, path)
    }
  }))
}
