/**
 * What Node itself costs: offsets in a Map, bodies coalesced into `writev`, one write at a time. It checks nothing,
 * remembers nothing, and promises nothing; with a durability it keeps the promises, and still checks nothing.
 */
import { randomBytes } from "node:crypto"
import { close, fdatasync, fsync, open, openSync, unlink, writev } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import * as Promises from "./promises.mjs"

const { directory, durability } = JSON.parse(process.argv[2])
const highWater = 1024 * 1024

const offsets = new Map()
const lengths = new Map()
const folder = openSync(directory, "r")

/** Calls `done` when the state lasts as long as is promised. */
const commit = durability === undefined ? (_row, _durable, done) => done() : Promises.make(directory)

const orThrow = (done) => (error) => {
  if (error !== null) {
    throw error
  }
  done()
}

/** Calls `done` when the bytes do. */
const sync = (fd, durable, done) =>
  durable ? fdatasync(fd, orThrow(() => fsync(folder, orThrow(done)))) : done()

/** Calls `done` with the bytes written when the body has ended and all of it is in the file. */
const store = (request, fd, start, done) => {
  let position = start
  let batch = []
  let size = 0
  let writing = false
  let ended = false

  const write = () => {
    if (writing || size === 0) {
      if (ended && !writing) {
        done(position - start)
      }
      return
    }
    const buffers = batch
    const bytes = size
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

  request.on("data", (bytes) => {
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

const receive = (request, response, id, status, headers) => {
  const offset = offsets.get(id)
  open(join(directory, id), offset === 0 ? "w" : "r+", (error, fd) => {
    if (error !== null) {
      throw error
    }
    store(request, fd, offset, (written) => {
      const end = offset + written
      const durable = durability === "always" || (durability === "completion" && end === lengths.get(id))
      sync(fd, durable, () =>
        close(fd, () =>
          commit({ id, offset: end, length: lengths.get(id) }, durable, () => {
            offsets.set(id, end)
            response.writeHead(status, { ...headers, "Upload-Offset": end, "Content-Length": 0 }).end()
          })))
    })
  })
}

const server = createServer((request, response) => {
  const id = request.url.slice("/files/".length)
  switch (request.method) {
    case "OPTIONS":
      response.writeHead(204, { "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0" }).end()
      break
    case "POST": {
      const created = randomBytes(16).toString("hex")
      const headers = { "Tus-Resumable": "1.0.0", Location: `/files/${created}` }
      const length = Number(request.headers["upload-length"])
      commit({ id: created, offset: 0, length }, durability === "always", () => {
        offsets.set(created, 0)
        lengths.set(created, length)
        if (request.headers["content-type"] === undefined) {
          response.writeHead(201, { ...headers, "Content-Length": 0 }).end()
        } else {
          receive(request, response, created, 201, headers)
        }
      })
      break
    }
    case "HEAD":
      response.writeHead(200, { "Tus-Resumable": "1.0.0", "Upload-Offset": offsets.get(id) }).end()
      break
    case "PATCH":
      receive(request, response, id, 204, { "Tus-Resumable": "1.0.0" })
      break
    case "DELETE":
      offsets.delete(id)
      lengths.delete(id)
      unlink(join(directory, id), () => response.writeHead(204).end())
      break
  }
}).listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`))
