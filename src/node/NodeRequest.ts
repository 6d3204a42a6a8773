/**
 * What differs between a request over HTTP/1.1 and one over HTTP/2, whose shape is nearly the same in Node.
 */
import type { IncomingMessage } from "node:http"
import type { ServerHttp2Stream } from "node:http2"

/** The stream of a request over HTTP/2, which shares its connection with others. */
export const streamOf = (request: IncomingMessage): ServerHttp2Stream | undefined =>
  request.httpVersionMajor >= 2
    ? (request as unknown as { readonly stream: ServerHttp2Stream }).stream
    : undefined

/** Whether a body comes. Over HTTP/2 none is announced: the stream has ended with the head, or it goes on. */
export const hasBody = (request: IncomingMessage): boolean => {
  const stream = streamOf(request)
  return stream === undefined
    ? request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0
    : !stream.endAfterHeaders
}
