/**
 * Many requests: what a server spends on each.
 */
import { randomBytes } from "node:crypto"
import type { Connection } from "../Connection.js"
import { areInPlace, drive, measure, removeAll, type Scenario, withConnections } from "../Scenario.js"
import type { Server } from "../Server.js"
import * as Tus from "../Tus.js"

/** Where nothing is stored. */
const answering = ["process", "completion", "million", "@tus/server", "bare listener"]

/** Where states are stored, what the same promises cost at the least. */
const remembering = [
  "process",
  "completion",
  "always",
  "million",
  "@tus/server",
  "inline floor",
  "inline floor, synced"
]

/** Where bytes are stored: also in files, and beside the states. */
const storing = [...remembering, "database", "file floor, kept", "file floor, synced"]

const connections = 32
const seconds = 2

/** Whatever runs on V8 gets faster for some ten seconds. */
const warmUp = 5

const chunk = randomBytes(4 * Tus.KiB)
const small = { chunk, size: chunk.length }
const tiny = { chunk, size: Tus.KiB }

/**
 * Operations of which each leaves a new upload behind, to the end of the benchmark: ext4 creates files at a tenth of
 * its pace for a minute after so many have been removed, and that would be all there is to see. With `isFile`, the work
 * is done when the last upload is a file.
 */
const creating = (operation: (connection: Connection) => Promise<string>, isFile: boolean) => (server: Server) =>
  withConnections(server, connections, (connections) => {
    const made: Array<string> = []
    const work = () => drive(connections, seconds, async (connection) => made.push(await operation(connection)))
    return isFile && server.kind.script === "effect-tus" && server.kind.smallUploads === undefined
      ? measure(server, work, areInPlace(server, made, small.size))
      : measure(server, work)
  })

/** Operations on one upload for each connection. */
const on = (operation: (connection: Connection, path: string, turn: number) => Promise<unknown>) => (server: Server) =>
  withConnections(server, connections, async (connections) => {
    const paths = await Promise.all(connections.map((connection) => Tus.create(connection, Tus.GiB)))
    const turns = paths.map(() => 0)
    const measured = await measure(server, () =>
      drive(connections, seconds, (connection, i) => {
        const turn = turns[i] ?? 0
        turns[i] = turn + 1
        return operation(connection, paths[i] ?? "", turn)
      }))
    await removeAll(server, paths)
    return measured
  })

const common = { per: "operation", connections, warmUp } as const

export const scenarios: ReadonlyArray<Scenario> = [
  { ...common, name: "options", title: "OPTIONS", on: answering, run: on((connection) => Tus.options(connection)) },
  { ...common, name: "head", title: "HEAD", on: answering, run: on(Tus.head) },
  {
    ...common,
    name: "post",
    title: "POST",
    on: remembering,
    run: creating((connection) => Tus.create(connection, small.size), false)
  },
  {
    ...common,
    name: "post-patch",
    title: "4 KiB by POST and PATCH",
    on: storing,
    run: creating(async (connection) => {
      const path = await Tus.create(connection, small.size)
      await Tus.patch(connection, path, 0, small)
      return path
    }, true)
  },
  {
    ...common,
    name: "creation-with-upload",
    title: "4 KiB in one POST",
    on: storing,
    run: creating((connection) => Tus.createWith(connection, small), true)
  },
  {
    ...common,
    name: "appends",
    title: "PATCHes of 1 KiB",
    on: storing,
    run: on((connection, path, turn) => Tus.patch(connection, path, turn * tiny.size, tiny))
  }
]
