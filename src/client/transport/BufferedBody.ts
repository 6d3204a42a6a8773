/**
 * Buffers the whole body, for transports that cannot send it while it is read.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Pull from "../../bytes/Pull.js"
import type { RawResponse } from "../../wire/Message.js"
import type { SourceError } from "../sources/UploadSource.js"
import * as Sendable from "./Sendable.js"
import * as StallTimeout from "./StallTimeout.js"
import type { Body, Request, TransportError, TusTransport } from "./TusTransport.js"

/** The recommended size of a body, in bytes, since all of it is in memory. */
const limit = 8 * 1024 * 1024

/**
 * A transport that buffers bodies. It cannot send trailers, and detects stalls by the bytes that it reports as sent.
 */
export const transport = (
  exchange: (
    request: Request,
    bytes: Uint8Array<ArrayBuffer> | undefined
  ) => Effect.Effect<RawResponse, TransportError | SourceError>
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
            : Effect.flatMap(gather(request.body), (bytes) => exchange(request, bytes))
      )
    )
})

const gather = ({ length, open }: Body): Effect.Effect<Uint8Array<ArrayBuffer>, SourceError> =>
  Effect.suspend(() => {
    const gathered = new Uint8Array(length)
    let end = 0
    const put = (batch: Chunk.Chunk<Uint8Array>) =>
      Effect.sync(() =>
        Chunk.forEach(batch, (bytes) => {
          gathered.set(bytes, end)
          end += bytes.length
        })
      )
    return Pull.use(open, (pull) => Pull.forEachBatch(pull, put)).pipe(
      Effect.filterOrDieMessage(() => end === length, `a body of ${length} bytes has another length`),
      Effect.as(gathered)
    )
  })
