/**
 * A page and what belongs to it, from memory: a path leads to a file that was there when the first one was asked for, or nowhere.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import type { RequestListener } from "node:http"
import { extname, join, sep } from "node:path"

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8"
}

const read = (directory: string): ReadonlyMap<string, Buffer> =>
  new Map(
    readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((name) => statSync(join(directory, name)).isFile())
      .map((name) => [`/${name.split(sep).join("/")}`, readFileSync(join(directory, name))])
  )

export const make = (directory: string): RequestListener => {
  let files: ReadonlyMap<string, Buffer> | undefined
  return ({ headers, url = "/" }, response) => {
    files ??= read(directory)
    const [path = "/"] = url.split("?")
    const name = path === "/" ? "/index.html" : path
    const file = files.get(name)
    if (file !== undefined) {
      response.writeHead(200, {
        "content-type": types[extname(name)] ?? "application/octet-stream",
        "content-length": file.length,
        // Vite names what it puts there by its content.
        "cache-control": name.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
        "x-content-type-options": "nosniff"
      }).end(file)
    } else if (headers.accept?.includes("text/html") === true) {
      // Whoever has typed the address of the server wants to see something.
      response.writeHead(302, { location: "/" }).end()
    } else {
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("there is no such file\n")
    }
  }
}
