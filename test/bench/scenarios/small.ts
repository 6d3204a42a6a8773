/**
 * Many requests: what a server spends on each.
 */
import { randomBytes } from "node:crypto"
import type { Connection } from "../Connection.js"
import { drive, measure, removeAll, type Scenario, withConnections } from "../Scenario.js"
import type { Server } from "../Server.js"
import * as Tus from "../Tus.js"

const everyone = ["process", "completion", "million", "@tus/server", "floor"]

/** Where states are stored, what the same promises cost at the least. */
const remembering = [...everyone, "bare process", "bare completion"]

/** Where bytes are stored, what each durability costs. */
const storing = [...remembering, "always"]
const clients = 32
const seconds = 2

/** Whatever runs on V8 gets faster for some ten seconds. */
const warmUp = 5

const chunk = randomBytes(4 * Tus.KiB)
const small = { chunk, size: chunk.length }
const tiny = { chunk, size: Tus.KiB }

/**
 * Operations of which each leaves a new upload behind, to the end of the benchmark: ext4 creates files at a tenth of
 * its pace for a minute after so many have been removed, and that would be all there is to see.
 */
const creating = (operation: (connection: Connection) => Promise<unknown>) => (server: Server) =>
  withConnections(server, clients, (connections) => measure(server, () => drive(connections, seconds, operation)))

/** Operations on one upload for each connection. */
const on = (operation: (connection: Connection, path: string, turn: number) => Promise<unknown>) => (server: Server) =>
  withConnections(server, clients, async (connections) => {
    const paths = await Promise.all(connections.map((connection) => Tus.create(connection, Tus.GiB)))
    const turns = paths.map(() => 0)
    const measured = await measure(server, () =>
      drive(connections, seconds, (connection, i) => {
        const turn = turns[i] ?? 0
        turns[i] = turn + 1
        return operation(connection, paths[i] ?? "", turn)
      }))
    await removeAll(connections, paths)
    return measured
  })

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "options",
    title: "OPTIONS",
    per: "operation",
    warmUp,
    on: everyone,
    run: on((connection) => Tus.options(connection))
  },
  { name: "head", title: "HEAD", per: "operation", warmUp, on: everyone, run: on(Tus.head) },
  {
    name: "post",
    title: "POST",
    per: "operation",
    warmUp,
    on: remembering,
    run: creating((connection) => Tus.create(connection, small.size))
  },
  {
    name: "post-patch",
    title: "4 KiB by POST and PATCH",
    per: "operation",
    warmUp,
    on: storing,
    run: creating(async (connection) => {
      const path = await Tus.create(connection, small.size)
      await Tus.patch(connection, path, 0, small)
      return path
    })
  },
  {
    name: "creation-with-upload",
    title: "4 KiB in one POST",
    per: "operation",
    warmUp,
    on: storing,
    run: creating((connection) => Tus.createWith(connection, small))
  },
  {
    name: "appends",
    title: "PATCHes of 1 KiB",
    per: "operation",
    warmUp,
    on: storing,
    run: on((connection, path, turn) => Tus.patch(connection, path, turn * tiny.size, tiny))
  }
]
