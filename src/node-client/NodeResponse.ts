/**
 * A response of `node:http` as the client reads it.
 */
import type * as Http from "node:http"
import { maxText } from "../client/transport/TusTransport.js"
import type { RawResponse } from "../wire/Message.js"

/** What is read of an answer behind `maxText` to keep its connection, in characters. */
const maxDiscarded = 64 * 1024

/** Reads as much of the text as is wanted, and returns what is there. */
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

export const toRaw = ({ headersDistinct, statusCode = 0 }: Http.IncomingMessage, body: string): RawResponse => {
  const headers: Record<string, string> = {}
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    headers[name] = values.join(", ")
  }
  return { status: statusCode, headers, ...(body === "" ? {} : { body }) }
}

export const isYes = ({ statusCode = 0 }: Http.IncomingMessage) => statusCode < 300

/**
 * Whether the connection of an answer to HEAD can be used again. Such an answer ends with its head, but Node lets it
 * end the connection if it tells no length. Not every server knows that there is no body, so only one that says
 * `keep-alive` is believed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
export const isKept = ({ headers }: Http.IncomingMessage) => headers.connection?.toLowerCase() === "keep-alive"
