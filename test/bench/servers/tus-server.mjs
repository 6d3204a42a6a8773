/**
 * The official Node server, with files and locks in memory, as its manual sets it up.
 */
import { FileStore, Server } from "../../peers/tus.mjs"

const { directory } = JSON.parse(process.argv[2])

const server = new Server({ path: "/files", datastore: new FileStore({ directory }) }).listen(0, "127.0.0.1", () =>
  process.stdout.write(`${server.address().port}\n`)
)
