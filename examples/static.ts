/**
 * A page and its files, from a directory.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import sirv from "sirv"

/** Files may appear and disappear: a missing file is a 404. */
export const make = (directory: string): RequestListener => {
  const serve = sirv(directory, {
    // Looked up for each request.
    dev: true,
    etag: true,
    gzip: true,
    setHeaders: (response, path) => {
      response.setHeader("x-content-type-options", "nosniff")
      // Vite names these files by their content.
      if (path.startsWith("/assets/")) {
        response.setHeader("cache-control", "public, max-age=31536000, immutable")
      }
    }
  })
  return (request, response) => {
    // A file that is removed while it is sent ends its own response only, not the process.
    response.once("pipe", (file) => file.once("error", () => response.destroy()))
    try {
      serve(request, response, () => elsewhere(request, response))
    } catch {
      // A range that ends before it begins.
      response.destroy()
    }
  }
}

const elsewhere = ({ headers, url }: IncomingMessage, response: ServerResponse): void => {
  if (headers.accept?.includes("text/html") === true && url !== "/") {
    // A person who types the address of the server expects a page.
    response.writeHead(302, { location: "/" }).end()
  } else {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("there is no such file\n")
  }
}
