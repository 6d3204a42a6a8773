/**
 * The bare listener: what `node:http` costs by itself. Its answers have the header fields of this package's, with the
 * same values for every upload.
 */
import { createServer } from "node:http"
import * as Fields from "./Fields.js"
import { listen } from "./Told.js"

const GiB = 1024 ** 3
const id = "0".repeat(32)

listen(createServer((request, response) => {
  switch (request.method) {
    case "OPTIONS":
      response.writeHead(204, Fields.options).end()
      break
    case "HEAD":
      response.writeHead(200, Fields.head(0, GiB)).end()
      break
    case "POST":
      response.writeHead(201, Fields.created(id)).end()
      break
    default:
      response.writeHead(204, Fields.removed).end()
  }
}))
