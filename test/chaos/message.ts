/**
 * Requests of tus as data, and their encoding.
 */
import { createHash } from "node:crypto"

export interface Message {
  readonly method: "OPTIONS" | "POST" | "HEAD" | "PATCH" | "DELETE"
  readonly path: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: Uint8Array
  /** Sends the body in chunks, with this trailer. */
  readonly trailer?: readonly [name: string, value: string]
}

const bytes = { "Content-Type": "application/offset+octet-stream" }

export const create = (path: string, headers: Readonly<Record<string, string | number>>, body?: Uint8Array): Message =>
  body === undefined
    ? { method: "POST", path, headers }
    : { method: "POST", path, headers: { ...headers, ...bytes }, body }

export const append = (
  path: string,
  offset: number,
  body: Uint8Array,
  headers: Readonly<Record<string, string | number>> = {}
): Message => ({ method: "PATCH", path, headers: { "Upload-Offset": offset, ...bytes, ...headers }, body })

const checksum = (body: Uint8Array) => `sha1 ${createHash("sha1").update(body).digest("base64")}`

export const checked = (path: string, offset: number, body: Uint8Array): Message =>
  append(path, offset, body, { "Upload-Checksum": checksum(body) })

export const trailed = (path: string, offset: number, body: Uint8Array): Message => ({
  ...append(path, offset, body, { Trailer: "Upload-Checksum" }),
  trailer: ["Upload-Checksum", checksum(body)]
})

export const ask = (path: string): Message => ({ method: "HEAD", path })

export const terminate = (path: string): Message => ({ method: "DELETE", path })

/** In pieces, without copies. */
export const encode = ({ body, headers, method, path, trailer }: Message): ReadonlyArray<Uint8Array> => {
  const framing = trailer !== undefined
    ? { "Transfer-Encoding": "chunked" }
    : body === undefined
    ? {}
    : { "Content-Length": body.length }
  const fields = Object.entries({ Host: "localhost", "Tus-Resumable": "1.0.0", ...framing, ...headers })
  const head = `${method} ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`
  return trailer === undefined
    ? [latin1(head), ...(body === undefined ? [] : [body])]
    : [latin1(head), ...chunked(body ?? new Uint8Array()), latin1(`0\r\n${trailer.join(": ")}\r\n\r\n`)]
}

const chunkBytes = 100_000

function* chunked(body: Uint8Array) {
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.subarray(at, at + chunkBytes)
    yield latin1(`${chunk.length.toString(16)}\r\n`)
    yield chunk
    yield latin1("\r\n")
  }
}

const latin1 = (text: string) => Buffer.from(text, "latin1")
