/**
 * The floor of files: bodies coalesced into `writev`, one write at a time, and offsets in a Map. It checks nothing, and
 * without a durability it remembers nothing. With one it keeps the promise, by a file and a row for each upload.
 */
import { randomBytes } from "node:crypto"
import { close, fdatasync, fsync, open, openSync, unlink, writev } from "node:fs"
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http"
import { join } from "node:path"
import * as Fields from "./Fields.js"
import { listen, told } from "./Told.js"
import * as Transactions from "./Transactions.js"

const { directory, durability } = told
const highWater = 1024 * 1024
const uploads = new Map<string, Transactions.Upload>()
const folder = openSync(directory, "r")
const database = durability === undefined ? undefined : Transactions.open(directory)

/** Calls `done` when the state lasts as long as is promised. */
const commit = (upload: Transactions.Upload, durable: boolean, done: () => void) =>
  database === undefined ? done() : database.commit({ upload, durable, done })

const orThrow = (done: () => void) => (error: Error | null) => {
  if (error !== null) {
    throw error
  }
  done()
}

/** Calls `done` when the bytes do. */
const sync = (fd: number, durable: boolean, done: () => void) =>
  durable ? fdatasync(fd, orThrow(() => fsync(folder, orThrow(done)))) : done()

/** Calls `done` with the position behind the body when all of it is in the file. */
const store = (request: IncomingMessage, fd: number, start: number, done: (end: number) => void) => {
  let position = start
  let batch: Array<Buffer> = []
  let size = 0
  let writing = false
  let ended = false

  const write = () => {
    if (writing || size === 0) {
      if (ended && !writing) {
        done(position)
      }
      return
    }
    const [buffers, bytes] = [batch, size]
    batch = []
    size = 0
    writing = true
    request.resume()
    writev(fd, buffers, position, (error) => {
      if (error !== null) {
        throw error
      }
      position += bytes
      writing = false
      write()
    })
  }

  request.on("data", (bytes: Buffer) => {
    batch.push(bytes)
    size += bytes.length
    if (size >= highWater) {
      request.pause()
    }
    write()
  }).on("end", () => {
    ended = true
    write()
  })
}

const receive = (
  request: IncomingMessage,
  response: ServerResponse,
  upload: Transactions.Upload,
  status: number,
  fields: (offset: number) => OutgoingHttpHeaders
) =>
  open(join(directory, upload.id), upload.offset === 0 ? "w" : "r+", (error, fd) => {
    if (error !== null) {
      throw error
    }
    store(request, fd, upload.offset, (end) => {
      upload.offset = end
      const durable = durability === "always" || (durability === "completion" && end === upload.length)
      sync(fd, durable, () =>
        close(fd, () =>
          commit(upload, durable, () => response.writeHead(status, fields(end)).end())))
    })
  })

listen(createServer((request, response) => {
  const id = (request.url ?? "").slice("/files/".length)
  const upload = uploads.get(id)
  switch (request.method) {
    case "OPTIONS":
      response.writeHead(204, Fields.options).end()
      break
    case "POST": {
      const id = randomBytes(16).toString("hex")
      const created = { id, offset: 0, length: Number(request.headers["upload-length"]) }
      uploads.set(id, created)
      if (request.headers["content-type"] === undefined) {
        commit(created, durability === "always", () => response.writeHead(201, Fields.created(id)).end())
      } else {
        receive(request, response, created, 201, (offset) => Fields.createdWith(id, offset))
      }
      break
    }
    case "HEAD":
      response.writeHead(200, Fields.head(upload?.offset ?? 0, upload?.length ?? 0)).end()
      break
    case "PATCH":
      if (upload === undefined) {
        throw new Error(`no upload ${id}`)
      }
      receive(request, response, upload, 204, Fields.patched)
      break
    case "DELETE":
      uploads.delete(id)
      database?.remove(id)
      unlink(join(directory, id), () => response.writeHead(204, Fields.removed).end())
      break
  }
}))
