/**
 * Reads responses of `node:http`.
 */
import type * as Http from "node:http"
import { maxText } from "../client/transport/TusTransport.js"
import type { RawResponse } from "../wire/Message.js"

/** Up to this many characters behind `maxText` are read and dropped, so that the connection can be kept alive. */
const maxDiscarded = 64 * 1024

/** Reads the text as far as it is wanted. The returned function returns what has arrived. */
export const read = (response: Http.IncomingMessage, onEnough: () => void): () => string => {
  let text = ""
  let size = 0
  response.setEncoding("utf8").on("data", (piece: string) => {
    size += piece.length
    text += piece.slice(0, maxText - text.length)
    if (size > maxText + maxDiscarded) {
      onEnough()
    }
  })
  return () => text
}

export const toRaw = ({ rawHeaders, statusCode = 0 }: Http.IncomingMessage, body: string): RawResponse => {
  const headers: Record<string, string> = {}
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? ""
    const value = rawHeaders[i + 1] ?? ""
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value
  }
  return { status: statusCode, headers, ...(body === "" ? {} : { body }) }
}

export const isYes = ({ statusCode = 0 }: Http.IncomingMessage) => statusCode < 300

/**
 * Whether the connection can be used again after a response to HEAD. Node closes it if the response has no
 * Content-Length. Not every server knows that such a response has no body, so only one that says `keep-alive` is
 * believed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
export const isKept = ({ headers }: Http.IncomingMessage) => headers.connection?.toLowerCase() === "keep-alive"
