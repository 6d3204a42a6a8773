/**
 * Interim responses, such as 104: what a server says of a request before it answers it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.2
 */
import {
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue
} from "node:http"
import type { Exchange } from "../../server/body/Exchange.js"
import type { RawResponse } from "../../wire/Message.js"
import * as NodeRequest from "./NodeRequest.js"

/** Bytes that may wait for a client that does not read. Interim responses beyond them are dropped. */
const mostWaiting = 16 * 1024

/** What `Exchange.inform` does for this request. HTTP/1.0 has no interim responses. */
export const informer = (request: IncomingMessage, response: ServerResponse): Exchange["inform"] => {
  const { httpVersionMajor: major, httpVersionMinor: minor } = request
  if (!NodeRequest.hasBody(request) || (major === 1 && minor === 0)) {
    return undefined
  }
  return (interim) => {
    if (!response.headersSent && !NodeRequest.isGone(request, response) && response.writableLength < mostWaiting) {
      send(request, response, interim)
    }
  }
}

const send = (request: IncomingMessage, response: ServerResponse, { headers, status }: RawResponse) => {
  const stream = NodeRequest.streamOf(request)
  if (stream !== undefined) {
    return stream.additionalHeaders({ ...headers, ":status": status })
  }
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  writeRaw(response, `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Interim"}\r\n${lines.join("")}\r\n`)
}

/**
 * Before Node 26 there is no public way to send any status. `writeContinue` and `writeEarlyHints` use this method, too:
 * the bytes go out behind the response to an earlier request of the connection.
 */
const writeRaw = (response: ServerResponse, text: string) =>
  (response as unknown as { readonly _writeRaw: (text: string, encoding: "latin1") => boolean })._writeRaw(
    text,
    "latin1"
  )
