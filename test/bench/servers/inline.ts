/**
 * The inline floor: states, and small bytes beside them, in one transaction a turn of the event loop. It keeps what it
 * promises, syncing every answer with `always`, and checks nothing.
 */
import { randomBytes } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import * as Fields from "./Fields.js"
import { listen, told } from "./Told.js"
import * as Transactions from "./Transactions.js"

const durable = told.durability === "always"
const { commit, remove } = Transactions.open(told.directory)
const uploads = new Map<string, Transactions.Upload>()

const find = (id: string) => {
  const upload = uploads.get(id)
  if (upload === undefined) {
    throw new Error(`no upload ${id}`)
  }
  return upload
}

/** The whole body, in memory. */
const receive = (request: IncomingMessage, done: (bytes: Buffer) => void) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
    const [first] = chunks
    done(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks))
  })
}

listen(createServer((request, response) => {
  const id = (request.url ?? "").slice("/files/".length)
  switch (request.method) {
    case "OPTIONS":
      response.writeHead(204, Fields.options).end()
      break
    case "HEAD": {
      const { length, offset } = find(id)
      response.writeHead(200, Fields.head(offset, length)).end()
      break
    }
    case "POST": {
      const upload = {
        id: randomBytes(16).toString("hex"),
        length: Number(request.headers["upload-length"]),
        offset: 0
      }
      uploads.set(upload.id, upload)
      if (request.headers["content-type"] === undefined) {
        commit({ upload, durable, done: () => response.writeHead(201, Fields.created(upload.id)).end() })
        break
      }
      receive(request, (bytes) => {
        upload.offset = bytes.length
        const done = () => response.writeHead(201, Fields.createdWith(upload.id, upload.offset)).end()
        commit({ upload, tail: { at: 0, bytes }, durable, done })
      })
      break
    }
    case "PATCH": {
      const upload = find(id)
      receive(request, (bytes) => {
        const at = upload.offset
        upload.offset += bytes.length
        const done = () => response.writeHead(204, Fields.patched(upload.offset)).end()
        commit({ upload, tail: { at, bytes }, durable, done })
      })
      break
    }
    case "DELETE":
      uploads.delete(id)
      remove(id)
      response.writeHead(204, Fields.removed).end()
      break
  }
}))
