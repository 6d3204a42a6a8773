/**
 * CORS for tus, as a pure function: errors included, every header of the protocol allowed and exposed. Bring no other CORS
 * middleware before it: `HttpMiddleware.cors` answers every OPTIONS itself and so hides what the server can do.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import type { RawRequest } from "../protocol/Command.js"

const requestHeaders = [
  "Authorization",
  "Content-Type",
  "Tus-Resumable",
  "Upload-Checksum",
  "Upload-Concat",
  "Upload-Defer-Length",
  "Upload-Length",
  "Upload-Metadata",
  "Upload-Offset",
  "X-HTTP-Method-Override",
  "X-Request-ID",
  "X-Requested-With"
].join(", ")

const responseHeaders = [
  "Location",
  "Retry-After",
  "Tus-Checksum-Algorithm",
  "Tus-Extension",
  "Tus-Max-Size",
  "Tus-Resumable",
  "Tus-Version",
  "Upload-Concat",
  "Upload-Defer-Length",
  "Upload-Expires",
  "Upload-Length",
  "Upload-Metadata",
  "Upload-Offset"
].join(", ")

export const headers = (
  { headers, method }: RawRequest,
  origins: "*" | ReadonlyArray<string>
): Readonly<Record<string, string>> => {
  const { origin } = headers
  const vary: Record<string, string> = origins === "*" ? {} : { vary: "Origin" }
  if (origin === undefined || (origins !== "*" && !origins.includes(origin))) {
    return vary
  }
  const allowed = { ...vary, "access-control-allow-origin": origins === "*" ? "*" : origin }
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined
    ? {
      ...allowed,
      "access-control-allow-methods": "OPTIONS, POST, HEAD, PATCH, DELETE",
      "access-control-allow-headers": requestHeaders,
      "access-control-max-age": "86400"
    }
    : { ...allowed, "access-control-expose-headers": responseHeaders }
}
