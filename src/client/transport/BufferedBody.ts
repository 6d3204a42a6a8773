/**
 * A body in one piece, for transports that cannot take it as it is read.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Pull from "../../bytes/Pull.js"
import type { RawResponse } from "../../wire/Message.js"
import type { SourceError } from "../sources/UploadSource.js"
import * as Sendable from "./Sendable.js"
import * as StallTimeout from "./StallTimeout.js"
import type { Body, Request, TransportError, TusTransport } from "./TusTransport.js"

/** What such a transport should be given at most, in bytes. */
const limit = 8 * 1024 * 1024

/** A transport of such a kind: it cannot send trailers, and does not see by itself that nothing moves. */
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
      Effect.filterOrDieMessage(() => end === length, `a body of ${length} bytes has another number of them`),
      Effect.as(gathered)
    )
  })
