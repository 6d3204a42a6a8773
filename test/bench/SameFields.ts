/**
 * A floor with shorter answers than this package's would be a floor of something else. So each is asked before anything
 * is measured, and has to answer with the same header fields.
 */
import { connect, type Connection, type Response } from "./Connection.js"
import type { Server } from "./Server.js"
import * as Tus from "./Tus.js"

const body = { chunk: Buffer.from("x"), size: 1 }

const verbs: Readonly<Record<string, (connection: Connection, path: string) => Promise<Response>>> = {
  OPTIONS: ({ request }) => request("OPTIONS", "/files"),
  POST: ({ request }) => request("POST", "/files", `Upload-Length: ${Tus.GiB}\r\n`),
  HEAD: ({ request }, path) => request("HEAD", path),
  "POST with a body": ({ request }) => request("POST", "/files", `Upload-Length: 2\r\n${Tus.offsetType}`, body),
  PATCH: ({ request }, path) => request("PATCH", path, `Upload-Offset: 0\r\n${Tus.offsetType}`, body)
}

/** What the bare listener is not asked. */
const storing = ["POST with a body", "PATCH"]

/** The fields, without what differs from one answer to the next. */
const fieldsOf = ({ head }: Response) =>
  head.split("\r\n").slice(1)
    .map((line) => line.replace(/^date: .*/i, "date").replace(/[0-9a-f]{32}/, "ID").toLowerCase())
    .toSorted().join("\n")

const answers = async ({ kind, port }: Server) => {
  const connection = await connect(port)
  try {
    const path = await Tus.create(connection, Tus.GiB)
    const asked = Object.entries(verbs).filter(([verb]) => kind.script !== "listener" || !storing.includes(verb))
    const answers: Array<readonly [verb: string, fields: string]> = []
    for (const [verb, ask] of asked) {
      answers.push([verb, fieldsOf(await ask(connection, path))])
    }
    await Tus.remove(connection, path)
    return answers
  } finally {
    connection.close()
  }
}

export const check = async (servers: ReadonlyArray<Server>) => {
  const own = servers.find(({ kind }) => kind.script === "effect-tus")
  const expected = new Map(own === undefined ? [] : await answers(own))
  const floors = servers.filter(({ kind }) => ["files", "inline", "listener"].includes(kind.script))
  for (const floor of own === undefined ? [] : floors) {
    for (const [verb, fields] of await answers(floor)) {
      if (fields !== expected.get(verb)) {
        throw new Error(`${floor.kind.name} answers ${verb} with\n${fields}\ninstead of\n${expected.get(verb)}`)
      }
    }
  }
}
