/**
 * A thousand uploads that hardly move: what each costs, and what the others notice.
 */
import { randomBytes } from "node:crypto"
import { setTimeout } from "node:timers/promises"
import { connect, type Connection } from "../Connection.js"
import type { Kind } from "../Kinds.js"
import { drive, measure, type Scenario, withConnections } from "../Scenario.js"
import { type Server, start } from "../Server.js"
import { quantile } from "../Statistics.js"
import * as Tus from "../Tus.js"

const uploads = 1000
/** How many more tell what one of them costs: the first ones make the heap grow anyway. */
const more = 3000
/** How many are begun at the same time: a connection that waits too long for its turn is reset. */
const atOnce = 100
const others = 8
const chunk = randomBytes(Tus.KiB)

/** An upload of which one byte has arrived, and no more comes. */
const hold = async (server: Server) => {
  const connection = await connect(server.port)
  const path = await Tus.create(connection, Tus.MiB)
  connection.socket.write(
    `PATCH ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n${Tus.offsetType}Content-Length: ${Tus.MiB}\r\n\r\n.`
  )
  return connection
}

const p99 = (work: { readonly latencies: ReadonlyArray<number> }) => quantile(work.latencies, 0.99)

const runAlone = async (kind: Kind) => {
  await using server = await start(kind)
  return await withConnections(server, others, async (connections) => {
    const paths = await Promise.all(connections.map((connection) => Tus.create(connection, Tus.GiB)))
    const offsets = paths.map(() => 0)
    // On connections of their own: a server may close those that were idle while it was busy with the held ones.
    const patches = () =>
      withConnections(server, others, (connections) =>
        drive(connections, 2, async (connection, i) => {
          const offset = offsets[i] ?? 0
          await Tus.patch(connection, paths[i] ?? "", offset, { chunk, size: chunk.length })
          offsets[i] = offset + chunk.length
        }))
    const alone = await patches()
    const holdAll = async (length: number) => {
      const held: Array<Connection> = []
      while (held.length < length) {
        held.push(...await Promise.all(Array.from({ length: atOnce }, () => hold(server))))
      }
      await setTimeout(500)
      return { held, rss: await server.rss() }
    }
    const [first, second] = [await holdAll(uploads), await holdAll(more)]
    second.held.forEach(({ close }) => close())
    // Each of those is committed.
    await server.rest()
    const measured = await measure(server, patches)
    first.held.forEach(({ close }) => close())
    return {
      ...measured,
      figures: {
        "KiB each": (second.rss - first.rss) / more / Tus.KiB,
        "p99 ms alone": p99(alone),
        "p99 ratio": p99(measured) / p99(alone)
      }
    }
  })
}

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "held",
    title: "PATCHes of 1 KiB while 1,000 uploads are held open",
    per: "operation",
    connections: others,
    on: ["process", "@tus/server", "file floor"],
    runAlone
  }
]
