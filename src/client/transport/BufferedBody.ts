/**
 * Buffers the whole body, for transports that cannot send it while it is read.
 */
import * as Effect from "effect/Effect"
import type { RawResponse } from "../../wire/Message.js"
import * as UploadSource from "../sources/UploadSource.js"
import * as Sendable from "./Sendable.js"
import * as StallTimeout from "./StallTimeout.js"
import type { Request, TransportError, TusTransport } from "./TusTransport.js"

/** The recommended size of a body, in bytes, since all of it is in memory. */
const limit = 8 * 1024 * 1024

/**
 * A transport that buffers bodies. It cannot send trailers, and detects stalls by the bytes that it reports as sent.
 */
export const transport = (
  exchange: (
    request: Request,
    bytes: Uint8Array<ArrayBuffer> | undefined
  ) => Effect.Effect<RawResponse, TransportError | UploadSource.SourceError>
): TusTransport["Type"] => ({
  trailers: false,
  bodyLimit: limit,
  send: (request) =>
    Effect.zipRight(
      Sendable.check(request),
      StallTimeout.watched(
        request,
        (request) =>
          request.body === undefined
            ? exchange(request, undefined)
            : Effect.flatMap(
              UploadSource.gather(request.body.open, request.body.length),
              (bytes) => exchange(request, bytes)
            )
      )
    )
})
