/**
 * The running example with a directory of its own, and what it has stored there.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { join } from "node:path"
import { example } from "../example.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { fetched } from "../support/exchange.js"

export const server = Effect.gen(function*() {
  const path = yield* directory
  return { ...(yield* example("node-server", { UPLOAD_DIR: path })), directory: path }
})

/** The file with the bytes of an upload. */
export const fileOf = (directory: string, url: string) => {
  const id = url.split("/").at(-1) ?? ""
  return join(directory, id.slice(-2), id)
}

export const sha256 = async (chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => {
  const hash = createHash("sha256")
  for await (const chunk of chunks) {
    hash.update(chunk)
  }
  return hash.digest("hex")
}

export const sha256OfFile = (path: string) => sha256(createReadStream(path, { highWaterMark: 1024 * 1024 }))

/** The URL of a new upload. */
export const createUpload = async (
  endpoint: string,
  length: number,
  headers?: Exchange.Headers,
  body?: Exchange.Request["body"]
) => {
  const answer = await fetched(Exchange.request("POST", endpoint, { "upload-length": length, ...headers }, body))
  return new URL(Exchange.locationOf(answer), endpoint).href
}

export const offsetOf = async (url: string) => Exchange.offsetOf(await fetched(Exchange.head(url)))
