/**
 * The official Node server, with files and locks in memory, as its manual sets it up.
 */
import { createServer } from "node:http"
import { FileStore, Server } from "../../peers/tus.mjs"
import { listen, told } from "./Told.js"

const tus = new Server({ path: "/files", datastore: new FileStore({ directory: told.directory }) })

listen(createServer(tus.handle.bind(tus)))
