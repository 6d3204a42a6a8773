/**
 * A page and what belongs to it, from a directory.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import sirv from "sirv"

/** The directory may come and go: what is not there is answered with 404. */
export const make = (directory: string): RequestListener => {
  const serve = sirv(directory, {
    // Looked up at each request.
    dev: true,
    etag: true,
    gzip: true,
    setHeaders: (response, path) => {
      response.setHeader("x-content-type-options", "nosniff")
      // Vite names what it puts there by its content.
      if (path.startsWith("/assets/")) {
        response.setHeader("cache-control", "public, max-age=31536000, immutable")
      }
    }
  })
  return (request, response) => {
    // A file that goes while it is sent ends its own answer, and not the process.
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
    // Whoever has typed the address of the server wants to see something.
    response.writeHead(302, { location: "/" }).end()
  } else {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("there is no such file\n")
  }
}
