/**
 * What is measured, and the ways in which the load is applied.
 */
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import * as Effect from "effect/Effect"
import { statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import type { Connection } from "./Connection.js"
import { connect } from "./Connection.js"
import type { Kind } from "./Kinds.js"
import { fileOf, type Server } from "./Server.js"
import * as Tus from "./Tus.js"

export interface Measured {
  readonly operations: number
  readonly bytes: number
  readonly seconds: number
  /** Seconds of processor time of what is measured. */
  readonly cpu: number
  /** Milliseconds, one an operation. */
  readonly latencies: ReadonlyArray<number>
  /** Bytes. */
  readonly peakRss: number
  /** What only this scenario knows. */
  readonly figures?: Readonly<Record<string, number>>
}

interface Described {
  readonly name: string
  readonly title: string
  readonly per: "operation" | "GiB"
  /** How many connections the load comes over. */
  readonly connections: number
  /** Rounds that do not count: as many as the servers get faster in. 1 by default. */
  readonly warmUp?: number
  /** Rounds that count, where they hardly differ. As many as are asked for by default. */
  readonly rounds?: number
  /** The names of the kinds that do it. */
  readonly on: ReadonlyArray<string>
}

/** With the server that other scenarios use, too. Cleans up behind itself, outside of what it measures. */
export interface Shared extends Described {
  readonly run: (server: Server) => Promise<Measured>
}

/** With a process of its own in each round. */
export interface Alone extends Described {
  readonly runAlone: (kind: Kind) => Promise<Measured>
}

export type Scenario = Shared | Alone

export type Work = Pick<Measured, "operations" | "bytes" | "latencies" | "figures">

/** How long a server may go on behind its answers. */
const restMillis = 60_000

/**
 * What some work costs the server. The clock stops when the server is at rest: an answer may come before what it
 * promises to do soon. To find it at rest at once takes no time.
 */
export const measure = async (
  server: Server,
  work: () => Promise<Work>,
  isAtRest: () => Promise<boolean> = async () => true
): Promise<Measured> => {
  await server.peakRss()
  const [cpu, start] = [await server.cpu(), performance.now()]
  const done = await work()
  const answered = performance.now()
  let end = answered
  while (!(await isAtRest())) {
    if (end - answered > restMillis) {
      throw new Error(`${server.kind.name} is not at rest after ${restMillis} ms`)
    }
    await setTimeout(2)
    end = performance.now()
  }
  return { ...done, seconds: (end - start) / 1000, cpu: await server.cpu() - cpu, peakRss: await server.peakRss() }
}

/**
 * Whether each of these uploads is a file with all its bytes, and no bytes of a complete one are in the database. Asked
 * again, it looks for those that were missing.
 */
export const areInPlace = (server: Server, paths: ReadonlyArray<string>, size: number) => {
  let left: ReadonlyArray<string> | undefined
  return async () => {
    left = (left ?? paths).filter((path) => statSync(fileOf(server, path), { throwIfNoEntry: false })?.size !== size)
    return left.length === 0 && !(await hasTails(server))
  }
}

const hasTails = ({ directory }: Server) =>
  Effect.runPromise(
    Effect.flatMap(
      SqliteClient.SqliteClient,
      (sql) => sql`SELECT id FROM effect_tus_uploads WHERE completion = 'Complete' AND tail_bytes > 0 LIMIT 1`
    ).pipe(
      Effect.map(({ length }) => length > 0),
      Effect.provide(SqliteClient.layer({ filename: join(directory, "uploads.sqlite"), readonly: true }))
    )
  )

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

/** Over one connection of its own: a server closes those that are idle for some seconds. */
export const withConnection = <A>(server: Server, use: (connection: Connection) => Promise<A>) =>
  withConnections(server, 1, ([connection]) => use(connection as Connection))

export const removeAll = (server: Server, paths: ReadonlyArray<string>) => {
  const left = [...paths]
  return withConnections(server, 4, async (connections) => {
    await Promise.all(connections.map(async (connection) => {
      for (let path = left.pop(); path !== undefined; path = left.pop()) {
        await Tus.remove(connection, path)
      }
    }))
  })
}
